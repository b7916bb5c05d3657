"""Pictures of targets: views side by side, a sphere taken apart, and what wrong conventions draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.patches import Circle
from scipy.spatial.transform import Rotation

from genima_lite.cameras import Camera
from genima_lite.observation import Observation
from genima_lite.targets import (
    FoundSphere,
    JointTargets,
    Spheres,
    draw_spheres,
    joint_targets,
    spheres_in_view,
)
from genima_lite.targets.joints import COLORS, JOINT_POSES_INDEX
from genima_lite.targets.outline import outlines
from genima_lite.targets.trace import Tracer
from genima_lite.transforms import inverse, pose_matrix
from genima_lite.viz.figure import Figure

WHITE = 255
GREY = 225


def picture_grid(
    pictures: Mapping[str, np.ndarray], columns: int | None = None, each: float = 2.6
) -> Figure:
    """Return pictures with their names above them, row by row.

    Args:
        pictures: by title, each (H, W, 3) uint8, or (H, W) for numbers, NaN left white.
        columns: pictures a row; `None` for one row.
        each: inches a picture is wide.

    Raises:
        ValueError: no pictures.
    """
    if not pictures:
        raise ValueError("no pictures to show")
    columns = min(columns or len(pictures), len(pictures))
    rows = -(-len(pictures) // columns)
    shape = next(iter(pictures.values())).shape
    size = (each * columns, (each * shape[0] / shape[1] + 0.28) * rows)
    figure = Figure(figsize=size, layout="constrained")
    for number, (title, picture) in enumerate(pictures.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        shown = axes.imshow(picture, cmap="viridis", interpolation="nearest")
        if picture.ndim == 2:
            figure.colorbar(shown, ax=axes, shrink=0.75)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    return figure


def cut_out(picture: np.ndarray, middle: Sequence[float], side: int) -> np.ndarray:
    """Return the square of `side` pixels of a picture (H, W, 3) around a pixel (column, row).

    At the picture's edge the square is moved inside.
    """
    column, row = (
        int(np.clip(round(value - side / 2), 0, size - side))
        for value, size in zip(middle, picture.shape[1::-1], strict=True)
    )
    return picture[row : row + side, column : column + side]


def drawn_on(picture: np.ndarray, camera: Camera, spheres: Spheres) -> np.ndarray:
    """Return one picture (H, W, 3) uint8 with spheres, which have no batch dimension, on it."""
    batch = Spheres(spheres.poses[None], spheres.colors[None], spheres.radii[None])
    return draw_spheres(picture[None], [camera], batch).pictures[0]


def one_after_another(picture: np.ndarray, camera: Camera, spheres: Spheres) -> np.ndarray:
    """Return a picture (H, W, 3) with whole spheres painted over one another in their order."""
    for i in range(len(spheres.radii)):
        one = Spheres(spheres.poses[[i]], spheres.colors[[i]], spheres.radii[[i]])
        picture = drawn_on(picture, camera, one)
    return picture


def arm_on_views(observation: Observation, cameras: Sequence[str]) -> Figure:
    """Return the views with the arm's joints projected onto them, base to tip."""
    poses = np.asarray(observation.misc["joint_poses"])
    points = np.vstack([poses[:, :3], np.asarray(observation.gripper_pose)[:3]])
    views = {camera.replace("_", " "): observation.image(camera) for camera in cameras}
    figure = picture_grid(views, each=2.5)
    names = {index: joint for joint, index in JOINT_POSES_INDEX.items()} | {len(poses): "gripper"}
    for axes, camera in zip(figure.axes, cameras, strict=True):
        pixels, depth = Camera.from_observation(observation, camera).project(points)
        pixels = np.where(depth[:, None] > 0, pixels - 0.5, np.nan)
        axes.autoscale(False)
        axes.plot(*pixels.T, "-", color="#D55E00", lw=1.5)
        for index, joint in names.items():
            colour = np.array(COLORS["gripper_open" if joint == "gripper" else joint]) / 255
            axes.plot(*pixels[index], "o", ms=7, color=colour, mec="white")
    return figure


def sphere_layers(camera: Camera, spheres: Spheres, size: int) -> dict[str, np.ndarray]:
    """Return what the renderer knows of the only sphere's pixels, each (size, size), else NaN.

    The names are titles: depth in metres, stripes and coverage from 0 to 1.
    """
    outline = outlines([camera], spheres.poses[None, :, :3, 3], spheres.radii[None])
    batch = Spheres(spheres.poses[None], spheres.colors[None], spheres.radii[None])
    tracer = Tracer([camera], batch, outline, (size, size))
    names = ("depth in metres", "stripes: 0 black, 1 coloured", "coverage of the pixel")
    layers = {name: np.full(size * size, np.nan) for name in names}
    for part in tracer.trace(np.array([0])):
        for name, values in zip(names, (part.depth, part.intensity, part.coverage), strict=True):
            layers[name][part.pixel] = values
    return {name: layer.reshape(size, size) for name, layer in layers.items()}


