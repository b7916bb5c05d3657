"""What is learned from: random scenes, demonstrations and single decisions with their targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from genima_lite.datasets import shards
from genima_lite.datasets.dagger import DaggerRollouts, dagger_rollouts
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.datasets.shards import keep_shards
from genima_lite.demos.layout import iterate_episodes, variation_folder
from genima_lite.demos.read import read_descriptions, read_episode
from genima_lite.diffusion.augment import AugmentConfig, augmented
from genima_lite.diffusion.pictures import Pictures, arrays_of
from genima_lite.diffusion.prompts import grounding_prompt, scene_caption, task_prompt
from genima_lite.envs.api import EnvSpec, RandomScenes, make_env, make_random_scenes
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.targets.horizon import decision_frames
from genima_lite.targets.views import demo_targets, draw_targets_of
from genima_lite.tiling import TILE_ORDER, tile


@dataclass(frozen=True)
class SceneSettings:
    """What defines a row of random scenes or of moments."""

    tasks: tuple[str, ...]
    """Whose pieces appear, file by file in turn."""
    view_size: int = 64
    """Pixels along each side of a view; a tiled picture is twice as large."""
    seed: int = 0
    """The same seed gives the same pictures."""


def make_scenes(folder: Path | str, settings: SceneSettings, count: int) -> Iterator[Path]:
    """Draw random scenes into files (`genima_lite.datasets.shards.keep_shards`).

    Their captions name things; their conditions are the same scenes without these things.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds pictures of other settings.
    """
    with _all_scenes(settings) as scenes:

        def draw(number: int) -> dict[str, np.ndarray]:
            rng = np.random.RandomState([settings.seed, number])
            each = scenes[number % len(scenes)]
            drawn, bare, things = zip(*(each.draw(rng) for _ in range(shards.SHARD)), strict=True)
            captions = tuple(map(scene_caption, things))
            return arrays_of(Pictures(np.stack(drawn), captions, np.stack(bare)))

        yield from keep_shards(folder, asdict(settings), count, draw)


def make_grounding(folder: Path | str, settings: SceneSettings, count: int) -> Iterator[Path]:
    """Draw random scenes into files in which one thing shall be painted that the prompt names.

    They teach which word belongs to which pixels, as the billions of captions do of which Stable
    Diffusion's text encoder has learned, and hold no target spheres. Learned beside
    demonstrations, they let instructions decide.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds pictures of other settings.
    """
    with _all_scenes(settings) as scenes:

        def draw(number: int) -> dict[str, np.ndarray]:
            rng = np.random.RandomState([settings.seed, number, 1])
            each = scenes[number % len(scenes)]
            plain, painted, words = zip(
                *(each.point(rng) for _ in range(shards.SHARD)), strict=True
            )
            prompts = tuple(grounding_prompt(thing) for thing in words)
            return arrays_of(Pictures(np.stack(painted), prompts, np.stack(plain)))

        yield from keep_shards(folder, asdict(settings), count, draw)


def make_perturbed_states(
    folder: Path | str,
    settings: SceneSettings,
    count: int,
    augment: AugmentConfig | None = None,
    keyframes: bool = True,
) -> Iterator[Path]:
    """Draw the targets of single decisions into files (`genima_lite.datasets.perturbed_states`).

    Args:
        folder: see `genima_lite.datasets.shards.keep_shards`.
        settings: tasks, size of a view and seed.
        count: how many at least.
        augment: changes some views; `None` leaves all as they are.
        keyframes: cut targets at stops (`genima_lite.targets.horizon.target_frames`).

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds pictures of other settings.
    """

    def draw(number: int) -> dict[str, np.ndarray]:
        task = settings.tasks[number % len(settings.tasks)]
        env = make_env(EnvSpec(task, TILE_ORDER, settings.view_size))
        config = PerturbedStates(settings.seed, keyframes)
        shown = perturbed_states(env, config, number, shards.SHARD)
        return arrays_of(
            target_pictures(shown, 1, (settings.seed, number), augment, keyframes=False)
        )

    said = {**asdict(settings), "keyframes": keyframes, "augment": augment and asdict(augment)}
    return keep_shards(folder, said, count, draw)


def make_dagger(
    folder: Path | str,
    settings: SceneSettings,
    checkpoint: Path | None,
    count: int,
    augment: AugmentConfig | None = None,
    keyframes: bool = True,
) -> Iterator[Path]:
    """Draw what the expert would do where a trained Genima comes (`genima_lite.datasets.dagger`).

    Args:
        folder, settings, count, augment, keyframes: as for `make_perturbed_states`; the size of a view is
            that of the policy.
        checkpoint: folder of that Genima; `None` for the shipped one.

    Yields:
        Each file, old or new.

    Raises:
        UserError: no policy in `checkpoint`, or the folder holds pictures of other settings.
    """
    from genima_lite.policies.api import PolicyFactory, PolicySettings

    make = PolicyFactory("genima", PolicySettings(checkpoint))

    def draw(number: int) -> dict[str, np.ndarray]:
        task = settings.tasks[number % len(settings.tasks)]
        env, policy = make(task)
        config = DaggerRollouts(settings.seed, keyframes)
        shown = dagger_rollouts(env, policy, config, number, shards.SHARD)
        return arrays_of(
            target_pictures(shown, 1, (settings.seed, number), augment, keyframes=False)
        )

    said = {**asdict(settings), "keyframes": keyframes, "augment": augment and asdict(augment)}
    by = {"checkpoint": None if checkpoint is None else str(checkpoint)}
    return keep_shards(folder, {**said, **by}, count, draw)


@contextmanager
def _all_scenes(settings: SceneSettings) -> Iterator[list[RandomScenes]]:
    """Give the random scenes of every task and close them at the end."""
    scenes = [make_random_scenes(task, settings.view_size) for task in settings.tasks]
    try:
        yield scenes
    finally:
        for each in scenes:
            each.close()


def read_demos(
    root: Path | str, tasks: Sequence[str] | None = None
) -> Iterator[tuple[Demo, list[str]]]:
    """Read the episodes of a dataset in RLBench's layout, with the views that are tiled.

    Args:
        root: the dataset's folder.
        tasks: which tasks' episodes; `None` for all.

    Yields:
        A demonstration and the sentences that ask for its variation.

    Raises:
        DatasetError: a broken or missing file.
        UserError: a variation without instructions.
    """
    for episode in iterate_episodes(root):
        if tasks is not None and episode.task not in tasks:
            continue
        sentences, problem = read_descriptions(
            variation_folder(root, episode.task, episode.variation)
        )
        if not sentences:
            raise UserError(f"{episode.path}: no instructions ({problem or 'the list is empty'})")
        yield read_episode(episode.path, TILE_ORDER), sentences


def target_pictures(
    demos: Iterable[tuple[Demo, Sequence[str]]],
    frames_each: int,
    seed: int | Sequence[int] = 0,
    augment: AugmentConfig | None = None,
    keyframes: bool = True,
) -> Pictures:
    """Draw the joint targets of some frames of demonstrations (paper, section 3.1).

    First come the frames at which a policy decides that follows the demonstration target by
    target; random ones fill up.

    Args:
        demos: each with sentences that ask for it, of which every frame gets a random one; all
            views must be of one size.
        frames_each: frames of a demonstration, at most; drawn without repetition.
        seed: of frames, sentences and changes.
        augment: changes some frames' views; `None` leaves all as they are.
        keyframes: cut targets at stops (`genima_lite.targets.horizon.target_frames`).

    Returns:
        The tiled views with targets, the views themselves as conditions, the tasks' prompts.

    Raises:
        UserError: no demonstrations.
        ValueError: views of different sizes.
    """
    rng = np.random.default_rng(seed)
    drawn, plain, prompts = [], [], []
    for demo, sentences in demos:
        frames = _choose_frames(demo_targets(demo, keyframes=keyframes), frames_each, rng)
        seen = demo if augment is None else augmented(demo, frames, augment, rng)
        for frame, targets in zip(
            frames, draw_targets_of(seen, frames, keyframes=keyframes), strict=True
        ):
            drawn.append(tile(targets.views))
            plain.append(tile({camera: seen[frame].image(camera) for camera in TILE_ORDER}))
            prompts.append(task_prompt(sentences[int(rng.integers(len(sentences)))]))
    if not drawn:
        raise UserError("no demonstrations to learn from")
    return Pictures(np.stack(drawn), tuple(prompts), np.stack(plain))


def _choose_frames(targets: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Return at most `count` frames, those of decisions first."""
    decisions = decision_frames(targets)[:count]
    others = np.setdiff1d(np.arange(len(targets)), decisions)
    more = rng.choice(others, min(count - len(decisions), len(others)), replace=False)
    return [*decisions, *more.tolist()]
