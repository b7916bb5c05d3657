"""In which kind of world a scene was stored: its perturbations, and how the arm tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from genima_lite.envs.api import BENCH, RLBENCH, EnvSpec
from genima_lite.errors import UserError
from genima_lite.schema import decode


@dataclass(frozen=True)
class StoredPerturbations:
    """What a stored scene says of its perturbations: names, strength, and the seed of all."""

    names: list[str]
    strength: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed is {self.seed}; it must be from 0 to 2^32 - 1")


@dataclass(frozen=True)
class _Robot:
    lags: bool = False


@dataclass(frozen=True)
class _World:
    perturbed: StoredPerturbations | None = None
    robot: _Robot = _Robot()


def with_stored_world(spec: EnvSpec, state: Mapping[str, Any]) -> EnvSpec:
    """Return a spec with the perturbations and the tracking of a scene's stored state.

    Raises:
        UserError: the state is damaged there.
    """
    world = decode(_World, dict(state), "scene state", others=True)
    tracking = RLBENCH if world.robot.lags else BENCH
    if world.perturbed is None:
        return replace(spec, tracking=tracking)
    names, strength = tuple(world.perturbed.names), world.perturbed.strength
    return replace(spec, tracking=tracking, perturbations=names, strength=strength)
