"""Tensors on disk: safetensors files, which run no code, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from genima_lite.errors import UserError
from genima_lite.files import written_whole


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> None:
    """Write tensors by name, and further texts; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as partial:
        save_file(ready, partial, metadata)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and texts.

    Raises:
        UserError: no such file, or not whole.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        return load_file(path), metadata
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; train first") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not readable ({error}); train again") from error
