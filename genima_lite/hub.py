"""A model of the hub: what of it is downloaded, and where it then lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
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
    """Return the folder with a diffusion model of the hub; JSON, text and safetensors are taken.

    Raises:
        UserError: no network, or no such model.
    """
    wanted = [
        "model_index.json",
        *(f"{part}/*.{kind}" for part in DIFFUSION_PARTS for kind in _KINDS),
    ]
    folder = _downloaded(name, wanted, _HALF)
    if _without_weights(folder):  # some are there only in half precision
        folder = _downloaded(name, wanted)
    return folder


def download_network(name: str) -> Path:
    """Return the folder with a single network of the hub: its sizes, and weights in safetensors.

    Raises:
        UserError: no network, or no such model.
    """
    return _downloaded(name, ["config.json", "model.safetensors"])


@cache
def download_policy(name: str) -> Path:
    """Return the folder with a policy of the hub: its controller, in `controller/` or alone, and
    what draws for it, in `diffusion/` or beside.

    Raises:
        UserError: no network, or no such model.
    """
    diffusion = ["genima.json", "model_index.json"]
    diffusion += [f"{part}/*.{kind}" for part in DIFFUSION_PARTS for kind in _KINDS]
    controller = ["controller.json", "controller.safetensors"]
    wanted = [f"diffusion/{each}" for each in diffusion]
    wanted += [f"controller/{each}" for each in controller]
    return _downloaded(name, [*diffusion, *controller, *wanted])


def _downloaded(name: str, wanted: Sequence[str], not_wanted: Sequence[str] = ()) -> Path:
    """Return the folder with some files of a model."""
    some, others = list(wanted), list(not_wanted)
    try:
        return Path(snapshot_download(name, allow_patterns=some, ignore_patterns=others))
    except Exception as error:  # the network has many
        said = str(error).partition("\n")[0]
        raise UserError(
            f"'{name}' is no folder with a model here, and cannot be had from the hub ({said}); a "
            "local folder works without a network, and the recipe 'laptop' needs neither"
        ) from None


def _without_weights(folder: Path) -> bool:
    """Return whether one of a model's networks came without weights."""
    networks = (path.parent for path in folder.glob("*/config.json"))
    return any(not list(network.glob("*.safetensors")) for network in networks)
