"""What turns gradients into steps: AdamW, or AdamW that keeps what it remembers in eight bits.

| | bytes a weight | kept in a checkpoint, by the weight's name |
|---|---|---|
| `adamw` | 8 | `step`, `exp_avg`, `exp_avg_sq` |
| `adamw8bit` | 2 | `step`, `state1`, `state2` (bytes), `absmax1`, `absmax2` (scales of 256) |

Eight bits are bitsandbytes' (Dettmers et al., 2022); tensors below 4096 numbers keep single
precision. Its tables of what a byte means are constants, and are not written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genima_lite.errors import UserError
from genima_lite.extras import missing_extra
from genima_lite.training.config import TrainingConfig
from genima_lite.training.sharding import shared_like

_TABLES = ("qmap1", "qmap2")

Groups = Mapping[str, tuple[Sequence[nn.Parameter], float]]


def make_optimizer(groups: Groups, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimizer of a run; each of its groups has the `highest` learning rate.

    Args:
        groups: trained parameters by a group's name, with a factor of their learning rate.
        config: of the run.

    Raises:
        UserError: `adamw8bit` without bitsandbytes.
    """
    options = [
        {"params": list(parameters), "highest": factor * config.learning_rate}
        for parameters, factor in groups.values()
    ]
    if config.optimizer == "adamw8bit":
        return _eight_bits(options, config.weight_decay)
    return torch.optim.AdamW(options, lr=0.0, weight_decay=config.weight_decay, fused=True)


def check_optimizer(name: str) -> None:
    """Raise `UserError` unless what an optimizer needs is installed."""
    if name == "adamw8bit":
        _bitsandbytes()


def _bitsandbytes() -> Any:
    try:
        import bitsandbytes.optim
    except ModuleNotFoundError as error:
        raise (missing_extra("optimizer 'adamw8bit'", error) or error) from error
    return bitsandbytes.optim


def _eight_bits(options: list[dict[str, Any]], weight_decay: float) -> torch.optim.Optimizer:
    module = _bitsandbytes()
    for weight in (weight for group in options for weight in group["params"]):
        # It would do so itself in the first step, but with its state in the order from before.
        weight.data = weight.data.contiguous()
    made: torch.optim.Optimizer = module.AdamW8bit(options, lr=0.0, weight_decay=weight_decay)
    return made


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, names: Mapping[Any, str]
) -> dict[str, Tensor]:
    """Return an optimizer's state as `NAME.KIND`, by the names of its parameters."""
    return {
        f"{names[weight]}.{kind}": _tensor(value)
        for weight, state in optimizer.state.items()
        for kind, value in state.items()
        if kind not in _TABLES
    }


def restore_optimizer(
    path: Path,
    optimizer: torch.optim.Optimizer,
    names: Mapping[Any, str],
    found: Mapping[str, Tensor],
) -> None:
    """Put the state that `optimizer_tensors` gave into an optimizer of the same parameters.

    Raises:
        UserError: the state is of other parameters.
    """
    states: dict[str, dict[str, Tensor]] = {}
    for full, tensor in found.items():
        name, _, kind = full.rpartition(".")
        states.setdefault(name, {})[kind] = tensor
    for number, group in enumerate(optimizer.param_groups):
        for place, weight in enumerate(group["params"]):
            if (state := states.pop(names[weight], None)) is not None:
                wanted = _empty(optimizer, group, weight, number, place)
                optimizer.state[weight] = _filled(path, names[weight], wanted, state)
    if states:
        raise UserError(
            f"{path} is of another model: it has an optimizer of '{next(iter(states))}'"
        )


def _tensor(value: Any) -> Tensor:
    """Return how a part of a state is written: counts of steps as a real number."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float32)


def _empty(
    optimizer: torch.optim.Optimizer, group: dict[str, Any], weight: Tensor, number: int, place: int
) -> dict[str, Any]:
    """Return the state of a weight before its first step.

    AdamW's fused kernel takes the weight's order of memory for granted; convolutions may have their
    channels last, files do not.
    """
    if hasattr(optimizer, "init_state"):  # of bitsandbytes
        optimizer.init_state(group, weight, number, place)
        return dict(optimizer.state[weight])
    like = torch.zeros_like(weight, requires_grad=False)
    step = torch.zeros((), dtype=torch.float32, device=weight.device)
    return {"step": step, "exp_avg": like, "exp_avg_sq": like.clone()}


def _filled(
    path: Path, name: str, empty: dict[str, Any], state: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Return an empty state with the numbers of a file."""
    known = {kind: value for kind, value in empty.items() if kind not in _TABLES}
    shapes = {kind: _tensor(value).shape for kind, value in known.items()}
    if {kind: tensor.shape for kind, tensor in state.items()} != shapes:
        raise UserError(f"{path}: the optimizer's state of '{name}' is not whole; delete the file")
    for kind, tensor in state.items():
        if tensor.dtype != _tensor(known[kind]).dtype:
            raise UserError(f"{path}: the optimizer's '{kind}' of '{name}' is of {tensor.dtype}")
    new = {kind: _copied(value, state[kind]) for kind, value in known.items()}
    return {**empty, **new}


@torch.no_grad()
def _copied(value: Any, found: Tensor) -> Any:
    return value.copy_(shared_like(value, found)) if isinstance(value, Tensor) else int(found)
