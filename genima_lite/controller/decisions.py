"""Single decisions as samples for a controller: what it sees there, and the way on.

Both kinds of controllers learn from moments (`genima_lite.datasets.perturbed_states`) and from decisions that
their policy comes to by itself (`genima_lite.datasets.dagger`), as the diffusion model does, so that
neither decides between Genima and the baseline. The baseline sees the views, Genima's controller
what a diffusion model draws on them. Deviation from the paper, which learns from demonstrations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.pictures import stack_views
from genima_lite.controller.sources import Samples, chunk, noisy
from genima_lite.datasets import shards
from genima_lite.datasets.dagger import DaggerRollouts, dagger_rollouts
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.targets.joints import joint_targets
from genima_lite.targets.keypoints import DrawnViews, draw_views, without_targets
from genima_lite.targets.views import demo_targets

_SPHERES = ("keypoints", "visible", "axes", "opened")


@dataclass(frozen=True)
class DecisionSettings:
    """What defines a row of decisions."""

    tasks: tuple[str, ...]
    """Whose scenes are shown, file by file in turn."""
    seed: int = 0
    """The same seed shows the same scenes as moments of the diffusion model."""
    dagger_by: str | None = None
    """Folder of a trained Genima, or baseline, that comes to these decisions by itself; `None`:
    moments."""
    drawn_by: str | None = None
    """Folder of the diffusion model whose drawings Genima's controller sees; `None`: the views."""


def make_decisions(
    folder: Path | str, config: ControllerConfig, settings: DecisionSettings, count: int
) -> Iterator[Path]:
    """Draw decisions into files (`genima_lite.datasets.shards.keep_shards`).

    They hold `views` (V, H, W, 3) uint8, `joints` (7,), `gripper_open`, `actions` (K, 8), `valid`
    (K,) and an `instruction`, in as many rows; drawn ones also where the spheres should be, as
    `genima_lite.targets.keypoints.DrawnViews`.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds decisions of other settings, or the controller wants spheres
            and none are drawn, or the other way round.
    """
    if config.spheres != (settings.drawn_by is not None):
        wants = "what a model drew: name it" if config.spheres else "the views as they are"
        raise UserError(f"this controller sees {wants} (--drawn-by)")
    agent = DiffusionAgent.load(settings.drawn_by) if settings.drawn_by else None

    def draw(number: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([settings.seed, number])
        rows = [
            _decision(config, demo, str(rng.choice(sentences)), agent, shards.SHARD * number + row)
            for row, (demo, sentences) in enumerate(_shown(config, settings, number))
        ]
        return {name: np.stack([each[name] for each in rows]) for name in rows[0]}

    said = {**asdict(settings), "cameras": config.cameras, "image_size": config.image_size}
    return shards.keep_shards(folder, {**said, "horizon": config.horizon}, count, draw)


def _shown(
    config: ControllerConfig, settings: DecisionSettings, number: int
) -> Iterator[tuple[Demo, list[str]]]:
    """Yield the decisions of a file, each with the sentences that ask for it."""
    task = settings.tasks[number % len(settings.tasks)]
    keyframes = config.spheres and config.keyframes
    if settings.dagger_by is None:
        env = make_env(EnvSpec(task, config.cameras, config.image_size))
        states = PerturbedStates(settings.seed, keyframes)
        return perturbed_states(env, states, number, shards.SHARD)
    from genima_lite.policies.api import PolicyFactory, PolicySettings

    name = "genima" if config.spheres else "act"
    env, policy = PolicyFactory(name, PolicySettings(Path(settings.dagger_by)))(task)
    rollouts = DaggerRollouts(settings.seed, keyframes)
    return dagger_rollouts(env, policy, rollouts, number, shards.SHARD)


def _decision(
    config: ControllerConfig, demo: Demo, instruction: str, agent: DiffusionAgent | None, seed: int
) -> dict[str, np.ndarray]:
    """Return the arrays of one decision, with a model's drawing if there is a model."""
    stop = len(demo) - 1 if config.spheres and config.keyframes else None
    actions, valid = chunk(demo.actions(), 0, config.horizon, stop)
    now = demo[0]
    views = {name: now.image(name) for name in config.cameras}
    spheres = {}
    if agent is not None:
        views, spheres = agent.draw(views, instruction, seed), _labels(config, demo)
    return {
        "views": stack_views(config, views),
        "joints": np.asarray(now.joint_positions),
        "gripper_open": np.array(now.gripper_open),
        "actions": actions,
        "valid": valid,
        "instruction": np.array(instruction),
        **spheres,
    }


def _labels(config: ControllerConfig, demo: Demo) -> dict[str, np.ndarray]:
    """Return where the spheres of a decision should be, by the names of `DrawnViews`."""
    cameras = [Camera.from_observation(demo[0], name) for name in config.cameras]
    target = demo[int(demo_targets(demo, config.horizon, keyframes=False)[0])]
    size = config.image_size
    below = np.zeros((1, len(cameras), size, size, 3), np.uint8)
    drawn = draw_views(below, [cameras], config.cameras, [joint_targets(target)])
    return {name: getattr(drawn, name)[0] for name in _SPHERES}


class DecisionSource:
    """Samples of kept decisions.

    Args:
        augment: noise on the joints; pictures stay as they are.
        kept: what `make_decisions` wrote for this configuration, by name.
    """

    def __init__(self, augment: AugmentConfig, kept: dict[str, np.ndarray]):
        self._augment, self._kept = augment, kept

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return samples of random decisions."""
        chosen = rng.integers(len(self._kept["joints"]), size=count)
        row = {name: array[chosen] for name, array in self._kept.items()}
        drawn = without_targets(row["views"])
        if "keypoints" in row:
            drawn = DrawnViews(row["views"], *(row[name] for name in _SPHERES))
        return Samples(
            drawn,
            noisy(rng, row["joints"], self._augment),
            row["gripper_open"],
            row["actions"],
            row["valid"],
            tuple(row["instruction"].tolist()),
        )


def decision_source(
    config: ControllerConfig, folders: Sequence[tuple[Path, int | None]]
) -> DecisionSource:
    """Return the decisions of folders as a source of samples, all with the same probability.

    Args:
        config: what the network sees.
        folders: each with how many of its decisions, `None` for all.

    Raises:
        UserError: decisions for another configuration, or fewer than asked for.
    """
    found = [shards.load_shards(folder, count) for folder, count in folders]
    for (folder, _), each in zip(folders, found, strict=True):
        _check(config, each, folder)
    kept = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    return DecisionSource(AugmentConfig(), kept)


def _check(config: ControllerConfig, kept: dict[str, np.ndarray], folder: Path) -> None:
    """Refuse decisions that were drawn for another controller."""
    shape, size = kept["views"].shape[1:4], config.image_size
    if config.spheres != ("keypoints" in kept):
        kinds = ("of views as they are", "of drawings")
        theirs, ours = kinds if config.spheres else kinds[::-1]
        raise UserError(f"{folder}: decisions {theirs}; this controller learns from those {ours}")
    if shape != (len(config.cameras), size, size) or kept["actions"].shape[1] != config.horizon:
        raise UserError(
            f"{folder}: {kept['actions'].shape[1]} actions on {shape[0]} views of {shape[1]} "
            f"pixels, wanted are {config.horizon} on {len(config.cameras)} of {size}"
        )
