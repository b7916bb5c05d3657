"""Moments: single decisions, the arm set down beside the expert's way, and where it should go.

A picture in which the arm stands where the expert leads it tells where that is. A network that
sees only such pictures learns to draw the arm a little farther on, not to look for the thing that
the arm shall reach (causal confusion, de Haan et al., 2019). Here the arm stands somewhere else in
every picture. Deviation from the paper, which learns from demonstrations only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.bench.expert import plan, stretches
from genima_lite.bench.observe import Views, observe
from genima_lite.bench.recovery import waypoints_ahead
from genima_lite.bench.render import Renderer
from genima_lite.bench.scene import Scene
from genima_lite.bench.task import Waypoint
from genima_lite.bench.tasks import load_task
from genima_lite.observation import Demo
from genima_lite.targets.horizon import target_frames
from genima_lite.tiling import TILE_ORDER

FLIP = 0.15
"""Share of the moments in which the gripper is closed instead of open, or the other way round."""

_SCENE_MOMENTS = 4
_ASIDE, _TURNED, _TILTED = 0.05, 0.5, 0.08
_TRIES = 20


@dataclass(frozen=True)
class MomentSettings:
    """What defines a row of moments."""

    task: str
    """RLBench task name."""
    view_size: int = 64
    """Pixels along each side of a view."""
    seed: int = 0
    """The same seed gives the same moments."""
    stops: bool = True
    """Targets end at stops (`genima_lite.targets.horizon.target_frames`)."""


def moments(settings: MomentSettings, count: int) -> Iterator[tuple[Demo, list[str]]]:
    """Set the arm down `count` times, four times a scene, always with an empty hand.

    The tip stands beside a random point of a random stretch of the expert's way to the grasp, or
    to the end for what presses: by normal noise whose deviation is uniform up to 5 cm, 0.5 rad
    about its axis and 0.08 rad across.

    Yields:
        A demonstration of two frames, now and at the next target, and the sentences that ask for
        the variation. The second frame has no pictures. Draw targets with `stops=False`.
    """
    scene = Scene(load_task(settings.task))
    renderer = Renderer(scene.model, settings.view_size)
    rng = np.random.RandomState([settings.seed, 3])
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
    scene: Scene, renderer: Renderer, settings: MomentSettings, rng: np.random.RandomState
) -> Iterator[Demo]:
    """Yield some moments of a scene that was just reset."""
    first = scene.task.waypoints(scene)
    try:
        ways = stretches(_empty_handed(first), panda.HOME)
    except panda.Unreachable:
        return
    state = scene.state()
    for _ in range(_SCENE_MOMENTS):
        scene.restore(state)
        if not _set_down(scene, ways, rng):
            continue
        now = observe(scene, Views(TILE_ORDER, settings.view_size), renderer, None)
        try:
            goal = _next_target(scene, first, settings.stops)
        except panda.Unreachable:
            continue
        _stand(scene, goal[:7], goal[7])
        yield Demo([now, observe(scene, Views((), settings.view_size), None, None)])


def _empty_handed(stops: Sequence[Waypoint]) -> list[Waypoint]:
    """Return the stops up to the grasp; all of them where nothing is grasped."""
    closing = [k for k, stop in enumerate(stops) if stop.gripper == 0.0 and k > 0]
    return list(stops[: closing[0] + 1] if closing else stops)


def _set_down(scene: Scene, ways: Sequence[np.ndarray], rng: np.random.RandomState) -> bool:
    """Put the arm beside one of some ways (T, 8), where it touches nothing.

    Returns:
        Whether such a place was found.
    """
    for _ in range(_TRIES):
        way = ways[rng.randint(len(ways))]
        command = way[rng.randint(len(way))]
        tip = _beside(panda.forward_kinematics(command[:7])[1], rng)
        opening = 1 - command[7] if rng.rand() < FLIP else command[7]
        try:
            joints = panda.inverse_kinematics(tip, start=command[:7], posture=command[:7])
        except panda.Unreachable:
            continue
        _stand(scene, joints, opening)
        if not _touches(scene):
            return True
    return False


def _beside(tip: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Return a (4, 4) pose near another one."""
    moved = tip.copy()
    moved[:3, 3] += rng.normal(0, rng.uniform(0, _ASIDE), 3)
    spread = np.array([_TILTED, _TILTED, _TURNED]) * rng.rand()
    moved[:3, :3] = tip[:3, :3] @ Rotation.from_rotvec(rng.normal(0, spread)).as_matrix()
    return moved


def _stand(scene: Scene, joints: np.ndarray, opening: float) -> None:
    """Put the arm, at rest, into a posture (7,), without simulating how it gets there."""
    data, stroke = scene.data, panda.FINGER_STROKE * float(opening > 0.5)
    data.qpos[:7], data.qpos[7:9] = joints, stroke
    data.ctrl[:7], data.ctrl[7:9] = joints, stroke
    data.qvel[:] = 0
    mujoco.mj_forward(scene.model, data)


def _touches(scene: Scene) -> bool:
    """Return whether the arm or the hand touches anything but itself."""
    own = scene.model.body("right_finger").id
    bodies = scene.model.geom_bodyid[scene.data.contact.geom]
    base = scene.model.body("link1").id
    arm = (bodies >= base) & (bodies <= own)
    return bool((arm[:, 0] != arm[:, 1]).any())


def _next_target(scene: Scene, first: Sequence[Waypoint], stops: bool) -> np.ndarray:
    """Return the expert's command (8,) at the next target from where the arm stands."""
    joints = scene.data.qpos[:7].copy()
    opening = float(scene.robot.commanded_open)
    steps = plan(waypoints_ahead(scene, first), joints, opening)
    steps = np.vstack([np.append(joints, opening), steps])
    return steps[target_frames(steps[:, :7], steps[:, 7], stops=stops)[0]]
