"""Moments: single decisions, the arm set down beside the expert's way, and where it should go.

A picture in which the arm stands where the expert leads it tells where that is. A network that
sees only such pictures learns to draw the arm a little farther on, not to look for the thing that
the arm shall reach (causal confusion, de Haan et al., 2019). Here the arm stands somewhere else in
every picture. Deviation from the paper, which learns from demonstrations only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.envs.bench.expert import plan, stretches
from genima_lite.envs.bench.observe import Views, observe
from genima_lite.envs.bench.recovery import waypoints_ahead
from genima_lite.envs.bench.render import Renderer
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Waypoint
from genima_lite.envs.bench.tasks import load_task
from genima_lite.observation import Demo, Observation
from genima_lite.targets.horizon import target_frames
from genima_lite.tiling import TILE_ORDER

FLIP = 0.15
"""Share of the moments in which the gripper is closed instead of open, or the other way round."""

UNDER_WAY = 0.5
"""Share of the scenes without a grasp in which the expert has begun to press or push."""

_SCENE_MOMENTS = 4
_ASIDE, _TURNED, _TILTED = 0.05, 0.5, 0.08
_TRIES = 20
_DEEP, _SETTLE = 0.01, 10


@dataclass(frozen=True)
class PerturbedStateSettings:
    """What defines a row of moments."""

    task: str
    """RLBench task name."""
    view_size: int = 64
    """Pixels along each side of a view."""
    seed: int = 0
    """The same seed gives the same moments."""
    keyframes: bool = True
    """Targets end at stops (`genima_lite.targets.horizon.target_frames`)."""
    part: int = 0
    """Rows of one seed with other numbers show other scenes."""


def perturbed_states(
    settings: PerturbedStateSettings, count: int
) -> Iterator[tuple[Demo, list[str]]]:
    """Set the arm down `count` times, four times a scene, always with an empty hand.

    The tip stands beside a random point of a random stretch of the expert's way to the grasp, or
    to the end for what presses: by normal noise whose deviation is uniform up to 5 cm, 0.5 rad
    about its axis and 0.08 rad across. Where it touches something, half a second passes until
    both rest. In half of the scenes of tasks without a grasp the expert has begun its last way, so
    a block lies where it has pushed it.

    Yields:
        A demonstration from now to the next target, and the sentences that ask for the variation.
        Only the first frame has pictures, and those before the last only joints, gripper and
        command. Draw targets with `keyframes=False`.
    """
    scene = Scene(load_task(settings.task))
    renderer = Renderer(scene.model, settings.view_size)
    rng = np.random.RandomState([settings.seed, settings.part, 3])
    made = 0
    while made < count:
        variation = int(rng.randint(scene.task.variations))
        scene.reset(variation, rng)
        for demo in _of_one_scene(scene, renderer, settings, rng):
            if made < count:
                made += 1
                yield demo, scene.task.instructions(variation)
    renderer.close()


def _of_one_scene(
    scene: Scene, renderer: Renderer, settings: PerturbedStateSettings, rng: np.random.RandomState
) -> Iterator[Demo]:
    """Yield some moments of a scene that was just reset."""
    first = scene.task.waypoints(scene)
    try:
        if len(_empty_handed(first)) == len(first) and rng.rand() < UNDER_WAY:
            _begin(scene, stretches(first, panda.HOME), rng)
            if scene.task.success(scene):
                return
        ways = stretches(_empty_handed(scene.task.waypoints(scene)), panda.HOME)
    except panda.Unreachable:
        return
    state = scene.state()
    for _ in range(_SCENE_MOMENTS):
        if not _set_down(scene, state, ways, rng):
            continue
        now = observe(scene, Views(TILE_ORDER, settings.view_size), renderer, None)
        try:
            way = expert_way(scene, first, settings.keyframes)
        except panda.Unreachable:
            continue
        yield Demo([now, *led_along(scene, way)])


def _begin(scene: Scene, ways: Sequence[np.ndarray], rng: np.random.RandomState) -> None:
    """Let the expert go some ways (T, 8), of the last one a random part."""
    *before, last = ways
    for command in np.vstack([*before, last[: rng.randint(len(last))]]):
        scene.robot.move(command[:7])
        scene.robot.set_gripper(command[7])


def _empty_handed(keyframes: Sequence[Waypoint]) -> list[Waypoint]:
    """Return the stops up to the grasp; all of them where nothing is grasped."""
    closing = [k for k, stop in enumerate(keyframes) if stop.gripper == 0.0 and k > 0]
    return list(keyframes[: closing[0] + 1] if closing else keyframes)


def _set_down(
    scene: Scene, state: dict[str, Any], ways: Sequence[np.ndarray], rng: np.random.RandomState
) -> bool:
    """Put the arm of a scene in some state beside one of some ways (T, 8).

    Returns:
        Whether a place was found where it does not reach deep into things nor ends the episode.
    """
    for _ in range(_TRIES):
        scene.restore(state)
        way = ways[rng.randint(len(ways))]
        command = way[rng.randint(len(way))]
        tip = _beside(panda.forward_kinematics(command[:7])[1], rng)
        opening = 1 - command[7] if rng.rand() < FLIP else command[7]
        try:
            joints = panda.inverse_kinematics(tip, start=command[:7], posture=command[:7])
        except panda.Unreachable:
            continue
        stand(scene, joints, opening)
        if _come_to_rest(scene) and not scene.task.success(scene):
            return True
    return False


def _beside(tip: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Return a (4, 4) pose near another one."""
    moved = tip.copy()
    moved[:3, 3] += rng.normal(0, rng.uniform(0, _ASIDE), 3)
    spread = np.array([_TILTED, _TILTED, _TURNED]) * rng.rand()
    moved[:3, :3] = tip[:3, :3] @ Rotation.from_rotvec(rng.normal(0, spread)).as_matrix()
    return moved


