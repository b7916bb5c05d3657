"""What the course's widgets show, as plain functions: numbers in, a picture out.

Pictures are (2 S, 2 S, 3) uint8: the four tiled views, each enlarged to S pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.envs.api import EnvSpec, HasSnapshot, make_env, require
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.targets import (
    JointTargets,
    draw_targets,
    joint_targets,
    spheres_in_view,
)
from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.viz.figure import TEXT_COLOUR
from genima_lite.viz.target_pictures import drawn_on

SHOWN_SIZE = 256
"""Pixels along each side of a view in a widget."""

BAND = 28
"""Pixels above a picture for its name."""


class Stage:
    """The bench with an arm that is put wherever one likes; things stand where they stood.

    Args:
        task: whose things stand on the table.
        seed: of the scene.
        size: pixels along each side of a view.
    """

    def __init__(self, task: str = "push_button", seed: int = 0, size: int = 128):
        self._env = make_env(EnvSpec(task, TILE_ORDER, size))
        self._env.reset(seed=seed)
        self._snapshot = require(self._env, HasSnapshot, "a stage")
        self._state = self._snapshot.state()

    def pose(self, joints: np.ndarray, gripper_open: float = 1.0) -> Observation:
        """Put the arm at joint angles (7,) in radians and return what is seen.

        Raises:
            UserError: an angle outside its limits.
        """
        joints = np.asarray(joints, dtype=np.float64)
        if wrong := np.flatnonzero((joints < panda.LOWER) | (joints > panda.UPPER)).tolist():
            raise UserError(f"joint {wrong[0] + 1} at {joints[wrong[0]]:.3f} rad is past its limit")
        self._snapshot.restore(self._state)
        self._snapshot.place_arm(joints, gripper_open)
        return self._env.observation


def posed_picture(stage: Stage, joints: np.ndarray, gripper_open: float = 1.0) -> np.ndarray:
    """Return the arm at joint angles (7,) in radians with its own spheres on it, (2S, 2S, 3)."""
    seen = stage.pose(joints, gripper_open)
    return enlarged(tile(with_spheres(seen, joint_targets(seen))))


def scrubbed_picture(demo: Demo, frame: int, horizon: int, keyframes: bool = True) -> np.ndarray:
    """Return frame t of a demonstration with its targets at t + K (or the keyframe before it).

    Raises:
        ValueError: no such frame, or a horizon below 1.
    """
    targets = draw_targets(demo, frame, TILE_ORDER, horizon, keyframes=keyframes)
    return enlarged(tile(targets.views))


def with_spheres(seen: Observation, targets: JointTargets) -> dict[str, np.ndarray]:
    """Return the tiled cameras' views of an observation with spheres drawn on them."""
    return {
        camera: drawn_on(
            seen.image(camera),
            Camera.from_observation(seen, camera),
            spheres_in_view(targets, camera),
        )
        for camera in TILE_ORDER
    }


def views_of(seen: Observation) -> dict[str, np.ndarray]:
    """Return the tiled cameras' views, by camera."""
    return {camera: seen.image(camera) for camera in TILE_ORDER}


def moved_tip(joints: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return joint angles (7,) whose tip is `by` (3,) metres from that of `joints`, world axes.

    Raises:
        Unreachable: the arm does not get there.
    """
    _, tip = panda.forward_kinematics(joints)
    tip = tip.copy()
    tip[:3, 3] += by
    return panda.inverse_kinematics(tip, start=joints, posture=joints)


def enlarged(picture: np.ndarray, side: int = 2 * SHOWN_SIZE) -> np.ndarray:
    """Return a square picture (H, H, 3) uint8 with sides of `side` pixels, its pixels visible."""
    if picture.shape[0] == side:
        return picture
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST))


def beside(*pictures: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
    """Return pictures (H, W, 3) of one height in a row, with a white seam between them, and where
    there are names with each above its picture.
    """
    if names:
        pictures = tuple(map(named, pictures, names))
    seam = np.full((pictures[0].shape[0], 12, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (seam, picture)][1:]
    return np.concatenate(parts, axis=1)


def named(picture: np.ndarray, name: str) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 below a white band of `BAND` pixels with its name."""
    band = Image.new("RGB", (picture.shape[1], BAND), "white")
    font, middle = ImageFont.load_default(BAND * 3 / 4), (picture.shape[1] / 2, BAND / 2)
    ImageDraw.Draw(band).text(middle, name, fill=TEXT_COLOUR, font=font, anchor="mm")
    return np.concatenate([np.asarray(band), picture])


def drawn_picture(drawn: Mapping[str, np.ndarray], side: int = 2 * SHOWN_SIZE) -> np.ndarray:
    """Return drawn views, by camera, as one enlarged picture."""
    return enlarged(tile(drawn), side)