def turned_spheres(turns: Mapping[str, Sequence[float]], size: int = 128) -> dict[str, np.ndarray]:
    """Return a sphere in several orientations on white, (size, size, 3) by title.

    Its own x axis begins pointing up in the picture, tilted a little towards the camera.

    Args:
        turns: rotation vectors (3,) in radians about the sphere's own axes, by title.
        size: pixels along each side.
    """
    focal = 4.0 * size
    camera = Camera(np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]]), np.eye(4))
    start = Rotation.from_euler("zx", [-90, 25], degrees=True)
    pictures = {}
    for title, turn in turns.items():
        quaternion = (start * Rotation.from_rotvec(turn)).as_quat()
        poses = pose_matrix([0, 0, 10.0], quaternion)[None]
        colors = np.array([COLORS["wrist"]], np.uint8)
        sphere = Spheres(poses, colors, np.array([1.1]))
        pictures[title] = drawn_on(np.full((size, size, 3), WHITE, np.uint8), camera, sphere)
    return pictures


def wrong_conventions(
    observation: Observation, targets: JointTargets, name: str = "front"
) -> dict[str, np.ndarray]:
    """Return one view with its targets drawn under five wrong conventions and the right one.

    Returns:
        (H, W, 3) uint8 under "right", "y up", "pose not inverted", "half converted" (RLBench's
        axes with positive focal lengths), "wxyz" and "bgr".
    """
    view, camera = observation.image(name), Camera.from_observation(observation, name)
    right = spheres_in_view(targets, name)
    half = observation.misc[f"{name}_camera_extrinsics"]
    y_up = camera.pose @ np.diag([1.0, -1.0, 1.0, 1.0])
    turned = np.stack([_read_as_wxyz(pose) for pose in right.poses])
    cases = {
        "right": (camera.pose, right),
        "y up": (y_up, right),
        "pose not inverted": (inverse(camera.pose), right),
        "half converted": (half, right),
        "wxyz": (camera.pose, Spheres(turned, right.colors, right.radii)),
        "bgr": (camera.pose, Spheres(right.poses, right.colors[:, ::-1], right.radii)),
    }
    return {
        case: drawn_on(view, Camera(camera.intrinsics, pose), spheres)
        for case, (pose, spheres) in cases.items()
    }


def _read_as_wxyz(pose: np.ndarray) -> np.ndarray:
    """Return a pose (4, 4) whose quaternion was stored as xyzw and read as wxyz."""
    stored = Rotation.from_matrix(pose[:3, :3]).as_quat()
    return pose_matrix(pose[:3, 3], np.roll(stored, -1))


def yours_beside_ours(
    observation: Observation,
    name: str,
    ray_depth: Callable[..., np.ndarray],
    is_coloured: Callable[..., np.ndarray],
    nearest: Callable[..., np.ndarray],
) -> dict[str, np.ndarray]:
    """Return one view with the arm's spheres by three functions of the reader's and by ours.

    A grey picture stands for functions that are not written yet.
    """
    camera = Camera.from_observation(observation, name)
    view, spheres = observation.image(name), spheres_in_view(joint_targets(observation), name)
    ours = {"the library's": drawn_on(view, camera, spheres)}
    try:
        yours = assembled(view, camera, spheres, ray_depth, is_coloured, nearest)
    except NotImplementedError:
        return {"yours: solve exercises 2 to 4": np.full_like(view, GREY), **ours}
    return {"your three functions": yours, **ours}


def assembled(
    picture: np.ndarray,
    camera: Camera,
    spheres: Spheres,
    ray_depth: Callable[..., np.ndarray],
    is_coloured: Callable[..., np.ndarray],
    nearest: Callable[..., np.ndarray],
) -> np.ndarray:
    """Return a picture (H, W, 3) with spheres drawn by the functions of notebook 02."""
    rows, columns = np.indices(picture.shape[:2])
    pixels = np.stack([columns, rows], axis=-1) + 0.5
    rays = camera.unproject(pixels, np.ones(pixels.shape[:2])) - camera.pose[:3, 3]
    directions = rays @ camera.pose[:3, :3]
    to_camera = inverse(camera.pose)
    centers = [to_camera[:3, :3] @ pose[:3, 3] + to_camera[:3, 3] for pose in spheres.poses]
    depths = np.stack(
        [ray_depth(directions, c, r) for c, r in zip(centers, spheres.radii, strict=True)]
    )
    owner, canvas = nearest(depths), picture.copy()
    for i, pose in enumerate(spheres.poses):
        mine = owner == i
        points = camera.unproject(pixels[mine], depths[i][mine])
        coloured = is_coloured(points, pose, spheres.radii[i])
        canvas[mine] = np.where(coloured[:, None], spheres.colors[i], 0)
    return canvas


def found_on_views(
    views: Mapping[str, np.ndarray], found: Mapping[str, Mapping[str, FoundSphere]]
) -> Figure:
    """Return views with the outlines of found spheres and their confidence on them."""
    figure = picture_grid({camera.replace("_", " "): views[camera] for camera in views}, each=2.5)
    for axes, camera in zip(figure.axes, views, strict=True):
        axes.autoscale(False)
        for sphere in found[camera].values():
            column, row = (value - 0.5 for value in sphere.pixel)
            axes.add_patch(Circle((column, row), sphere.radius, fill=False, ec="#FF1493", lw=1.8))
            axes.plot(column, row, "+", color="white", ms=8, mew=2)
            axes.plot(column, row, "+", color="#FF1493", ms=6, mew=1)
    return figure