def stand(scene: Scene, joints: np.ndarray, opening: float) -> None:
    """Put the arm, at rest, into a posture (7,), without simulating how it gets there."""
    data, stroke = scene.data, panda.FINGER_STROKE * float(opening > 0.5)
    data.qpos[:7], data.qpos[7:9] = joints, stroke
    data.ctrl[:7], data.ctrl[7:9] = joints, stroke
    data.qvel[:] = 0
    scene.robot.resume({})
    mujoco.mj_forward(scene.model, data)


def _come_to_rest(scene: Scene) -> bool:
    """Let the arm and what it touches settle; return whether it did not reach deep into it."""
    depth = _depth(scene)
    if depth is None:
        return True
    if depth > _DEEP:
        return False
    scene.robot.hold(_SETTLE)
    scene.data.qvel[:] = 0
    mujoco.mj_forward(scene.model, scene.data)
    return True


def _depth(scene: Scene) -> float | None:
    """Return how many metres the arm reaches into something but itself; `None`: it is free."""
    own, base = scene.model.body("right_finger").id, scene.model.body("link1").id
    bodies = scene.model.geom_bodyid[scene.data.contact.geom]
    arm = (bodies >= base) & (bodies <= own)
    touching = arm[:, 0] != arm[:, 1]
    return float(-scene.data.contact.dist[touching].min()) if touching.any() else None


def expert_way(scene: Scene, first: Sequence[Waypoint], keyframes: bool = True) -> np.ndarray:
    """Return the expert's commands (T, 8) from where the arm is to the next target, T >= 1.

    Args:
        scene: at any moment of an episode.
        first: the task's waypoints at the episode's start.
        keyframes: end at a stop (`genima_lite.targets.horizon.target_frames`).

    Raises:
        panda.Unreachable: the expert knows no way from here to there.
    """
    ahead = waypoints_ahead(scene, first)
    joints, opening = scene.data.qpos[:7].copy(), float(scene.robot.commanded_open)
    for known in range(min(2, len(ahead)), len(ahead) + 1):  # rarely more than two of them
        steps = plan(ahead[:known], joints, opening)
        frames = np.vstack([np.append(joints, opening), steps])
        target = int(target_frames(frames[:, :7], frames[:, 7], keyframes=keyframes)[0])
        if target < len(steps) - 1:
            break
    return steps[: max(1, target)]


def led_along(scene: Scene, way: np.ndarray) -> Iterator[Observation]:
    """Yield what becomes of an arm that is led along a way (T, 8): of the frames before the last
    only joints, gripper and command, of the last all but pictures. The scene's own arm stands
    there then.
    """
    *before, last = way
    for command in before:
        misc = {"joint_position_action": command}
        yield Observation(joint_positions=command[:7], gripper_open=command[7], misc=misc)
    stand(scene, last[:7], last[7])
    yield observe(scene, Views(()), None, last)
