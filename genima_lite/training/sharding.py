"""Weights shared out over processes: each keeps a part, and gathers a block's rest while it runs.

PyTorch's FSDP2, asked for in accelerate's configuration (docs/fsdp.yaml). Weights, gradients,
average and what AdamW remembers of a network of N numbers take N / P of each process; the results
are those of one process, and so are the files: gathered, under the same names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genima_lite.errors import UserError
from genima_lite.training.config import TrainingConfig

_YES = ("1", "true", "yes")


def shards_weights() -> bool:
    """Return whether accelerate's launcher says that weights are to be shared out.

    Raises:
        UserError: in a way that is not known here.
    """
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() in _YES:
        raise UserError("DeepSpeed is not known here: take accelerate's FSDP with fsdp_version 2")
    wanted = os.environ.get("ACCELERATE_USE_FSDP", "").lower() in _YES
    if wanted and os.environ.get("FSDP_VERSION", "1") != "2":
        raise UserError("FSDP of version 1 is not known here: set fsdp_version to 2")
    if wanted and os.environ.get("FSDP_CPU_RAM_EFFICIENT_LOADING", "").lower() in _YES:
        raise UserError(  # transformers would leave the text encoders of other processes empty
            "FSDP: every process loads the weights itself: set fsdp_cpu_ram_efficient_loading to "
            "false"
        )
    return wanted


def check_sharding(config: TrainingConfig, blocks: Sequence[nn.Module], processes: int) -> None:
    """Raise `UserError` unless a run's weights can be shared out."""
    if processes < 2:
        raise UserError("FSDP shares weights out over at least two processes: launch more")
    if not blocks:
        raise UserError(
            "FSDP: this network's weights are not shared out; launch with torchrun or "
            "accelerate launch --multi_gpu"
        )
    if config.optimizer != "adamw" or config.precision == "float16":
        raise UserError(
            "FSDP goes with training.optimizer adamw and training.precision bfloat16 or float32"
        )


def share_out(blocks: Iterable[nn.Module], device: torch.device) -> None:
    """Share out the weights of blocks, in place: every parameter becomes a new one.

    Args:
        blocks: inner ones first; each is called as a module.
        device: of this process.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    for block in blocks:  # gathered anew for each pass: the weights may have changed between
        fully_shard(block, mesh=mesh, reshard_after_forward=True)


def whole(tensor: Any) -> Tensor:
    """Return all of a tensor; every process must ask, in the same order."""
    return tensor.detach().full_tensor() if _is_shared(tensor) else tensor


def own(tensor: Any) -> Tensor:
    """Return this process's part of a tensor, in the same memory."""
    return tensor.detach().to_local() if _is_shared(tensor) else tensor


def shared_like(tensor: Any, found: Tensor) -> Tensor:
    """Return a whole tensor shared out as another one is; as it is if that is not."""
    if not _is_shared(tensor):
        return found
    from torch.distributed.tensor import distribute_tensor

    found = found.to(tensor.device)
    return distribute_tensor(found, tensor.device_mesh, tensor.placements, src_data_rank=None)


def _is_shared(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")  # a DTensor; torch before 2.5 has none
