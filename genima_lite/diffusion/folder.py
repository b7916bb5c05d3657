"""A folder in Stable Diffusion's format, checked before any library sees it.

Libraries look up classes by the names that a folder gives them, follow its links and read pickled
weights; all of that can run code. Here the names are compared with a list, files are looked for by
ourselves, and only JSON, text and safetensors are read. `genima_lite.diffusion.networks` builds
from what is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, check_file, read_json
from genima_lite.tensor_files import FLOATS, Entry, read_header

INDEX = "model_index.json"

PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionControlNetPipeline",
    "StableDiffusionInstructPix2PixPipeline",
    "StableDiffusionXLPipeline",
    "StableDiffusionXLControlNetPipeline",
)

_SCHEDULERS = (
    *("DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "LCMScheduler"),
    *("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler"),
    "UniPCMultistepScheduler",
)

CLASSES: dict[str, tuple[tuple[str, str], ...]] = {
    "unet": (("diffusers", "UNet2DConditionModel"),),
    "controlnet": (("diffusers", "ControlNetModel"),),
    "vae": (
        ("diffusers", "AutoencoderKL"),
        ("genima_lite.diffusion.autoencoder", "LosslessAutoencoder"),
    ),
    "text_encoder": (("transformers", "CLIPTextModel"),),
    "text_encoder_2": (("transformers", "CLIPTextModelWithProjection"),),
    "tokenizer": (("transformers", "CLIPTokenizer"), ("transformers", "CLIPTokenizerFast")),
    "tokenizer_2": (("transformers", "CLIPTokenizer"), ("transformers", "CLIPTokenizerFast")),
    "scheduler": tuple(("diffusers", name) for name in _SCHEDULERS),
}
"""What each part of a model may be: library and class."""

_UNUSED = {
    "safety_checker": (("stable_diffusion", "StableDiffusionSafetyChecker"),),
    "feature_extractor": (
        ("transformers", "CLIPImageProcessor"),
        ("transformers", "CLIPFeatureExtractor"),
    ),
    "image_encoder": (("transformers", "CLIPVisionModelWithProjection"),),
}
"""Parts that Stable Diffusion has and we leave out; they are not even looked at."""

_SECOND_TEXT = ("text_encoder_2", "tokenizer_2")
"""What Stable Diffusion XL reads prompts with beside the first ones."""

_OPTIONAL = ("controlnet", *_SECOND_TEXT)
_MOST_LAYERS = 200
_TENSORS_A_LAYER = 8  # at least
_MOST_ENTRIES = 64
_LARGEST_NUMBER = 1 << 20


@dataclass(frozen=True)
class Weights:
    """The weights of one network.

    Attributes:
        files: one, or several that share them.
        tensors: by name, what all of them hold.
        places: by name, the file that holds a tensor.
    """

    files: tuple[Path, ...]
    tensors: dict[str, Entry]
    places: dict[str, Path]


def read_index(folder: Path) -> dict[str, str]:
    """Return the class of the pipeline, as `_class_name`, and of each part that it has, by name.

    Raises:
        UserError: no model, one of another kind, or a class that is not on our list.
    """
    path = folder / INDEX
    if not path.exists():
        raise UserError(f"no model in '{folder}': {INDEX} is missing")
    check_place(folder, path)
    values = schema.decode(dict[str, Any], read_json(path, MEBIBYTE), path)
    kind = values.get("_class_name")
    if kind not in PIPELINES:
        raise UserError(f"{path}: _class_name is {_short(kind)}; it must be {_any_of(PIPELINES)}")
    found = {"_class_name": kind}
    for name, value in values.items():
        if isinstance(value, list | tuple | dict):
            _check_part(path, name, value)
            if name in CLASSES and value != [None, None]:
                found[name] = value[1]
    return _complete(path, found)


def _check_part(path: Path, name: str, value: object) -> None:
    """Refuse a class that is not on the lists."""
    known = {**CLASSES, **_UNUSED}
    if name not in known:
        raise UserError(f"{path}: '{_short(name)}' is no part of a model that fits")
    pairs = [*map(list, known[name]), *([[None, None]] if name not in CLASSES else [])]
    if name in _OPTIONAL:
        pairs.append([None, None])
    if value not in pairs:
        allowed = _any_of([each for _, each in known[name]])
        raise UserError(f"{path}: {name} is {_short(value)}; it must be {allowed}")


def _complete(path: Path, found: dict[str, str]) -> dict[str, str]:
    """Refuse a model without one of its parts."""
    wanted = [name for name in CLASSES if name not in _OPTIONAL]
    if "ControlNet" in found["_class_name"]:
        wanted.append("controlnet")
    if "XL" in found["_class_name"]:
        wanted += _SECOND_TEXT
    elif further := [name for name in _SECOND_TEXT if name in found]:
        raise UserError(f"{path}: {further[0]} is for Stable Diffusion XL alone")
    if missing := [name for name in wanted if name not in found]:
        raise UserError(f"{path}: names no {missing[0]}")
    if not (path.parent / "unet").is_dir() and (path.parent / "transformer").is_dir():
        raise UserError(f"{path.parent}: a model with a transformer in place of a UNet")
    return found


def read_config(folder: Path, name: str, file: str, wanted: str) -> dict[str, Any]:
    """Read the JSON of sizes that belongs to a part of a model.

    Args:
        folder: of the model.
        name: of the part.
        file: name of the JSON file.
        wanted: the class that it must be of, if it says so.

    Returns:
        The values without those for libraries alone, whose names begin with an underscore.

    Raises:
        UserError: missing, not readable, of another class, or with a number beyond all reason.
    """
    path = folder / name / file
    check_place(folder, path)
    values = schema.decode(dict[str, Any], read_json(path, MEBIBYTE), path)
    said = values.get("_class_name", wanted)
    if said != wanted:
        raise UserError(f"{path}: _class_name is {_short(said)}, {INDEX} says {wanted}")
    if "auto_map" in values:
        raise UserError(f"{path}: auto_map names code in the folder, which is never run")
    for key, value in values.items():
        _check_numbers(path, key, value, _most(key))
    return {key: value for key, value in values.items() if not key.startswith("_")}


def find_weights(folder: Path, name: str, stem: str) -> Weights:
    """Find a network's weights, whole or in several files, in single or half precision.

    Args:
        folder: of the model.
        name: of the part.
        stem: how the files' names begin.

    Raises:
        UserError: only pickled weights, none, or a file that is broken or not in the folder.
    """
    place = folder / name
    for variant in ("", ".fp16"):
        whole = place / f"{stem}{variant}.safetensors"
        if whole.exists() or whole.is_symlink():
            return _weights(folder, [whole])
        for index in (f"{stem}.safetensors.index{variant}.json", f"{stem}{variant}.index.json"):
            if (place / index).exists():
                return _sharded(folder, place / index)
    pickled = [*place.glob("*.bin"), *place.glob("*.pt"), *place.glob("*.ckpt")]
    if pickled:
        raise UserError(
            f"{pickled[0]}: pickled weights could run code; where you trust them, load the model "
            "in diffusers and write it anew with save_pretrained(folder, safe_serialization=True)"
        )
    raise UserError(f"{place}: no weights, {stem}.safetensors is missing; get the model again")


@dataclass(frozen=True)
class _ShardIndex:
    weight_map: dict[str, str]


def _sharded(folder: Path, index: Path) -> Weights:
    """Return the weights whose files an index names."""
    check_place(folder, index)
    places = schema.read(_ShardIndex, index, others=True).weight_map
    files = sorted(set(places.values()))
    for file in files:
        if Path(file).name != file or not file.endswith(".safetensors") or file.startswith("."):
            raise UserError(f"{index}: '{_short(file)}' is no name of a safetensors file beside it")
    found = _weights(folder, [index.parent / file for file in files])
    held = {name: path.name for name, path in found.places.items()}
    if wrong := [name for name in {**places, **held} if held.get(name) != places.get(name)]:
        raise UserError(f"{index}: tensor '{wrong[0]}' is not in the file that it names")
    return found


def _weights(folder: Path, files: list[Path]) -> Weights:
    """Return what some files hold."""
    tensors: dict[str, Entry] = {}
    places: dict[str, Path] = {}
    for path in files:
        check_place(folder, path)
        for name, entry in read_header(path).tensors.items():
            if name in places:
                raise UserError(f"{path}: tensor '{name}' is in {places[name].name} too")
            if entry.dtype not in FLOATS and not name.endswith("position_ids"):
                raise UserError(f"{path}: tensor '{name}' is {entry.dtype}, not real numbers")
            tensors[name], places[name] = entry, path
    return Weights(tuple(files), tensors, places)


def check_place(folder: Path, path: Path) -> None:
    """Refuse a file that is none, or that a link puts outside its model's folder.

    In the hub's cache files are links into `blobs`, beside the folder of snapshots.

    Raises:
        UserError: no regular file, or one elsewhere.
    """
    check_file(path)
    home, place = folder.resolve(), path.resolve()
    blobs = home.parent.parent / "blobs" if home.parent.name == "snapshots" else home
    if home not in place.parents and blobs not in place.parents:
        raise UserError(f"{path}: a link out of the model's folder; put the file itself there")


def check_depth(path: Path, config: dict[str, Any], tensors: int) -> None:
    """Refuse sizes of a network with more layers than there are weights for.

    Each layer takes time to build even where it takes no memory.

    Raises:
        UserError: there are.
    """
    depth: float = 1
    for key, value in config.items():
        if "layers" in key:
            depth *= max(_numbers(value), default=1) or 1
    lists = [value for value in config.values() if isinstance(value, list | tuple)]
    depth *= max((len(value) for value in lists), default=1) or 1
    if _TENSORS_A_LAYER * depth > max(tensors, 16 * _TENSORS_A_LAYER):
        raise UserError(f"{path}: describes more layers than the {tensors} tensors beside it")


def _most(key: str) -> float:
    return _MOST_LAYERS if "layers" in key else _LARGEST_NUMBER


def _check_numbers(path: Path, key: str, value: Any, most: float) -> None:
    """Refuse numbers and lists beyond all reason, however deep."""
    if any(abs(number) > most for number in _numbers(value)):
        raise UserError(f"{path}: {_short(key)} is {_short(value)}, at most {most} will do")
    if key != "trained_betas" and _longest(value) > _MOST_ENTRIES:
        raise UserError(f"{path}: {_short(key)} has more than {_MOST_ENTRIES} entries")


def _numbers(value: Any) -> list[float]:
    """Return all numbers in a value of JSON."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return []
    if isinstance(value, dict):
        return [number for each in value.values() for number in _numbers(each)]
    if isinstance(value, list | tuple):
        return [number for each in value for number in _numbers(each)]
    return [value]


def _longest(value: Any) -> int:
    """Return the length of the longest list in a value of JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return 0
    return max([len(value), *map(_longest, value)])


def _any_of(names: list[str] | tuple[str, ...]) -> str:
    return " or ".join(names) if len(names) < 4 else ", ".join(names)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 80 else f"{text[:77]}..."
