"""Speed of drawing targets, as ratios measured in one run: `python benchmarks/bench_targets.py`.

Ours against two obvious ways to draw the same spheres in the same views: a ray through every
pixel of the frame in plain NumPy, and, if it is installed and finds a GL that works without a
screen, pyrender (`pip install pyrender`, then `PYOPENGL_PLATFORM=egl`). Absolute times depend on
the machine and on what else it does; ratios much less, so rounds take turns.

    --json FILE      also write the numbers to a file
    --frames N       frames of four views in the batch (default 8)
    --size N         pixels along a side (default 256)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("PYOPENGL_PLATFORM", "egl")

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.cameras import Camera, mounted_camera
from genima_lite.panda import HOME, forward_kinematics
from genima_lite.targets.draw import draw_spheres
from genima_lite.targets.joints import JOINT_POSES_INDEX, JointTargets, Spheres, spheres_in_view
from genima_lite.targets.stripes import stripe_intensity
from genima_lite.tiling import TILE_ORDER

ROUNDS = 7


def views(frames: int, size: int) -> tuple[list[Camera], Spheres]:
    """Return cameras and spheres of random postures near home; seed 0."""
    rng = np.random.default_rng(0)
    cameras, each = [], []
    for _ in range(frames):
        now = HOME + rng.uniform(-0.5, 0.5, 7)
        _, hand = forward_kinematics(now)
        poses, tip = forward_kinematics(now + rng.uniform(-0.1, 0.1, 7))
        chosen = np.stack([tip, *(poses[i] for i in JOINT_POSES_INDEX.values())])
        cameras += [mounted_camera(name, size, hand) for name in TILE_ORDER]
        each += [spheres_in_view(JointTargets(chosen, True), name) for name in TILE_ORDER]
    fields = (
        np.stack([getattr(sphere, name) for sphere in each])
        for name in ("poses", "colors", "radii")
    )
    return cameras, Spheres(*fields)


def full_frame(picture: np.ndarray, camera: Camera, spheres: Spheres, n: int) -> np.ndarray:
    """Draw with a ray through every pixel for every sphere, and no smooth edges."""
    rows, columns = np.indices(picture.shape[:2]) + 0.5
    origin = camera.pose[:3, 3]
    ends = camera.unproject(np.stack([columns, rows], axis=-1), np.ones(picture.shape[:2]))
    rays = (ends - origin) / np.linalg.norm(ends - origin, axis=-1, keepdims=True)
    nearest, result = np.full(picture.shape[:2], np.inf), picture.copy()
    for pose, color, radius in zip(
        spheres.poses[n], spheres.colors[n], spheres.radii[n], strict=True
    ):
        center = pose[:3, 3] - origin
        along = rays @ center
        square = along**2 - center @ center + radius**2
        distance = along - np.sqrt(np.maximum(square, 0.0))
        hit = (square > 0) & (distance > 0) & (distance < nearest)
        s = (((rays * distance[..., None] - center) @ pose[:3, 0] / radius + 1) / 2).astype("f")
        paint = stripe_intensity(s, np.full_like(s, 0.01))[..., None] * color
        result[hit], nearest[hit] = np.rint(paint[hit]).astype(np.uint8), distance[hit]
    return result


def pyrender_draw(size: int) -> tuple[Callable[[Camera, Spheres, int], np.ndarray] | None, str]:
    """Return a function that draws plain spheres with pyrender, or None and why not."""
    try:
        vars(np).setdefault("infty", np.inf)  # pyrender 0.1 is older than NumPy 2
        import pyrender
        import trimesh

        renderer = pyrender.OffscreenRenderer(size, size)
    except Exception as error:  # missing packages and missing GL fail in many ways
        return None, f"{type(error).__name__}: {error}"

    def draw(camera: Camera, spheres: Spheres, n: int) -> np.ndarray:
        scene = pyrender.Scene(bg_color=[255, 255, 255])
        k = camera.intrinsics
        lens = pyrender.IntrinsicsCamera(k[0, 0], k[1, 1], k[0, 2], k[1, 2], 1e-5, 3.0)
        scene.add(lens, pose=camera.to_opengl())
        for pose, color, radius in zip(
            spheres.poses[n], spheres.colors[n], spheres.radii[n], strict=True
        ):
            sphere = trimesh.creation.uv_sphere(radius=radius, count=[32, 32])
            sphere.visual.vertex_colors = color
            scene.add(pyrender.Mesh.from_trimesh(sphere), pose=pose)
        return renderer.render(scene, flags=pyrender.RenderFlags.FLAT)[0]

    return draw, "installed"


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(frames: int, size: int) -> dict[str, float | str]:
    """Return milliseconds a view of each way, and ratios; medians over rounds that take turns."""
    cameras, spheres = views(frames, size)
    count = len(cameras)
    pictures = np.full((count, size, size, 3), 255, np.uint8)
    few = range(4)  # the slow ways draw the views of one frame
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "ours, batched": (lambda: draw_spheres(pictures, cameras, spheres), count),
        "ours, one view at a time": (
            lambda: [draw_one(pictures, cameras, spheres, n) for n in few],
            len(few),
        ),
        "every pixel, NumPy": (
            lambda: [full_frame(pictures[n], cameras[n], spheres, n) for n in few],
            len(few),
        ),
    }
    draw, state = pyrender_draw(size)
    if draw is not None:
        ways["pyrender"] = (lambda: [draw(cameras[n], spheres, n) for n in few], len(few))
    times: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(ROUNDS + 1):
        for name, (call, number) in ways.items():
            seconds = timed(call) / number
            if i:  # the first round warms up
                times[name].append(seconds)
    result: dict[str, float | str] = {
        f"{name}, ms a view": 1e3 * float(np.median(values)) for name, values in times.items()
    }
    ours = np.array(times["ours, batched"])
    for name in list(times)[1:]:
        result[f"{name} over ours batched"] = float(np.median(np.array(times[name]) / ours))
    return {**result, "pyrender": state}


def draw_one(pictures: np.ndarray, cameras: list[Camera], spheres: Spheres, n: int) -> object:
    one = Spheres(spheres.poses[n : n + 1], spheres.colors[n : n + 1], spheres.radii[n : n + 1])
    return draw_spheres(pictures[n : n + 1], cameras[n : n + 1], one)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    words = parser.parse_args()
    numbers = measure(words.frames, words.size)
    title = f"four spheres in {words.size}-pixel views, batch of {4 * words.frames}"
    table = Table("quantity", "value", title=title)
    for name, value in numbers.items():
        table.add_row(name, value if isinstance(value, str) else f"{value:.2f}")
    Console().print(table)
    if words.json:
        machine = (
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        )
        report = {"machine": machine, "size": words.size, "numbers": numbers}
        words.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
