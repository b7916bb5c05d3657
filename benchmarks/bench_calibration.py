"""How far calibrated cameras are off, on simulated corners: PARK, SHAH, and the fit to all corners.

    python benchmarks/bench_calibration.py --trials 20 --seed 0 --postures 60

Corners are off by 0.3 pixels along each axis, the arm by 1 mm in any direction. Each trial has a
lens of its own (60 boards held before it), and as many postures as are asked for.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.envs.arm.calibration.board import Board, Corners
from genima_lite.envs.arm.calibration.hand_eye import apart, park, shah, solve_hand_eye
from genima_lite.envs.arm.calibration.lens import Lens, solve_lens
from genima_lite.transforms import inverse

BOARD, SIZE = Board(), 720
TRUE = Lens(
    np.array([[989.0, 0, SIZE / 2], [0, 989.0, SIZE / 2], [0, 0, 1]]),
    np.array([-0.1, 0.03, 0.0, 0.0, 0.0]),
    0.0,
    np.ones(4),
)


def pose(rng: np.random.Generator, tilt: float) -> np.ndarray:
    found = np.eye(4)
    turn = Rotation.from_euler("xyz", rng.uniform(-tilt, tilt, 3), degrees=True)
    found[:3, :3] = turn.as_matrix()
    return found


def view(rng: np.random.Generator, near: float, far: float, aside: float):
    """Return a board's pose wholly in the picture, and its corners."""
    while True:
        board = pose(rng, 35)
        middle = [*rng.uniform(-aside, aside, 2), rng.uniform(near, far)]
        board[:3, 3] = middle - board[:3, :3] @ BOARD.middle
        pixels = TRUE.project(BOARD.corners @ board[:3, :3].T + board[:3, 3])
        if (pixels > 5).all() and (pixels < SIZE - 5).all():
            noise = rng.normal(0, 0.3, pixels.shape)
            return board, Corners(np.arange(len(pixels)), pixels + noise)


def trial(seed: int, on_wrist: bool, postures: int) -> list[float]:
    rng = np.random.default_rng(seed)
    lens = solve_lens(BOARD, [view(rng, 0.45, 0.8, 0.25)[1] for _ in range(60)], (SIZE, SIZE))
    camera, placed = pose(rng, 170), pose(rng, 30)
    camera[:3, 3], placed[:3, 3] = rng.uniform(-1, 1, 3), rng.uniform(-0.2, 0.2, 3)
    tips, views = [], []
    for _ in range(postures):
        board, corners = view(rng, *((0.38, 0.6, 0.1) if on_wrist else (0.9, 1.3, 0.25)))
        way = camera @ board @ inverse(placed)
        tip = inverse(way) if on_wrist else way
        error = rng.normal(size=3)
        tip[:3, 3] += 1e-3 * error / np.linalg.norm(error)
        tips.append(tip)
        views.append(corners)
    ways = [inverse(tip) if on_wrist else tip for tip in tips]
    seen = [lens.board(BOARD, each) for each in views]
    fit = solve_hand_eye(BOARD, lens, tips, views, on_wrist).pose
    found = (park(ways, seen), shah(ways, seen), fit)
    return [number for each in found for number in apart(each, camera)] + list(
        apart(found[0], found[1])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postures", type=int, default=60)
    chosen = parser.parse_args()
    for on_wrist in (False, True):
        seeds = range(chosen.seed, chosen.seed + chosen.trials)
        rows = np.array([trial(seed, on_wrist, chosen.postures) for seed in seeds])
        where = "on the wrist, 0.38 to 0.6 m" if on_wrist else "fixed, 0.9 to 1.3 m"
        print(f"{where}, {chosen.postures} postures, n = {len(rows)}", flush=True)
        for name, column in (("PARK", 0), ("SHAH", 2), ("fit", 4), ("PARK to SHAH", 6)):
            millimetres, degrees = rows[:, column], rows[:, column + 1]
            print(
                f"  {name:13s}mean {millimetres.mean():.2f} mm {degrees.mean():.3f} deg, "
                f"worst {millimetres.max():.2f} mm {degrees.max():.3f} deg"
            )


if __name__ == "__main__":
    main()
