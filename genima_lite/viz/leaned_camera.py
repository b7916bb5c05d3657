"""A camera that somebody leaned on: where its spheres are drawn then, for notebook 09."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.cameras import Camera
from genima_lite.observation import Observation
from genima_lite.targets.joints import spheres_in_view
from genima_lite.targets.keypoints import targets_of
from genima_lite.viz.playground import beside, enlarged
from genima_lite.viz.target_pictures import drawn_on
from genima_lite.viz.widgets import Playground, slider

_SIDE = 384
"""Pixels along each side of a picture."""


def leaned(camera: Camera, turn: float, tilt: float, aside: float) -> Camera:
    """Return a camera whose pose is wrong.

    Args:
        turn: degrees, about the world's z axis.
        tilt: degrees, about the camera's x axis: up and down.
        aside: metres, along the camera's x axis.
    """
    pose = camera.pose.copy()
    pose[:3, 3] += aside * pose[:3, 0]
    about_z = Rotation.from_euler("z", turn, degrees=True).as_matrix()
    about_x = Rotation.from_euler("x", tilt, degrees=True).as_matrix()
    pose[:3, :3] = about_z @ pose[:3, :3] @ about_x
    return replace(camera, pose=pose)


def beside_the_arm(camera: Camera, wrong: Camera, points: np.ndarray) -> tuple[float, float]:
    """Return by how many pixels, and metres at their depth, points (N, 3) in the world are drawn
    beside where they are, at most.
    """
    pixels, depth = camera.project(points)
    off = np.linalg.norm(wrong.project(points)[0] - pixels, axis=1)
    return float(off.max()), float((off * depth / camera.intrinsics[0, 0]).max())


def lean_on(seen: Observation, name: str = "front", turn: float = 2.0) -> Playground:
    """Return sliders that turn, tilt and shift a camera's pose: the arm's spheres leave its joints.

    Left: with the camera's own pose; right: with the wrong one.

    Args:
        seen: what the camera saw, with joints and the camera's pose.
        name: the camera's.
        turn: degrees by which its pose is turned at first.
    """
    view, camera = seen.image(name), Camera.from_observation(seen, name)
    joints, opening = seen.joint_positions, seen.gripper_open
    if joints is None or opening is None:
        raise ValueError("an observation without joints or gripper: there is no arm to draw")
    spheres = spheres_in_view(targets_of(joints, opening), name)
    own = enlarged(drawn_on(view, camera, spheres), _SIDE)

    def picture(turn: float, tilt: float, aside: float) -> tuple[np.ndarray, str]:
        wrong = leaned(camera, turn, tilt, aside / 100)
        drawn = enlarged(drawn_on(view, wrong, spheres), _SIDE)
        pixels, metres = beside_the_arm(camera, wrong, spheres.poses[:, :3, 3])
        said = f"spheres are up to {pixels:.0f} pixels beside their joints, {100 * metres:.1f} cm"
        return beside(own, drawn, names=("as calibrated", "after somebody leaned on it")), said

    controls = {
        "turn": slider("turn (deg)", -10, 10, turn, 0.5),
        "tilt": slider("tilt (deg)", -10, 10, 0, 0.5),
        "aside": slider("aside (cm)", -20, 20, 0, 1),
    }
    return Playground(picture, controls, "the view of a camera with the spheres of the arm")
