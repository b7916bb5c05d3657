"""Single decisions as samples for a controller: what it sees there, and the way on.

Both kinds of controllers learn from perturbed states (`genima_lite.datasets.perturbed_states`) and
from decisions that their policy reaches (`genima_lite.datasets.dagger`), as the
diffusion model does, so that neither decides between Genima and the baseline. The baseline sees
the views, Genima's controller what a diffusion model draws on them
(`genima_lite.datasets.drawings`). Deviation from the paper, which learns from demonstrations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.pictures import stack_views
from genima_lite.controller.sources import SPHERES, chunk
from genima_lite.datasets import shards
from genima_lite.datasets.dagger import DaggerRollouts, dagger_rollouts
from genima_lite.datasets.demonstrations import (
    Recorded,
    check_recorded,
    decision_segments,
    decisions,
    shuffled,
)
from genima_lite.datasets.drawings import Draws, drawings
from genima_lite.datasets.parts import driven, one_each
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.datasets.recovery_starts import MakePolicy
from genima_lite.datasets.shards import Rows, shards_for, write_shards
from genima_lite.datasets.source import Segment
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.targets.joints import joint_targets
from genima_lite.targets.keypoints import draw_views
from genima_lite.targets.views import demo_targets


@dataclass(frozen=True)
class Artist:
    """A diffusion model that draws for a controller.

    Attributes:
        model: draws.
        weights: fingerprint of the model.
    """

    model: Draws
    weights: str


@dataclass(frozen=True)
class DecisionSettings:
    """What defines a row of decisions."""

    tasks: tuple[str, ...]
    """Whose scenes are shown, part by part in turn."""
    seed: int = 0
    """The same seed shows the same scenes as the perturbed states of the diffusion model."""


# ------------------------------------------------------------------------------ one view


def decision_rows(
    config: ControllerConfig, segments: Iterable[Segment], rng: np.random.Generator
) -> Rows:
    """Return what a controller learns from segments: one row each.

    Args:
        config: what the network sees.
        segments: their first frames have pictures of the configured size; a controller with
            spheres wants those that a model drew.
        rng: chooses the sentences.

    Returns:
        `views` (N, V, H, W, 3) uint8, `joints` (N, 7), `gripper_open` (N,), `actions` (N, K, 8),
        `valid` (N, K) and N times `instruction`; for a controller with spheres also where they
        should be, as `genima_lite.targets.keypoints.DrawnViews`.

    Raises:
        UserError: a view is missing or has another size.
    """
    rows, said = [], []
    for demo, sentences in segments:
        said.append(str(rng.choice(sentences)))
        rows.append(_row(config, demo))
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return {**arrays, "instruction": said}


def _row(config: ControllerConfig, demo: Demo) -> dict[str, np.ndarray]:
    """Return the arrays of one decision."""
    keyframe = len(demo) - 1 if config.spheres and config.keyframes else None
    actions, valid = chunk(demo.actions(), 0, config.horizon, keyframe)
    now = demo[0]
    return {
        "views": stack_views(config, {name: now.image(name) for name in config.cameras}),
        "joints": np.asarray(now.joint_positions),
        "gripper_open": np.array(now.gripper_open, np.float64),
        "actions": actions,
        "valid": valid,
        **(_spheres(config, demo) if config.spheres else {}),
    }


def _spheres(config: ControllerConfig, demo: Demo) -> dict[str, np.ndarray]:
    """Return where the spheres of a decision should be, by the names of `DrawnViews`."""
    cameras = [Camera.from_observation(demo[0], name) for name in config.cameras]
    target = demo[int(demo_targets(demo, config.horizon, keyframes=False)[0])]
    size = config.image_size
    below = np.zeros((1, len(cameras), size, size, 3), np.uint8)
    drawn = draw_views(below, [cameras], config.cameras, [joint_targets(target)])
    return {name: getattr(drawn, name)[0] for name in SPHERES}


# ------------------------------------------------------------------------------ into shards


def make_drawings(
    folder: Path | str,
    config: ControllerConfig,
    episodes: Sequence[Recorded],
    artist: Artist,
    count: int,
    seed: int,
    data: str,
) -> Iterator[Path]:
    """Let a model draw at decisions of demonstrations, into shards.

    Between decisions no policy looks, and there a model draws worse: a picture does not tell how
    far a motion has come.

    Args:
        folder: of the shards.
        config: what the controller sees.
        episodes: with pictures of the configured size.
        artist: draws.
        count: how many decisions, at most; chosen at random.
        seed: of the choice, of sentences and noise.
        data: fingerprint of the datasets.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds other drawings, or the controller does not follow drawings.
    """
    _check_artist(config, artist)
    check_recorded(episodes, config.cameras, config.image_size)
    chosen = shuffled(decisions(episodes, config.horizon, config.keyframes), seed)[:count]

    def make(part: int) -> Rows:
        some = chosen[shards.SHARD * part : shards.SHARD * (part + 1)]
        return _rows(config, decision_segments(episodes, some, config.cameras), artist, seed, part)

    made_from = _made_from("drawings", config, artist, data=data, count=len(chosen), seed=seed)
    return write_shards(folder, made_from, shards_for(len(chosen)), make)


def make_perturbed_states(
    folder: Path | str,
    config: ControllerConfig,
    settings: DecisionSettings,
    count: int,
    artist: Artist | None = None,
) -> Iterator[Path]:
    """Keep perturbed states for a controller, in shards.

    Args:
        folder: of the shards.
        config: what the controller sees.
        settings: tasks and seed.
        count: how many at least.
        artist: draws what a controller with spheres sees; `None` for one without.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds other decisions, the controller follows drawings and nothing
            draws, or the other way round, or an environment lacks what is needed.
    """
    _check_artist(config, artist)
    states = PerturbedStates(seed=settings.seed, keyframes=config.spheres and config.keyframes)

    def env_of(task: str) -> Any:
        return make_env(EnvSpec(task, config.cameras, config.image_size))

    with one_each(settings.tasks, env_of) as envs:

        def make(part: int) -> Rows:
            found = perturbed_states(envs(part), states, part, shards.SHARD)
            return _rows(config, found, artist, settings.seed, part)

        said = {"tasks": settings.tasks, "states": asdict(states)}
        made_from = _made_from("perturbed_states", config, artist, **said)
        yield from write_shards(folder, made_from, shards_for(count), make)


def make_dagger(
    folder: Path | str,
    config: ControllerConfig,
    settings: DecisionSettings,
    count: int,
    pilot: MakePolicy,
    weights: str,
    artist: Artist | None = None,
) -> Iterator[Path]:
    """Keep decisions that a policy reaches, in shards.

    Args:
        folder, config, settings, count, artist: as for `make_perturbed_states`.
        pilot: makes the policy in a task's environment.
        weights: fingerprint of the policy.

    Yields:
        Each file, old or new.

    Raises:
        UserError: as `make_perturbed_states`; those of other policies are other decisions.
    """
    _check_artist(config, artist)
    rollouts = DaggerRollouts(seed=settings.seed, keyframes=config.spheres and config.keyframes)
    with driven(settings.tasks, pilot) as policies:

        def make(part: int) -> Rows:
            here = policies(part)
            found = dagger_rollouts(here.env, here.policy, rollouts, part, shards.SHARD)
            return _rows(config, found, artist, settings.seed, part)

        said = {"tasks": settings.tasks, "rollouts": asdict(rollouts), "policy": weights}
        made_from = _made_from("dagger", config, artist, **said)
        yield from write_shards(folder, made_from, shards_for(count), make)


def _rows(
    config: ControllerConfig,
    segments: Iterable[Segment],
    artist: Artist | None,
    seed: int,
    part: int,
) -> Rows:
    """Return the rows of a part, drawn by a model if there is one."""
    rng = np.random.default_rng([seed, part])
    if artist is not None:
        first = shards.SHARD * part
        segments = drawings(segments, artist.model, config.cameras, rng, first)
    return decision_rows(config, segments, rng)


def _check_artist(config: ControllerConfig, artist: Artist | None) -> None:
    if config.spheres != (artist is not None):
        wants = "what a model drew: name it" if config.spheres else "the views as they are"
        raise UserError(f"this controller sees {wants} (drawn_by)")


def _made_from(
    source: str, config: ControllerConfig, artist: Artist | None, **more: Any
) -> dict[str, Any]:
    """Return all that rows depend on."""
    names = ("cameras", "image_size", "horizon", "keyframes", "spheres")
    return {
        "source": source,
        **{name: getattr(config, name) for name in names},
        "drawn_by": artist and artist.weights,
        "rows": shards.SHARD,
        **more,
    }
