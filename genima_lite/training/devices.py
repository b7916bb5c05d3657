"""Where training runs: one processor or GPU, or several processes that share the work.

Started by `torchrun` or `accelerate launch` every process runs the whole program; they meet at each
step. The main process writes checkpoints and logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, PartialState
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from torch import Tensor

from genima_lite.errors import UserError

T = TypeVar("T")


def make_accelerator(
    device: str, precision: str, trackers: Sequence[str] = (), out: Path | None = None
) -> Accelerator:
    """Return accelerate's door to a device.

    Args:
        device: cpu, cuda or mps. Of several GPUs, each process takes the one of its number.
        precision: one of `genima_lite.training.precision.PRECISIONS`.
        trackers: accelerate's names of what numbers are logged to.
        out: folder for those of them that write files.

    Raises:
        UserError: a tracker that is not installed, an unknown device, or one that is not here.
    """
    check_device(device)
    here = [str(each.value) for each in get_available_trackers()]
    for name in trackers:
        if name not in here:
            known = ", ".join(here) or "none"
            raise UserError(f"training: tracker '{name}' is not installed (there: {known})")
    _forget(device)
    return Accelerator(
        log_with=list(trackers) or None,
        project_dir=out and str(out / "trackers"),
        cpu=device == "cpu",
        mixed_precision="bf16" if precision == "bfloat16" else "no",
        kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],
    )


def check_device(device: str) -> None:
    """Raise `UserError` unless this machine has such a device."""
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if device not in here:
        raise UserError(
            f"unknown device '{device}': choose from {', '.join(here)}; "
            "CUDA_VISIBLE_DEVICES says which GPUs are used"
        )
    if not here[device]:
        raise UserError(f"device '{device}' is not on this machine, or torch does not find it")


def _forget(device: str) -> None:
    """Let a run have another precision or device than one before: accelerate keeps the first."""
    alone = PartialState._shared_state == {} or (
        PartialState().num_processes == 1 and PartialState().device.type != device
    )
    AcceleratorState._reset_state(reset_partial_state=alone)


def memory(device: torch.device) -> float:
    """Return GiB: of a GPU the most that were needed so far, else what this process holds now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return float(psutil.Process().memory_info().rss) / 2**30


class Ahead(Generic[T]):
    """Batches on a device, the next one made and copied while the device computes.

    Args:
        coming: batches on the CPU.
        device: where they go; on the CPU nothing is made ahead.
    """

    def __init__(self, coming: Iterator[T], device: torch.device):
        self._coming, self._device = coming, device
        self._next: T | None = None

    def fetch(self) -> None:
        """Make the next batch, if there is one, and begin to copy it."""
        if self._device.type != "cpu" and self._next is None:
            made = next(self._coming, None)
            self._next = None if made is None else to_device(made, self._device)

    def take(self) -> T:
        """Return the next batch.

        Raises:
            StopIteration: there is none.
        """
        made, self._next = self._next, None
        return to_device(next(self._coming), self._device) if made is None else made


def to_device(batch: T, device: torch.device) -> T:
    """Return a batch on a device: tensors, dataclasses of them, tuples, lists and dictionaries.

    What goes to a GPU with CUDA is copied beside its computation, which memory that cannot be
    swapped out allows.
    """
    return batch if device.type == "cpu" else _moved(batch, device)


def _moved(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        if device.type == "cuda":
            return batch.pin_memory().to(device, non_blocking=True)
        return batch.to(device)
    if is_dataclass(batch) and not isinstance(batch, type):
        values = {f.name: _moved(getattr(batch, f.name), device) for f in fields(batch)}
        return replace(batch, **values)
    if isinstance(batch, dict):
        return {name: _moved(value, device) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(_moved(value, device) for value in batch)
    return batch
