"""Perturbations: one file each, found by its name. Adding one means adding a file here.

A file `object_color.py` holds a class `ObjectColor(Perturbation)`. Ranges at strength 1 are those
of The Colosseum (Pumacay et al., 2024), as Genima uses it, where it has any.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.tasks import class_name
from genima_lite.errors import UserError


def perturbation_names() -> list[str]:
    """Return the names of all perturbations, sorted, from the files in this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_perturbations(names: Iterable[str]) -> dict[str, Perturbation]:
    """Return perturbations by name, in the order of their names.

    Raises:
        UserError: no such perturbation, or one twice.
    """
    found: dict[str, Perturbation] = {}
    for name in sorted(names):
        if name in found:
            raise UserError(f"perturbation '{name}' is named twice")
        module = importlib.import_module(f"{__name__}.{_check(name)}")
        found[name] = getattr(module, class_name(name))()
    return found


def _check(name: str) -> str:
    known = perturbation_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UserError(f"unknown perturbation '{name}': {hint}known: {', '.join(known)}")
    return name
