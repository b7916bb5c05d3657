"""Where the trained models are that come with the repository."""

from __future__ import annotations

from pathlib import Path

from genima_lite.errors import UserError

DATA = Path(__file__).resolve().parents[1] / "data"
"""The repository's `data/` folder; absent where only the package is installed."""


def shipped(name: str) -> Path:
    """Return the folder of a shipped model: `mini-turbo`, `genima`, `genima/controller` or `act`.

    Raises:
        UserError: not there.
    """
    folder = DATA / name
    if not folder.is_dir():
        raise UserError(
            f"no trained model in {folder}: clone the repository instead of installing the bare "
            "package, or train one and give its folder with --checkpoint"
        )
    return folder
