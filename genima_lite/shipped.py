"""Where the trained models are that come with the repository."""

from __future__ import annotations

from pathlib import Path

from genima_lite.errors import UserError

_HERE = Path(__file__).resolve().parent
DATA = _HERE / "data" if (_HERE / "data").is_dir() else _HERE.parent / "data"
"""The repository's `data/` folder; within the package where that was installed without a clone."""


def shipped(name: str) -> Path:
    """Return the folder of a shipped model: `mini-turbo`, `genima`, `genima/controller` or `act`.

    Raises:
        UserError: not there.
    """
    folder = DATA / name
    if not folder.is_dir():
        raise UserError(
            f"no trained model in {folder}: clone the repository or install the package from it, "
            "or train one and give its folder with --checkpoint"
        )
    return folder
