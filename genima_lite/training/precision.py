"""In which precision networks are trained."""

from __future__ import annotations

import torch

from genima_lite.errors import UserError

PRECISIONS = ("float32", "bfloat16", "float16", "auto")
"""`auto` is whichever of the first two the processor is faster with (`fast_precision`)."""

_HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def fast_precision(device: torch.device | str = "cpu") -> str:
    """Return "bfloat16" where the processor multiplies matrices of it, "float32" elsewhere.

    On a CPU with AVX-512 BF16 or AMX a training step of the diffusion model takes half the time;
    without them it would take longer than in float32.
    """
    if torch.device(device).type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    knows = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if knows else "float32"


def resolved(precision: str, device: torch.device | str) -> str:
    """Return a precision, or for "auto" the faster one on a device."""
    return fast_precision(device) if precision == "auto" else precision


def frozen_dtype(precision: str, device: torch.device | str) -> torch.dtype:
    """Return in which precision networks are kept that do not learn: that of their arithmetic."""
    return _HALF.get(resolved(precision, device), torch.float32)


def autocast(device: torch.device | str, precision: str) -> torch.autocast:
    """Return the context in which a forward pass runs at a precision."""
    half = _HALF.get(precision)
    return torch.autocast(torch.device(device).type, half, enabled=half is not None)


def loss_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """Return what multiplies losses, and skips steps whose gradients overflow; off but in float16.

    The smallest gradients would be zero in float16, which has 5 bits of exponent. bfloat16 has as
    many as single precision and needs none of this.
    """
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")


def check_precision(precision: str) -> None:
    """Raise `UserError` unless the precision is one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision '{precision}': choose from {', '.join(PRECISIONS)}")
