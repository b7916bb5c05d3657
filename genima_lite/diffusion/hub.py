"""A model of the hub: what of it is downloaded, and where it then lies."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import snapshot_download

from genima_lite.errors import UserError
from genima_lite.provenance import DIFFUSION_PARTS

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_KINDS = ("json", "txt", "safetensors")
_HALF = ("*.fp16.*", "*.fp16-*", "*.non_ema.*")


def is_hub_id(name: Path | str) -> bool:
    """Return whether a name is none of a folder here, and may be one of the hub's."""
    return isinstance(name, str) and _ID.fullmatch(name) is not None and not Path(name).exists()


def download(name: str) -> Path:
    """Return the folder with a model of the hub; JSON, text and safetensors are all that is taken.

    Raises:
        UserError: no network, or no such model.
    """
    wanted = [
        "model_index.json",
        *(f"{part}/*.{kind}" for part in DIFFUSION_PARTS for kind in _KINDS),
    ]
    try:
        folder = Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=list(_HALF)))
        if _without_weights(folder):  # some are there only in half precision
            folder = Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:  # the network has many
        said = str(error).partition("\n")[0]
        raise UserError(
            f"'{name}' is no folder with a model here, and cannot be had from the hub ({said}); a "
            "local folder in Stable Diffusion's format works without a network, and the recipe "
            "'laptop' needs neither"
        ) from None
    return folder


def _without_weights(folder: Path) -> bool:
    """Return whether one of a model's networks came without weights."""
    networks = (path.parent for path in folder.glob("*/config.json"))
    return any(not list(network.glob("*.safetensors")) for network in networks)
