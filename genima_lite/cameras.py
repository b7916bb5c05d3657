"""Pinhole cameras. Inside the library axes are OpenCV's: x right, y down, z forward.

RLBench stores camera-to-world matrices with +x left, +y up, +z forward and *negative* focal
lengths; MuJoCo and OpenGL look along -z with +x right, +y up. The conversions live here and
nowhere else. Pixel coordinates are continuous: (0, 0) is the outer corner of the top left
pixel, whose centre is (0.5, 0.5). RLBench's own point clouds leave out that half pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.errors import UserError
from genima_lite.observation import Observation
from genima_lite.transforms import from_axes, inverse

_RLBENCH_AXES = np.diag([-1.0, -1.0, 1.0, 1.0])
_OPENGL_AXES = np.diag([1.0, -1.0, -1.0, 1.0])

NEAR_TIP = 0.25
"""Metres from the tip within which a camera is on the wrist."""


@dataclass(frozen=True, eq=False)
class Camera:
    """One pinhole camera.

    Attributes:
        intrinsics: (3, 3) float64, pixels, positive focal lengths.
        pose: (4, 4) float64, camera (OpenCV axes) to world, metres.
        near, far: metres, the planes between which stored depth is linear.
        on_wrist: whether it moves with the hand.
    """

    intrinsics: np.ndarray
    pose: np.ndarray
    near: float = 0.01
    far: float = 4.5
    on_wrist: bool = False

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project world points (..., 3) in metres.

        Returns:
            pixels (..., 2), column then row, continuous; depth (...) in metres along the
            optical axis, negative behind the camera.
        """
        world_to_camera = inverse(self.pose)
        local = np.asarray(points) @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
        image = local @ self.intrinsics.T
        return image[..., :2] / local[..., 2:], local[..., 2]

    def unproject(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return world points (..., 3) of pixels (..., 2) at depths (...) in metres."""
        ones = np.ones((*np.shape(pixels)[:-1], 1))
        rays = np.concatenate([pixels, ones], axis=-1) @ np.linalg.inv(self.intrinsics).T
        local = rays * np.asarray(depth)[..., None]
        return local @ self.pose[:3, :3].T + self.pose[:3, 3]

    def point_cloud(self, depth: np.ndarray) -> np.ndarray:
        """Return world points (H, W, 3) of a depth picture (H, W) in metres, at pixel centres."""
        rows, columns = np.indices(depth.shape)
        return self.unproject(np.stack([columns, rows], axis=-1) + 0.5, depth)

    def to_rlbench(self) -> tuple[np.ndarray, np.ndarray]:
        """Return RLBench's extrinsics (4, 4), camera to world, and intrinsics (3, 3)."""
        return self.pose @ _RLBENCH_AXES, self.intrinsics * np.array([[-1, -1, 1]] * 3)

    def to_opengl(self) -> np.ndarray:
        """Return the (4, 4) pose in OpenGL's and MuJoCo's camera axes, camera to world."""
        return self.pose @ _OPENGL_AXES

    @classmethod
    def from_opengl(
        cls, pose: np.ndarray, intrinsics: np.ndarray, near: float, far: float
    ) -> Camera:
        """Make a camera of a (4, 4) pose in OpenGL's and MuJoCo's axes, camera to world."""
        return cls(intrinsics, pose @ _OPENGL_AXES, near, far)

    @classmethod
    def from_rlbench(
        cls, extrinsics: np.ndarray, intrinsics: np.ndarray, near: float, far: float
    ) -> Camera:
        """Make a camera of RLBench's matrices, as found in an observation's `misc`."""
        return cls(intrinsics * np.array([[-1, -1, 1]] * 3), extrinsics @ _RLBENCH_AXES, near, far)

    @classmethod
    def from_observation(cls, observation: Observation, name: str) -> Camera:
        """Make a camera of an observation's `misc`, for example `name="front"`.

        Whether it is on the wrist is not stored: it is where it is near the tip.

        Raises:
            UserError: the observation has no such camera, or not all of its values; the message
                names those it has.
        """
        misc = observation.misc
        names = [f"{name}_camera_{value}" for value in ("extrinsics", "intrinsics", "near", "far")]
        if missing := [each for each in names if misc.get(each) is None]:
            known = [k.removesuffix("_camera_near") for k in misc if k.endswith("_camera_near")]
            raise UserError(
                f"no camera '{name}' in this observation: misc lacks '{missing[0]}' (present: "
                f"{', '.join(known) or 'none'})"
            )
        camera = cls.from_rlbench(*(misc[each] for each in names))
        tip = observation.gripper_pose
        near = tip is not None and np.linalg.norm(camera.pose[:3, 3] - tip[:3]) < NEAR_TIP
        return replace(camera, on_wrist=bool(near))


CAMERA_TURN, CAMERA_SHIFT = 0.05, 0.1
"""Radians about each axis, metres along each: how far The Colosseum moves cameras at most."""


def random_move(strength: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return how a camera that stands in the room is moved at random.

    Args:
        strength: 0 to 1, the share of The Colosseum's ranges.
        rng: six numbers are drawn from it.

    Returns:
        a turn (3, 3) on the spot about the world's axes, and metres (3,) along them.
    """
    turn = Rotation.from_euler("xyz", strength * rng.uniform(-CAMERA_TURN, CAMERA_TURN, 3))
    return turn.as_matrix(), strength * rng.uniform(-CAMERA_SHIFT, CAMERA_SHIFT, 3)


def moved(camera: Camera, strength: float, rng: np.random.Generator) -> Camera:
    """Return a camera that was moved at random (`random_move`)."""
    turn, shift = random_move(strength, rng)
    pose = camera.pose.copy()
    pose[:3, :3] = turn @ pose[:3, :3]
    pose[:3, 3] += shift
    return replace(camera, pose=pose)


def intrinsics_of(opening_angle: float, size: int) -> np.ndarray:
    """Return the (3, 3) intrinsics of a square picture of `size` pixels; angle in radians."""
    focal = size / (2 * np.tan(opening_angle / 2))
    return np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])


def depth_in_metres(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Convert stored depth, a fraction in [0, 1] between near and far, to metres."""
    return near + depth * (far - near)


def depth_fraction(metres: np.ndarray, near: float, far: float) -> np.ndarray:
    """Convert metres to stored depth, float32 clipped to [0, 1]. Inverse of `depth_in_metres`."""
    return np.clip((metres - near) / (far - near), 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Mount:
    """How one of RLBench's cameras is mounted and what it sees.

    `pose` is (4, 4) in OpenCV axes: camera to world, or camera to tip if `on_wrist`.
    `opening_angle` in radians, near and far in metres.
    """

    pose: np.ndarray
    opening_angle: float
    near: float
    far: float
    on_wrist: bool = False


def _fixed(position: list[float], heading: float, pitch: float, far: float) -> Mount:
    """Return a camera turned by `heading` about z and looking `pitch` below the horizon (deg)."""
    h, p = np.deg2rad([heading, pitch])
    forward = np.array([np.cos(h) * np.cos(p), np.sin(h) * np.cos(p), -np.sin(p)])
    right = np.array([np.sin(h), -np.cos(h), 0.0])
    pose = from_axes(position, right, np.cross(forward, right), forward)
    return Mount(pose, np.deg2rad(40.0), 0.01, far)


def _wrist() -> Mount:
    """Return the wrist camera: 5 cm beside and 9.2 cm behind the tip, tilted by 5 degrees."""
    c, s = np.cos(np.deg2rad(5.0)), np.sin(np.deg2rad(5.0))
    rlbench = from_axes([-0.05001, 0.002, -0.09207], [0, 1, 0], [-c, 0, s], [s, 0, c])
    return Mount(rlbench @ _RLBENCH_AXES, np.deg2rad(60.0), 0.01, 3.5, on_wrist=True)


RLBENCH_MOUNTS = {
    "left_shoulder": _fixed([-0.175, 0.2, 1.98], -10.0, 65.0, 3.2),
    "right_shoulder": _fixed([-0.175, -0.2, 1.98], 10.0, 65.0, 3.2),
    "overhead": _fixed([-0.175, 0.0, 2.43], 0.0, 65.0, 3.3),
    "front": _fixed([1.35, 0.0, 1.58], 180.0, 25.0, 4.5),
    "wrist": _wrist(),
}
"""RLBench's five cameras in its standard scene."""


def _across(mount: Mount) -> Mount:
    """Return a camera on the other side of the hand, as seen along the fingers."""
    return replace(mount, pose=np.diag([-1.0, -1.0, 1.0, 1.0]) @ mount.pose)


RLBENCH, TWO_ON_WRIST = "rlbench", "two-on-wrist"

RIGS = {
    RLBENCH: RLBENCH_MOUNTS,
    TWO_ON_WRIST: {**RLBENCH_MOUNTS, "right_shoulder": _across(RLBENCH_MOUNTS["wrist"])},
}
"""How cameras are mounted, by the name of a rig. A camera's name says which of the four tiles, and
which of RLBench's pictures, it is. `two-on-wrist` has two fixed cameras and two on the wrist, as
the paper's robot: the second is called `right_shoulder`."""


def mounts_of(rig: str) -> dict[str, Mount]:
    """Return how a rig's cameras are mounted.

    Raises:
        UserError: no such rig.
    """
    if rig not in RIGS:
        raise UserError(f"rig is '{rig}': choose from {', '.join(RIGS)}")
    return RIGS[rig]


def mounted_camera(name: str, size: int, tip: np.ndarray, rig: str = RLBENCH) -> Camera:
    """Return a rig's camera for square pictures, those on the wrist at the tip pose (4, 4)."""
    mount = mounts_of(rig)[name]
    pose = tip @ mount.pose if mount.on_wrist else mount.pose
    intrinsics = intrinsics_of(mount.opening_angle, size)
    return Camera(intrinsics, pose, mount.near, mount.far, mount.on_wrist)
