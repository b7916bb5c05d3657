"""The vocabulary shared by bench, RLBench and arm: `Observation` and `Demo`.

Field names, shapes, dtypes and units are RLBench's (`rlbench.backend.observation`,
`rlbench.demo`), so code written for one reads the other. World frame: metres, z up, the
table top at z = 0.75. Quaternions are xyzw. Joint angles follow RLBench's zero of joint 4,
which lies four degrees off Franka's (see `genima_lite.panda`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

CAMERAS = ("left_shoulder", "right_shoulder", "overhead", "front", "wrist")
"""The five RLBench cameras, in the order of RLBench's `misc` entries."""

CONTROL_PERIOD = 0.05
"""seconds from one action, and one observation, to the next."""


@dataclass(eq=False)
class Observation:
    """What the robot knows at one instant (W = H = image size).

    Images are `None` unless they were asked for or stored.

    - `<camera>_rgb`: (H, W, 3) uint8.
    - `<camera>_depth`: (H, W) float32 in [0, 1], linear between the camera's near and far
      plane along the optical axis; `genima_lite.cameras.depth_in_metres` gives metres.
    - `<camera>_mask`: (H, W) int32, one handle per object, 0 where there is none.
    - `<camera>_point_cloud`: (H, W, 3) float32, metres, world frame.
    - `joint_velocities` (7,) rad/s, `joint_positions` (7,) rad, `joint_forces` (7,) N m: the load
      that each joint feels, as in RLBench, so minus what its motor exerts.
    - `gripper_open`: 1.0 when the fingers are more than 90 % open, else 0.0.
    - `gripper_pose`: (7,) tip in the world, x y z in metres, then quaternion xyzw.
    - `gripper_matrix`: (4, 4) tip to world.
    - `gripper_joint_positions`: (2,) metres, 0 to 0.04 a finger.
    - `gripper_touch_forces`: (6,) N, two finger pads times xyz.
    - `task_low_dim_state`: (n,) task specific; treat it as opaque.
    - `misc`: `<camera>_camera_extrinsics` (4, 4) and `_intrinsics` (3, 3) in RLBench's camera
      axes, `_near`, `_far` in metres; `variation_index`; `joint_position_action` (8,), the
      command that led here (absent in an episode's first frame); `joint_poses`, a list of
      seven (7,) poses, joint k's frame before its own rotation.

    All state arrays are float64. A field that was not recorded is `None`.
    """

    left_shoulder_rgb: np.ndarray | None = None
    left_shoulder_depth: np.ndarray | None = None
    left_shoulder_mask: np.ndarray | None = None
    left_shoulder_point_cloud: np.ndarray | None = None
    right_shoulder_rgb: np.ndarray | None = None
    right_shoulder_depth: np.ndarray | None = None
    right_shoulder_mask: np.ndarray | None = None
    right_shoulder_point_cloud: np.ndarray | None = None
    overhead_rgb: np.ndarray | None = None
    overhead_depth: np.ndarray | None = None
    overhead_mask: np.ndarray | None = None
    overhead_point_cloud: np.ndarray | None = None
    wrist_rgb: np.ndarray | None = None
    wrist_depth: np.ndarray | None = None
    wrist_mask: np.ndarray | None = None
    wrist_point_cloud: np.ndarray | None = None
    front_rgb: np.ndarray | None = None
    front_depth: np.ndarray | None = None
    front_mask: np.ndarray | None = None
    front_point_cloud: np.ndarray | None = None
    joint_velocities: np.ndarray | None = None
    joint_positions: np.ndarray | None = None
    joint_forces: np.ndarray | None = None
    gripper_open: float | None = None
    gripper_pose: np.ndarray | None = None
    gripper_matrix: np.ndarray | None = None
    gripper_joint_positions: np.ndarray | None = None
    gripper_touch_forces: np.ndarray | None = None
    task_low_dim_state: np.ndarray | None = None
    misc: dict[str, Any] = field(default_factory=dict)

    def image(self, camera: str, kind: str = "rgb") -> np.ndarray:
        """Return one image, for example `image("front", "depth")`.

        Raises:
            KeyError: no such image was recorded; the message names those that were.
        """
        value = getattr(self, f"{camera}_{kind}", None)
        if value is None:
            present = ", ".join(self.images()) or "none"
            raise KeyError(f"no image '{camera}_{kind}' in this observation (present: {present})")
        return value

    def images(self) -> dict[str, np.ndarray]:
        """Return the images that are present, by field name (`front_rgb`, ...)."""
        found = {name: getattr(self, name) for name in IMAGE_FIELDS}
        return {name: image for name, image in found.items() if image is not None}


IMAGE_FIELDS = tuple(f.name for f in fields(Observation))[:20]
"""The twenty image fields, in RLBench's constructor order."""

STATE_FIELDS = tuple(f.name for f in fields(Observation))[20:-1]
"""The nine low-dimensional fields, in RLBench's constructor order."""


@dataclass(frozen=True)
class Recording:
    """How a person recorded a demonstration.

    Attributes:
        arm: "fer" or "fr3", whose joints they are.
        driver: what was driven, for example "twin".
        hand: who led it: "guiding", a device such as "keyboard", or "expert", in a hand's place.
        instruction: what was asked for.
        began: ISO 8601 with time zone, on the wall's clock.
        seconds: (T,) of each frame, since then.
        calibration: content of `calibration.json`; `None` on the twin, which knows its cameras.
    """

    arm: str
    driver: str
    hand: str
    instruction: str
    began: str
    seconds: list[float]
    calibration: dict[str, Any] | None = None


@dataclass(eq=False)
class Demo:
    """One demonstration: `demo[t]` is the observation at step t (20 Hz), `len(demo)` = T.

    - `random_seed`: MT19937 state tuple `('MT19937', uint32[624], pos, has_gauss, cached)`
      from before the reset that produced the demo.
    - `num_reset_attempts`: how often the scene was drawn until it was valid.
    - `scene_state`: JSON-able description of the initial scene written by our bench
      (`genima_lite.envs.bench.scene.Scene.state`), `None` for demonstrations from elsewhere.
    - `recording`: how a person recorded it, `None` for demonstrations by an expert.
    """

    _observations: list[Observation] = field(default_factory=list)
    random_seed: tuple | None = None
    num_reset_attempts: int | None = None
    scene_state: dict[str, Any] | None = None
    recording: Recording | None = None

    def __len__(self) -> int:
        return len(self._observations)

    def __getitem__(self, index: int) -> Observation:
        return self._observations[index]

    def __iter__(self) -> Iterator[Observation]:
        return iter(self._observations)

    def actions(self) -> np.ndarray:
        """Return the commanded actions, (T - 1, 8) float64: seven joint targets in radians,
        then gripper open in [0, 1]. Row t led from `demo[t]` to `demo[t + 1]`.

        Where a frame has no recorded command (older RLBench data) the joint positions reached
        and the gripper state stand in, as in Genima's reference code.
        """
        rows = [_command(observation) for observation in self._observations[1:]]
        return np.stack(rows) if rows else np.zeros((0, 8))


def _command(observation: Observation) -> np.ndarray:
    """Return the command (8,) that led to an observation, from whatever its version recorded."""
    command = observation.misc.get("joint_position_action")
    if command is None:
        joints = observation.misc.get("executed_demo_joint_position_action")
        reached = observation.joint_positions if joints is None else joints
        command = [*np.asarray(reached), observation.gripper_open]
    return np.asarray(command, dtype=np.float64)
