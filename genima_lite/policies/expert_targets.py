"""True targets for any arm: what the expert's plan would have drawn where the arm is now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.expert import plan
from genima_lite.observation import Observation
from genima_lite.targets.horizon import HORIZON, target_frames
from genima_lite.targets.keypoints import draw_views, targets_of

LATER, EARLIER = 0.0005, 0.05
"""Radians: what a frame costs for each step that it lies ahead of the last one, and what going
back costs. Postures that a plan passes twice are told apart by them."""


class ExpertTargets:
    """The targets of the expert's plan, for an arm that need not be on the plan's clock.

    Args:
        env: right after its reset.
        horizon: K in steps.
        keyframes: cut targets at stops; see `genima_lite.targets.horizon.target_frames`.

    Raises:
        Unreachable: the expert has no plan for this scene.
    """

    def __init__(self, env: BenchEnv, horizon: int = HORIZON, keyframes: bool = True):
        start = np.asarray(env.observation.joint_positions)
        steps = plan(env.scene.task.waypoints(env.scene), start)
        self.plan = np.vstack([np.append(start, 1.0), steps])
        """(T, 8): joints in radians and gripper open, at each frame."""
        self._targets = target_frames(self.plan[:, :7], self.plan[:, 7], horizon, keyframes)
        self._frame = 0

    def follow(self, observation: Observation) -> int:
        """Return the frame of the plan at which the arm is, and go on from it next time.

        It is the one whose joints are nearest, by the joint that is furthest off, among frames
        with the arm's gripper state (among all where there is none).
        """
        joints, opening = np.asarray(observation.joint_positions), observation.gripper_open
        cost = np.abs(self.plan[:, :7] - joints).max(axis=1)
        ahead = np.arange(len(cost)) - self._frame
        cost += np.where(ahead < 0, EARLIER, LATER * ahead)
        cost[self.plan[:, 7] != opening] += 1e3
        self._frame = int(np.argmin(cost))
        return self._frame

    def draw(
        self, observation: Observation, frame: int, cameras: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Return an observation's views with a frame's targets on them, (H, W, 3) uint8 each."""
        row = self.plan[self._targets[frame]]
        below = np.stack([observation.image(name) for name in cameras])[None]
        seen_by = [[Camera.from_observation(observation, name) for name in cameras]]
        drawn = draw_views(below, seen_by, cameras, [targets_of(row[:7], row[7])])
        return dict(zip(cameras, drawn.views[0], strict=True))
