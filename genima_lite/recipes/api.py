"""What a recipe is: steps with every setting, each of which writes one folder. One file a recipe.

A file `mini_turbo.py` holds a frozen dataclass `MiniTurbo(Recipe)`; its name is typed `mini-turbo`.
Its fields are configurations of steps (collect, train a base, a diffusion model, a controller), or
groups of them, in order. A step's folder has the fields' names: `first.diffusion` writes
`first/diffusion` below the run's folder. Where a configuration names such a folder, that step is
done before.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from genima_lite import recipes
from genima_lite.envs.api import BENCH
from genima_lite.errors import UserError
from genima_lite.extras import missing_extra

COUNTS = frozenset(
    (
        *("episodes", "frames_each", "pictures", "motions", "samples", "drawings", "dagger"),
        *("perturbed_states", "grounding", "steps", "even_steps", "warmup"),
    )
)
"""Fields that `scaled` multiplies: how much data there is, and how long training takes."""

FOLDERS = frozenset(
    (
        *("base", "lora", "demos", "other_demos", "held_out", "held_out_states"),
        *("drawn_by", "dagger_by", "begin", "kept", "controller", "compared"),
    )
)
"""Fields of configurations that name folders, perhaps those of other steps."""


@dataclass(frozen=True)
class Group:
    """Base of dataclasses that hold steps which belong together, such as both stages of Genima."""


@dataclass(frozen=True)
class Recipe(Group):
    """Base of all recipes.

    Attributes:
        name: as one types it.
        version: raised with every change of a setting.
        minutes: what it takes on two cores of a laptop or, where the recipe's docstring names one,
            on a GPU; measured or, where that would take days, estimated, which it says too.
        makes: folder by policy, relative to the run's: what `genima-lite eval` takes.
        backend: of the environments in which these policies act.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    minutes: ClassVar[float]
    makes: ClassVar[Mapping[str, str]] = {}
    backend: ClassVar[str] = BENCH

    def resolved(self) -> Recipe:
        """Return the recipe with all that follows from the data that it is given."""
        return self

    def policies(self) -> Mapping[str, str]:
        """Return which of `makes` it makes with its present settings."""
        return self.makes


def recipe_names() -> list[str]:
    """Return the names of all recipes, from the files in this folder."""
    names = (found.name for found in pkgutil.iter_modules(recipes.__path__))
    return sorted(n.replace("_", "-") for n in names if n != "api" and not n.startswith("_"))


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        UserError: no such recipe, or the models' packages are not installed.
    """
    if name not in recipe_names():
        raise UserError(f"unknown recipe '{name}': choose from {', '.join(recipe_names())}")
    try:
        module = import_module(f"{recipes.__name__}.{name.replace('-', '_')}")
    except ModuleNotFoundError as error:
        raise (missing_extra(f"recipe '{name}'", error) or error) from error
    return getattr(module, "".join(map(str.capitalize, name.split("-"))))()


def steps_of(group: Group, prefix: str = "") -> dict[str, Any]:
    """Return the steps of a recipe in order: configuration by folder, relative to the run's.

    Settings of the recipe itself, such as numbers, and steps that are `None` are left out.
    """
    found: dict[str, Any] = {}
    for field in fields(group):
        value, folder = getattr(group, field.name), f"{prefix}{field.name}"
        if not is_dataclass(value):
            continue
        found |= steps_of(value, f"{folder}/") if isinstance(value, Group) else {folder: value}
    return found


def needs(config: Any, folders: Iterable[str]) -> tuple[str, ...]:
    """Return the steps, of those in some folders, whose results a configuration names."""
    named: list[str] = []

    def note(path: str) -> str:
        named.append(path)
        return path

    _with_folders(config, note)
    return tuple(folder for folder in folders if any(_touch(folder, path) for path in named))


def placed(config: Any, folders: Iterable[str], out: Path) -> Any:
    """Return a configuration in which other steps' folders lie below a run's folder `out`."""
    known = list(folders)

    def place(path: str) -> str:
        return str(out / path) if any(_touch(folder, path) for folder in known) else path

    return _with_folders(config, place)


def scaled(config: Any, scale: float) -> Any:
    """Return a recipe or a configuration with its counts multiplied; none falls below 1.

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


def _touch(folder: str, path: str) -> bool:
    """Return whether a path is a step's folder, lies in it, or holds it."""
    return folder == path or folder.startswith(f"{path}/") or path.startswith(f"{folder}/")


def _with_folders(config: Any, change: Callable[[str], str]) -> Any:
    """Return a configuration with the folders that it names changed."""

    def each(name: str, value: Any) -> Any:
        if name in FOLDERS and isinstance(value, str):
            return change(value)
        if name in FOLDERS and isinstance(value, tuple):
            return tuple(change(path) for path in value)
        return value

    return _rebuilt(config, each)


def _rebuilt(config: Any, change: Callable[[str, Any], Any]) -> Any:
    """Return a frozen dataclass with every field changed by `change(name, value)`."""
    changed = {f.name: change(f.name, getattr(config, f.name)) for f in fields(config) if f.init}
    return replace(config, **changed)
