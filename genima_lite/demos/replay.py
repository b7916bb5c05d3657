"""Re-executes stored demonstrations from their stored scenes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from genima_lite.demos.layout import SCENE_STATE, DatasetError, EpisodeFolder, iterate_episodes
from genima_lite.demos.order_rules import order_fault
from genima_lite.demos.read import read_episode
from genima_lite.demos.stored_scenes import StoredScenes
from genima_lite.demos.value_rules import value_faults
from genima_lite.envs.api import (
    BENCH,
    EnvSpec,
    HasDemonstrations,
    HasReplay,
    HasSnapshot,
    RobotEnv,
    make_env,
    require,
)
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.errors import UserError
from genima_lite.observation import Demo

ARM = "arm"
"""The backend whose settings say which arm."""


@dataclass(frozen=True)
class Replayed:
    """How a stored episode went when its actions were executed again.

    `deviation` is the largest difference to the stored joint positions, radians.
    """

    episode: EpisodeFolder
    success: bool
    deviation: float


def replay(
    root: Path | str, backend: str = BENCH, arm: ArmSettings | None = None
) -> Iterator[Replayed]:
    """Re-execute the actions of every episode of a dataset, one result an episode.

    Args:
        root: the dataset's folder.
        backend: where it was recorded; see `genima_lite.envs.api.EnvSpec`.
        arm: with backend "arm": which, and how it may move.

    Raises:
        DatasetError: an episode without a stored scene, or unreadable.
        UserError: a scene of another task or version, or a backend without `HasSnapshot`.
    """
    for task, episodes in groupby(iterate_episodes(root), lambda each: each.task):
        if backend == ARM:
            with closing(make_env(EnvSpec(task, cameras=(), backend=ARM, arm=arm))) as made:
                for episode in episodes:
                    demo = read_episode(episode.path, kinds=())
                    yield Replayed(episode, *replay_on_arm(made, demo, episode.path))
            continue
        with closing(StoredScenes("replay", backend)) as scenes:
            for episode in episodes:
                demo = read_episode(episode.path, kinds=())
                env = _environment(scenes, task, demo, episode.path)
                yield Replayed(episode, *replay_demo(env, demo, episode.path))


def replay_on_arm(env: RobotEnv, demo: Demo, path: Path) -> tuple[bool, float]:
    """Return success and the largest joint deviation in radians. Actions go in one chunk, so that
    the arm does not stop after each.

    Raises:
        DatasetError: recorded on another arm, or a scene or actions that are no good.
    """
    if fault := next(value_faults(demo), None) or order_fault(demo):
        raise DatasetError(f"{path}: {fault}")
    off = list[float]()

    def compare(now: RobotEnv) -> None:
        reached = np.asarray(now.observation.joint_positions)
        off.append(float(np.abs(reached - demo[len(off) + 1].joint_positions).max()))

    try:
        require(env, HasReplay, "replay").reset_to(demo)
        outcome = env.execute(demo.actions(), compare)
    except UserError as error:
        raise DatasetError(f"{path}: {error}") from None
    return outcome.success, max(off, default=np.inf)


def _environment(scenes: StoredScenes, task: str, demo: Demo, path: Path) -> RobotEnv:
    """Return an environment of the kind in which a demonstration was recorded."""
    try:
        return scenes.env(task, demo.scene_state)
    except UserError as error:
        if demo.scene_state is None:
            raise
        raise DatasetError(f"{path / SCENE_STATE}: {error}") from None


def replay_demo(env: RobotEnv, demo: Demo, path: Path) -> tuple[bool, float]:
    """Return success at the end and the largest joint deviation in radians.

    The scene is restored from what our bench stored beside the episode; an environment that
    demonstrates its task, such as RLBench, draws it again from the demonstration's random state.

    Raises:
        DatasetError: no scene, one that cannot be restored, or actions that cannot be executed.
    """
    if demo.scene_state is None and not isinstance(env, HasDemonstrations):
        raise DatasetError(
            f"{path}: no scene_state.json, so its scene cannot be restored; only demonstrations "
            "that 'collect' recorded on the bench can be replayed there; for RLBench's: "
            "--backend rlbench"
        )
    if fault := next(value_faults(demo), None) or order_fault(demo):
        raise DatasetError(f"{path}: {fault}")
    try:
        if isinstance(env, HasDemonstrations):
            env.reset(options={"demo": demo})
        else:
            require(env, HasSnapshot, "replay").restore(demo.scene_state or {})
    except UserError as error:
        raise DatasetError(f"{path / SCENE_STATE}: {error}") from None
    deviations, success = [], False
    for t, action in enumerate(demo.actions(), start=1):
        success = env.execute(action[None]).success
        reached = np.asarray(env.observation.joint_positions)
        deviations.append(float(np.abs(reached - np.asarray(demo[t].joint_positions)).max()))
    deviation = float(np.max(deviations))  # NaN stays NaN
    if not np.isfinite(deviation):
        raise DatasetError(f"{path}: the arm's joints are no numbers when its actions are executed")
    return success, deviation
