"""Victims in the newer formats: recorded demonstrations, LeRobot's datasets, a grid of evaluations.

All are made from the small dataset, and are short.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from genima_lite.cameras import mounted_camera
from genima_lite.demos.layout import episode_folder, iterate_episodes
from genima_lite.demos.lerobot.export import to_lerobot
from genima_lite.demos.read import read_episode, read_sentences
from genima_lite.demos.write import write_episode
from genima_lite.envs.arm.calibration.store import (
    Calibration,
    CameraCalibration,
    write_calibration,
)
from genima_lite.evaluation.recording import RecordedStep
from genima_lite.evaluation.recording import Recording as Recorded
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.observation import IMAGE_FIELDS, Demo, Recording
from genima_lite.provenance import claim
from genima_lite.robustness import Robustness, _store
from genima_lite.seeds import evaluation_seed

FRAMES = 10
"""Of a short episode."""

CAMERAS = ("front", "wrist")
CALIBRATION = "calibration.json"
"""Lies in the folder of the dataset that somebody else recorded."""

GRID = Robustness(("expert",), ("push_button",), episodes=2, seed=1000, perturb=("light",))


def shorten(demos: Path, to: Path, cameras: tuple[str, ...], recording=None) -> None:
    """Make a dataset of the first frames of all episodes, with colours of some cameras alone."""
    for episode in iterate_episodes(demos):
        demo = read_episode(episode.path, cameras)
        short = Demo(demo._observations[:FRAMES], demo.random_seed, 1, demo.scene_state)
        short.recording = recording
        sentences, _ = read_sentences(episode.path)
        assert sentences is not None
        write_episode(short, to, episode.task, episode.variation, episode.episode, sentences)


def record(demos: Path, to: Path) -> None:
    """Make a dataset as a person records it, of two short episodes with two cameras."""
    what = ("fer", "twin", "expert", "press it", "2026-11-27T12:00:00+00:00")
    shorten(demos, to, CAMERAS, Recording(*what, [0.05 * t for t in range(FRAMES)]))


def convert(recorded: Path, to: Path) -> None:
    """Make LeRobot's dataset of it, with exact pictures and all that is ours beside."""
    list(to_lerobot(recorded, to, "png"))


def forget(recorded: Path, to: Path) -> None:
    """Make LeRobot's dataset as somebody else would: with films, a calibration, nothing beside."""
    list(to_lerobot(recorded, to, "video"))
    shutil.rmtree(to / "rlbench")
    size, found = _size(recorded), {}
    for name in CAMERAS:
        camera = mounted_camera(name, size, np.eye(4))
        values = (camera.intrinsics.tolist(), [0.0] * 5, camera.pose.tolist(), name == "wrist")
        found[name] = CameraCalibration(0, (size, size), *values, 0.1, 0.5, np.eye(6).tolist())
    write_calibration(to / CALIBRATION, Calibration("lab", "fer", "2026-11-27T12:00+00:00", found))


def _size(recorded: Path) -> int:
    folder = episode_folder(recorded, "push_button", 0, 0)
    return read_episode(folder, ("front",), frames=[0])[0].image("front").shape[0]


def evaluate(to: Path) -> None:
    """Make a grid of evaluations in which everything is run, as `robustness` leaves it."""
    claim(to, grid_claim())
    rng = np.random.default_rng(0)
    views = {"front": rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)}
    for condition in GRID.conditions:
        kept = _store(to, condition).task(GRID.factory("expert", condition), "push_button", 1000)
        for number in range(GRID.episodes):
            seed = evaluation_seed(GRID.seed, number)
            result = EpisodeResult(
                "push_button", number, seed, number == 0, 60, None, None, 3, {"policy": 0.5}, {}
            )
            steps = [RecordedStep(0, views, views, None)]
            seen = Recorded("expert", result, "push the button", steps, None, None)
            kept.keep(number, replace(result), seen if number == 0 else None)


def grid_claim() -> dict[str, object]:
    """Return what the grid's folder is made from."""
    return {"robustness": {**vars(GRID)}}


def pictures_of(folder: Path) -> list[np.ndarray]:
    """Return all pictures of all episodes in a dataset, and their joints."""
    found = []
    for episode in iterate_episodes(folder):
        demo = read_episode(episode.path)
        found += [seen.joint_positions for seen in demo]
        found += [v for seen in demo for n in IMAGE_FIELDS if (v := getattr(seen, n)) is not None]
    return found
