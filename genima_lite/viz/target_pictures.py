"""Pictures of targets: views side by side with spheres on them, and a sphere taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.patches import Circle
from scipy.spatial.transform import Rotation

from genima_lite.cameras import Camera, intrinsics_of
from genima_lite.observation import Observation
from genima_lite.targets import FoundSphere, Spheres, draw_spheres
from genima_lite.targets.joints import COLORS, JOINT_POSES_INDEX
from genima_lite.targets.outline import outlines
from genima_lite.targets.trace import Tracer
from genima_lite.transforms import pose_matrix
from genima_lite.viz.figure import Figure

WHITE = 255


def picture_grid(
    pictures: Mapping[str, np.ndarray], columns: int | None = None, each: float = 2.6
) -> Figure:
    """Return pictures with their names above them, row by row.

    Args:
        pictures: by title, each (H, W, 3) uint8, or (H, W) for numbers, NaN left white. Numbers
            of both signs are red above and blue below a white 0.
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
        if picture.ndim == 2 and np.nanmin(picture) < 0 < np.nanmax(picture):
            most = np.nanmax(np.abs(picture))
            shown.set(cmap="RdBu_r", clim=(-most, most))
        if picture.ndim == 2:
            figure.colorbar(shown, ax=axes, shrink=0.75)
        axes.set_title(fill(title, int(12 * each)), fontsize=9)
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


def one_after_another(
    picture: np.ndarray, camera: Camera, spheres: Spheres, order: Sequence[int]
) -> np.ndarray:
    """Return a picture (H, W, 3) with whole spheres painted over one another in an order."""
    for i in order:
        one = Spheres(spheres.poses[[i]], spheres.colors[[i]], spheres.radii[[i]])
        picture = drawn_on(picture, camera, one)
    return picture


def crossing_pair(size: int = 128) -> tuple[Camera, Spheres]:
    """Return a camera and two spheres that cross, a purple one left of a green one."""
    half = np.sqrt(0.5)
    quaternion = (0.0, 0.0, half, half)  # rings across the picture
    places = [[-0.045, -0.012, 1.0], [0.045, 0.012, 1.01]]
    poses = np.stack([pose_matrix(place, quaternion) for place in places])
    colors = np.array([COLORS["wrist"], COLORS["elbow"]], np.uint8)
    camera = Camera(intrinsics_of(0.36, size), np.eye(4))
    return camera, Spheres(poses, colors, np.array([0.11, 0.11]))


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
            axes.plot(*pixels[index], "o", ms=9, color=colour, mec="white")
            if camera == "front":
                box = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1.0}
                place = (float(pixels[index][0]) + 8, float(pixels[index][1]) + 2)
                axes.text(*place, joint, fontsize=8, bbox=box)
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
