"""What a folder was made from: its whole configuration, and fingerprints of data and weights.

Everything that is cached or resumed (drawings, perturbed states, rollouts, demonstrations,
trainings, evaluations) claims its folder first. Started again from the same things it goes on;
from other things it is refused, by the name of what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.files import check_file, write_json

FILE = "provenance.json"
"""Where a folder says what it was made from."""

DIFFUSION_PARTS = (
    *("controlnet", "scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"),
    *("unet", "vae"),
)
"""The folders of a model in Stable Diffusion's format that are read, sorted."""

SETTINGS = {
    "controller.json": ("config",),
    "genima.json": ("horizon", "keyframes", "sampling_steps", "target", "view_size"),
}
"""What a model does depends on these names in its JSON; not on the others, such as the minutes that
its training took."""

_BLOCK = 1 << 20


def fingerprint(*paths: Path | str) -> str:
    """Return 16 hexadecimal digits that change with any name or byte under some paths.

    Hidden files (their names start with a dot) are left out: they are unfinished.

    Args:
        paths: files, or folders with all that lies below. Where a folder lies, and in which order
            it lists its files, does not matter.

    Raises:
        UserError: nothing there.
    """
    total = hashlib.sha256()
    for path in map(Path, paths):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        for file in _files(path):
            name = file.relative_to(path).as_posix() if path.is_dir() else ""
            total.update(f"{name}\0{_digest(file)}\n".encode(errors="surrogateescape"))
        total.update(b"\n")
    return total.hexdigest()[:16]


def claim(folder: Path | str, made_from: Mapping[str, Any]) -> None:
    """Write down what a folder is made from, or refuse if it is made from something else.

    Args:
        folder: made if it is not there.
        made_from: JSON-able, all that the content depends on: settings, seeds, fingerprints.

    Raises:
        UserError: the folder holds something else; the message names the first difference.
    """
    path = Path(folder) / FILE
    wanted = json.loads(json.dumps(made_from))
    if path.exists():
        check(folder, wanted)
    else:
        write_json(path, wanted)


def check(folder: Path | str, made_from: Mapping[str, Any]) -> None:
    """Refuse a folder that is made from something else.

    Raises:
        UserError: it is, or does not say what it is made from.
    """
    compare(folder, origin(folder), made_from)


def compare(what: Path | str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse what is made from something else.

    Args:
        what: file or folder, for the message.
        found: what it says that it was made from, as read from JSON.
        wanted: JSON-able, what it should be made from.

    Raises:
        UserError: they differ; the message names the first difference.
    """
    one, other = _flat(found), _flat(json.loads(json.dumps(wanted)))
    for name in [*other, *one]:
        if one.get(name) != other.get(name):
            raise UserError(
                f"{what} was made from {name} = {_shown(one, name)}, not "
                f"{_shown(other, name)}; use the same again, delete it, or choose another folder"
            )


def origin(folder: Path | str) -> dict[str, Any]:
    """Return what a folder says that it was made from.

    Raises:
        UserError: it does not say so.
    """
    path = Path(folder) / FILE
    if not path.exists():
        raise UserError(f"{folder}: no {FILE} in it, so nobody knows what it was made from")
    try:
        return schema.read(dict[str, Any], path)
    except UserError as error:
        raise UserError(f"{error}; delete the folder") from None


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or a folder's files in the order of their names."""
    if path.is_file():
        yield path
        return
    below = ((file.relative_to(path), file) for file in path.rglob("*") if file.is_file())
    visible = (each for each in below if not any(part.startswith(".") for part in each[0].parts))
    yield from (file for _, file in sorted(visible, key=lambda each: each[0].as_posix()))


def _digest(file: Path) -> str:
    content = hashlib.sha256()
    check_file(file)
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            content.update(block)
    return content.hexdigest()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _shown(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name]) if name in values else "nothing"


def model_fingerprint(folder: Path | str) -> str:
    """Return a fingerprint of a trained model: of its weights, and of the settings they need.

    Checkpoints and logs of its training, how long it took, and what it was made from do not count.

    Args:
        folder: a diffusion model in Stable Diffusion's format, a controller, or a Genima with both,
            in `diffusion/` and `controller/`; or one file with a whole diffusion model.

    Raises:
        UserError: no model there, or its settings are no JSON.
    """
    folder = Path(folder)
    if folder.is_file():
        return fingerprint(folder)
    places = (folder, folder / "diffusion", folder / "controller")
    parts = [part for place in places for part in _model_parts(place)]
    if not parts:
        raise UserError(f"{folder}: no model in it")
    told = [_settings(place / name) for place in places for name in SETTINGS]
    return hashlib.sha256("\n".join([fingerprint(*parts), *told]).encode()).hexdigest()[:16]


def _model_parts(folder: Path) -> list[Path]:
    """Return the files and folders with the weights of a folder's model, none if there is none."""
    names = ["controller.safetensors"]
    if (folder / "model_index.json").is_file():
        names += ["model_index.json", *DIFFUSION_PARTS]
    return [folder / name for name in names if (folder / name).exists()]


def _settings(path: Path) -> str:
    """Return the settings in a model's JSON as text; none if the file is not there."""
    if not path.exists():
        return ""
    found = schema.read(dict[str, Any], path)
    return json.dumps({name: found.get(name) for name in SETTINGS[path.name]}, sort_keys=True)
