"""What PyRep alone can change of a scene's looks, at the strengths of The Colosseum.

Each change draws from a generator of its own, so that neither the others nor the strength decide
what it does; before the next episode all is as it was. Pieces keep a colour that the task has given
them, or that a sentence names, and nothing else gets a colour that a sentence names.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from genima_lite.cameras import random_move
from genima_lite.rlbench import COLORS

_BRIGHTEST = 0.5
"""Each channel of a light is drawn from 0 to this."""
_SAME = 1e-3


class Light(Protocol):
    """PyRep's light."""

    def get_diffuse(self) -> np.ndarray: ...  # noqa: D102
    def set_diffuse(self, diffuse: Sequence[float]) -> None: ...  # noqa: D102
    def get_specular(self) -> np.ndarray: ...  # noqa: D102
    def set_specular(self, specular: Sequence[float]) -> None: ...  # noqa: D102


class Painted(Protocol):
    """PyRep's shape."""

    def get_color(self) -> Sequence[float]: ...  # noqa: D102
    def set_color(self, color: list[float]) -> None: ...  # noqa: D102


class Mounted(Protocol):
    """PyRep's camera."""

    def get_matrix(self) -> np.ndarray: ...  # noqa: D102
    def set_matrix(self, matrix: np.ndarray) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Parts:
    """What can be changed of a scene.

    Attributes:
        lights: all.
        pieces: of the task.
        table, walls: their shapes.
        cameras: those that stand in the room, by RLBench's name; none where one is switched off,
            two where masks have a camera of their own.
    """

    lights: Sequence[Light]
    pieces: Sequence[Painted]
    table: Sequence[Painted]
    walls: Sequence[Painted]
    cameras: Mapping[str, Sequence[Mounted]]


class Perturbed:
    """Changes one scene for each episode.

    Args:
        parts: as they are when the task is loaded.
        names: of the changes, of `NAMES`.
        strength: 0 to 1.
    """

    def __init__(self, parts: Parts, names: Sequence[str], strength: float):
        self._parts, self._names, self._strength = parts, names, strength
        self._loaded = [np.array(each.get_color(), float) for each in parts.pieces]
        self._undo: list[Callable[[], None]] = []

    def restore(self) -> None:
        """Make everything as it was before the last episode's changes."""
        for undo in reversed(self._undo):
            undo()
        self._undo = []

    def apply(self, state: Any, sentences: Sequence[str]) -> None:
        """Change a scene that has been drawn.

        Args:
            state: of NumPy's generator, from which the scene was drawn.
            sentences: what asks for the task.
        """
        seed = zlib.crc32(np.asarray(state[1], np.uint32).tobytes() + bytes([state[2] % 256]))
        for name in sorted(self._names) if self._strength else ():
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            getattr(self, f"_{name}")(rng, sentences)

    def _light(self, rng: np.random.Generator, _: Sequence[str]) -> None:
        for light in self._parts.lights:
            color = rng.uniform(0, _BRIGHTEST, 3)
            for get, put in (
                (light.get_diffuse, light.set_diffuse),
                (light.get_specular, light.set_specular),
            ):
                before = np.array(get(), float)
                put((before + self._strength * (color - before)).tolist())
                self._undo.append(lambda put=put, before=before: put(before.tolist()))  # type: ignore[misc]

    def _camera_pose(self, rng: np.random.Generator, _: Sequence[str]) -> None:
        for name in sorted(self._parts.cameras):
            turn, shift = random_move(self._strength, rng)
            eyes = self._parts.cameras[name]
            befores = [np.array(eye.get_matrix(), float) for eye in eyes]
            for eye, before in zip(eyes, befores, strict=True):  # one may be carried by the first
                after = before.copy()
                after[:3, :3] = turn @ before[:3, :3]
                after[:3, 3] += shift
                eye.set_matrix(after)
            self._undo.append(lambda eyes=eyes, befores=befores: _put(eyes, befores))  # type: ignore[misc]

    def _object_color(self, rng: np.random.Generator, sentences: Sequence[str]) -> None:
        named = named_colors(sentences)
        for piece, loaded in zip(self._parts.pieces, self._loaded, strict=True):
            color = self._color(rng, named)
            before = np.array(piece.get_color(), float)
            painted = np.abs(before - loaded).max() > _SAME
            if not painted and not _is_one(before, named):
                self._paint(piece, color)

    def _table_color(self, rng: np.random.Generator, sentences: Sequence[str]) -> None:
        color = self._color(rng, named_colors(sentences))
        for each in self._parts.table:
            self._paint(each, color)

    def _background_color(self, rng: np.random.Generator, sentences: Sequence[str]) -> None:
        color = self._color(rng, named_colors(sentences))
        for each in self._parts.walls:
            self._paint(each, color)

    @staticmethod
    def _color(rng: np.random.Generator, named: Mapping[str, Any]) -> np.ndarray:
        """Return one of RLBench's colours that no sentence names."""
        free = [color for name, color in COLORS.items() if name not in named]
        return np.array(free[rng.integers(len(free))], float)

    def _paint(self, shape: Painted, color: np.ndarray) -> None:
        before = np.array(shape.get_color(), float)
        shape.set_color((before + self._strength * (color - before)).tolist())
        self._undo.append(lambda: shape.set_color(before.tolist()))


def _put(eyes: Sequence[Mounted], matrices: Sequence[np.ndarray]) -> None:
    for eye, matrix in zip(eyes, matrices, strict=True):
        eye.set_matrix(matrix)


def named_colors(sentences: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Return those of RLBench's colours that some sentences name."""
    words = {word for text in sentences for word in re.findall(r"[a-z]+", text.lower())}
    return {name: color for name, color in COLORS.items() if name in words}


def _is_one(color: np.ndarray, known: Mapping[str, Any]) -> bool:
    return any(np.abs(color - np.array(each)).max() < _SAME for each in known.values())


NAMES = ("background_color", "camera_pose", "light", "object_color", "table_color")
"""What can be changed."""
