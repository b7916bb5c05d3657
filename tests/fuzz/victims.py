"""What is damaged: a small dataset, models and half-trained runs, made once.

All is as small as what reads it allows, since a variant costs what its readers do: the dataset is
of a fast arm and has one camera less, one mask and two depths; models train on ten frames.
"""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.run import ControllerRunConfig, FollowingMixture
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.diffusion.base import build_base, preset
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.evaluation.episode_store import EpisodeStore
from genima_lite.evaluation.recording import RecordedStep, Recording
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.policies.api import PolicyFactory
from genima_lite.recipes._steps import run_step
from genima_lite.training.config import TrainingConfig

from . import newer

TASK = "push_button"
SIZE = 32
"""Pixels along each side of a view."""

NETWORK = ControllerConfig(
    image_size=SIZE,
    channels=(8, 16),
    blocks=(1, 1),
    hidden=32,
    heads=2,
    feedforward=32,
    encoder_layers=1,
    decoder_layers=1,
    latent=0,
    spheres=False,
    text_features=16,
)
SEEN = ("front", "wrist", "left_shoulder", "right_shoulder")
PICTURES = (*(f"{camera}_rgb" for camera in SEEN), "front_depth", "wrist_depth", "front_mask")
"""Folders of pictures that an episode of the dataset has."""

FIRST_SEED = 1000
"""Of the kept episodes, of the policy expert."""


def controller_config(demos: Path) -> ControllerRunConfig:
    """Return a baseline's run of four steps on demonstrations."""
    return ControllerRunConfig(
        network=NETWORK,
        demos=(str(demos),),
        mixture=FollowingMixture(motions=0, demonstrations=1),
        keypoint_pretraining=None,
        training=TrainingConfig(steps=4, batch_size=4, warmup=1, save_every=2, seed=1),
    )


def diffusion_config(base: Path, demos: Path) -> FinetuneConfig:
    """Return a fine-tuning run of four steps on demonstrations."""
    training = TrainingConfig(steps=4, batch_size=2, warmup=1, save_every=2, seed=1)
    return FinetuneConfig(
        str(base), (TASK,), (str(demos),), view_size=SIZE, frames_each=2, training=training
    )


def build(work: Path) -> None:
    """Make all victims in a folder: some ten seconds of one core."""
    demos, base, short = work / "demos", work / "base", work / "short"
    settings = CollectSettings(seed=10, image_size=SIZE, variations=(0,), speed="rlbench")
    list(collect(demos, [TASK], 2, settings))
    _leave_out_pictures(demos)
    newer.shorten(demos, short, SEEN)
    build_base(preset("tiny", 2 * SIZE)).save_pretrained(base)
    controller, diffusion = controller_config(short), diffusion_config(base, short)
    for name, config in (("controller", controller), ("diffusion", diffusion)):
        run_step(work / name, config)
        _interrupted(work / f"{name}_half", config)
    _hold_out(short, work / "held_out")
    _keep_episodes(work / "store")
    newer.record(demos, work / "recorded")
    newer.convert(work / "recorded", work / "lerobot")
    newer.forget(work / "recorded", work / "foreign")
    newer.evaluate(work / "grid")


def copied(victim: Path, to: Path) -> Path:
    """Return a copy of a victim that shares its files' content until a damage replaces one."""
    shutil.copytree(victim, to, copy_function=os.link)
    return to


def _leave_out_pictures(demos: Path) -> None:
    for folder in demos.glob(f"{TASK}/variation0/episodes/*/*"):
        if folder.is_dir() and folder.name not in PICTURES:
            shutil.rmtree(folder)


def _hold_out(demos: Path, to: Path) -> None:
    """Make a dataset of one episode."""
    copied(demos, to)
    shutil.rmtree(to / TASK / "variation0/episodes/episode1")


class _Enough(Exception):
    pass


def _interrupted(out, config):
    """Train to the step after the first checkpoint, as a run does that is killed then."""

    def report(stage, done, *_):
        if stage == "training" and done == 3:
            raise _Enough

    try:
        run_step(out, config, report)
    except _Enough:
        return
    raise AssertionError("the run was too short to be interrupted")


def _keep_episodes(folder):
    rng = np.random.default_rng(0)
    result = EpisodeResult(
        TASK, 0, 2001, True, 60, None, None, 3, {"policy": 0.5}, {"b": [0.1] * 3}
    )
    views = {"front": rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)}
    steps = [RecordedStep(20 * i, views, None, views) for i in range(2)]
    film = bytes(rng.integers(0, 256, 500, dtype=np.uint8))
    recording = Recording("expert", result, "push the button", steps, film, views["front"])
    kept = EpisodeStore(folder).task(PolicyFactory("expert"), TASK, FIRST_SEED)
    kept.keep(0, result, recording)
    kept.keep(1, replace(result, seed=2003, success=False))
