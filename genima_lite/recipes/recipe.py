"""What a recipe is: steps with every setting, each of which writes one folder.

A recipe is a frozen dataclass. Its fields are configurations of steps (collect, train a base, a
diffusion model, a controller), or groups of them. A step's folder has the fields' names:
`first.diffusion` writes `first/diffusion` below the run's folder. A step needs the steps whose
folders its configuration names in a field of type `Path`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from genima_lite.errors import UserError

COUNTS = frozenset(
    (
        *("episodes", "frames_each", "pictures", "motions", "samples", "drawings"),
        *("perturbed_states", "dagger", "grounding", "steps", "even_steps", "warmup"),
    )
)
"""Fields that `scaled` multiplies: how much data, and how long training takes."""


@dataclass(frozen=True)
class Recipe:
    """Base of all recipes.

    Attributes:
        name: the file's, as one types it.
        version: raised with every change of a setting.
        makes: what `genima-lite eval` takes: policy by folder, relative to the run's.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    makes: ClassVar[Mapping[str, str]] = {}


def steps_of(recipe: Any, prefix: str = "") -> dict[str, Any]:
    """Return a recipe's steps in order: folder, relative to the run's, to configuration."""
    found: dict[str, Any] = {}
    for field in fields(recipe):
        value, folder = getattr(recipe, field.name), f"{prefix}{field.name}"
        if isinstance(value, Recipe | Group):
            found |= steps_of(value, f"{folder}/")
        else:
            found[folder] = value
    return found


class Group:
    """Base of dataclasses that hold steps which belong together, such as both stages of Genima."""


def needs(config: Any, folders: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the steps, of those in some folders, whose results a step's configuration names."""
    named = {path.as_posix() for path in _paths(config)}
    return tuple(
        folder
        for folder in folders
        if any(folder == n or folder.startswith(f"{n}/") for n in named)
    )


def placed(config: Any, folders: Mapping[str, Any], out: Path) -> Any:
    """Return a step's configuration with the folders of other steps below a run's folder."""

    def place(path: Path) -> Path:
        return out / path if needs_of_path(path, folders) else path

    return _with_paths(config, place)


def needs_of_path(path: Path, folders: Mapping[str, Any]) -> bool:
    """Return whether a path names the folder of a step, or of a group of steps."""
    name = path.as_posix()
    return any(folder == name or folder.startswith(f"{name}/") for folder in folders)


def scaled(config: Any, scale: float) -> Any:
    """Return a recipe or a configuration with all its counts multiplied, at least 1 where it was.

    Raises:
        UserError: a scale that is not positive.
    """
    if not 0 < scale <= 100:
        raise UserError(f"--scale is {scale}; give a number above 0, for example 0.01")

    def change(name: str, value: Any) -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            return scaled(value, scale)
        if name in COUNTS and isinstance(value, int) and value > 0:
            return max(1, round(value * scale))
        return value

    return _rebuilt(config, change)


def _paths(value: Any) -> list[Path]:
    """Return all paths in a configuration."""
    if isinstance(value, Path):
        return [value]
    if isinstance(value, tuple):
        return [path for each in value for path in _paths(each)]
    if is_dataclass(value) and not isinstance(value, type):
        return [path for f in fields(value) for path in _paths(getattr(value, f.name))]
    return []


def _with_paths(value: Any, change: Callable[[Path], Path]) -> Any:
    """Return a configuration with all its paths changed."""
    if isinstance(value, Path):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_with_paths(each, change) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return _rebuilt(value, lambda _, each: _with_paths(each, change))
    return value


def _rebuilt(config: Any, change: Callable[[str, Any], Any]) -> Any:
    """Return a frozen dataclass with every field changed by `change(name, value)`."""
    changed = {f.name: change(f.name, getattr(config, f.name)) for f in fields(config) if f.init}
    return replace(config, **changed)
