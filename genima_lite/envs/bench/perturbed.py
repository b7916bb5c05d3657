"""Which perturbations a scene has: chosen once, drawn anew for every episode."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from genima_lite import schema
from genima_lite.envs.api import check_perturbations
from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.perturbations import load_perturbation
from genima_lite.envs.bench.stored_world import StoredPerturbations
from genima_lite.errors import UserError

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene
    from genima_lite.envs.bench.task import Task


@dataclass(frozen=True)
class Perturbed:
    """Perturbations by name, all of one strength.

    Attributes:
        names: files in `genima_lite.envs.bench.perturbations`; none: the scene is clean.
        strength: from 0, where all is as it was, to 1.

    Raises:
        UserError: an unknown name, or a strength out of range.
    """

    names: tuple[str, ...] = ()
    strength: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(sorted(self.names)))
        check_perturbations(self.names, self.strength)

    @cached_property
    def _all(self) -> dict[str, Perturbation]:
        return {name: load_perturbation(name) for name in self.names}

    @property
    def mjcf(self) -> list[str]:
        """The MJCF that the perturbations add to a scene."""
        return [each.mjcf for each in self._all.values()]

    def shapes(self, task: Task) -> list[Task]:
        """Return the task as it is, then with pieces of other shapes."""
        return [task, *(shape for each in self._all.values() for shape in each.shapes(task))]

    def shape(self, seed: int, count: int) -> int:
        """Return which of `count` shapes an episode has: another one than the first with the
        strength as its probability.
        """
        rng = np.random.default_rng([seed, count])
        other = rng.random() < self.strength
        return 1 + int(rng.integers(count - 1)) if count > 1 and other else 0

    def apply(self, scene: Scene, seed: int) -> None:
        """Change a scene whose task has placed its pieces.

        Each perturbation draws from a generator of its own, so what one does depends neither on
        the others nor on the strength.
        """
        for name, each in self._all.items():
            if self.strength > 0:
                rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
                each.apply(scene, self.strength, rng)

    def described(self, seed: int) -> dict[str, Any]:
        """Return all that an episode's perturbations depend on, JSON-able."""
        return {"names": list(self.names), "strength": self.strength, "seed": seed}

    def check(self, described: Any) -> int:
        """Return the seed of a stored episode's perturbations.

        Args:
            described: what `described` gave, `None` for a clean episode.

        Raises:
            UserError: the episode has others than the scene.
        """
        stored = StoredPerturbations([], self.strength, 0)
        if described is not None:
            stored = schema.decode(StoredPerturbations, described, "scene state: perturbed")
        if stored.names != list(self.names) or stored.strength != self.strength:
            raise UserError(
                f"scene state has {_words(stored.names, stored.strength)}, the environment "
                f"{_words(self.names, self.strength)}; make it with the same"
            )
        return stored.seed


def _words(names: Sequence[str], strength: float) -> str:
    """Return perturbations as words of a sentence."""
    return f"perturbations {','.join(names)} at strength {strength}" if names else "none"


def perturbation_seed(rng: np.random.RandomState) -> int:
    """Return the seed of an episode's perturbations, without drawing from its generator."""
    state: Any = rng.get_state(legacy=False)
    return zlib.crc32(state["state"]["key"].tobytes() + bytes([state["state"]["pos"] % 256]))
