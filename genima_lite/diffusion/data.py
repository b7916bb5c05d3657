"""Pictures with prompts: random scenes for pre-training, demonstrations with targets after it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genima_lite.demos.layout import iterate_episodes, variation_folder
from genima_lite.demos.read import read_descriptions, read_episode
from genima_lite.diffusion.augment import AugmentConfig, augmented
from genima_lite.diffusion.prompts import pointing_prompt, task_prompt
from genima_lite.diffusion.scenes import RandomScenes
from genima_lite.errors import UserError
from genima_lite.files import write_json, written_whole
from genima_lite.observation import Demo
from genima_lite.targets.horizon import decision_frames
from genima_lite.targets.views import demo_targets, draw_targets_of
from genima_lite.tiling import TILE_ORDER, tile

CHUNK = 64
"""Pictures in a file of the cache."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Tiled pictures to learn to draw.

    Attributes:
        pictures: (N, 2H, 2W, 3) uint8, what shall be drawn.
        prompts: N.
        conditions: (N, 2H, 2W, 3) uint8, what it shall be drawn on; `None` in pre-training.
    """

    pictures: np.ndarray
    prompts: tuple[str, ...]
    conditions: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.pictures.shape
        if self.pictures.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or not shape[0]:
            raise ValueError(f"pictures must be (N, H, W, 3) uint8 with N > 0, not {shape}")
        if len(self.prompts) != len(self.pictures):
            raise ValueError(f"{len(self.prompts)} prompts for {len(self.pictures)} pictures")
        if self.conditions is not None and self.conditions.shape != shape:
            raise ValueError(f"conditions are {self.conditions.shape}, pictures {shape}")

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True)
class SceneSettings:
    """What defines a cache of random scenes."""

    tasks: tuple[str, ...]
    """Whose pieces appear, chunk by chunk in turn."""
    view_size: int = 64
    """Pixels along each side of a view; a tiled picture is twice as large."""
    seed: int = 0
    """The same seed gives the same pictures."""


def make_scenes(folder: Path | str, settings: SceneSettings, count: int) -> Iterator[Path]:
    """Fill a cache with random scenes; files that are there already stay.

    Each file is written whole or not at all, and depends on nothing but the settings and its
    number, so an interrupted or longer second run goes on where the first one ended.

    Args:
        folder: gets `settings.json` and `00000.npz`, `00001.npz`, ... of 64 pictures each.
        count: how many pictures at least.

    Yields:
        The file of each chunk, old or new.

    Raises:
        UserError: the folder holds scenes of other settings.
    """
    folder = Path(folder)
    _check_settings(folder, settings)
    scenes: dict[str, RandomScenes] = {}
    for chunk in range(-(-count // CHUNK)):
        path = folder / f"{chunk:05d}.npz"
        if not path.exists():
            task = settings.tasks[chunk % len(settings.tasks)]
            if task not in scenes:
                scenes[task] = RandomScenes(task, settings.view_size)
            _write_chunk(path, scenes[task], np.random.RandomState([settings.seed, chunk]))
        yield path
    for each in scenes.values():
        each.close()


def load_pictures(folder: Path | str, count: int | None = None) -> Pictures:
    """Load a cache of random scenes, the first `count` of it or all.

    Raises:
        UserError: none there, or fewer than asked for.
    """
    pictures, prompts = [], []
    for path in sorted(Path(folder).glob("[0-9]*.npz")):
        with np.load(path) as chunk:
            pictures.append(chunk["pictures"])
            prompts += chunk["prompts"].tolist()
    if not prompts or (count is not None and len(prompts) < count):
        raise UserError(f"{folder} holds {len(prompts)} pictures, {count or 'some'} are needed")
    return Pictures(np.concatenate(pictures)[:count], tuple(prompts[:count]))


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
    seed: int = 0,
    augment: AugmentConfig | None = None,
    stops: bool = True,
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
        stops: cut targets at stops (`genima_lite.targets.horizon.target_frames`).

    Returns:
        The tiled views with targets, the views themselves as conditions, the tasks' prompts.

    Raises:
        UserError: no demonstrations.
        ValueError: views of different sizes.
    """
    rng = np.random.default_rng(seed)
    drawn, plain, prompts = [], [], []
    for demo, sentences in demos:
        frames = _choose_frames(demo_targets(demo, stops=stops), frames_each, rng)
        seen = demo if augment is None else augmented(demo, frames, augment, rng)
        for frame, targets in zip(frames, draw_targets_of(seen, frames, stops=stops), strict=True):
            drawn.append(tile(targets.views))
            plain.append(tile({camera: seen[frame].image(camera) for camera in TILE_ORDER}))
            prompts.append(task_prompt(sentences[int(rng.integers(len(sentences)))]))
    if not drawn:
        raise UserError("no demonstrations to learn from")
    return Pictures(np.stack(drawn), tuple(prompts), np.stack(plain))


def pointing_pictures(settings: SceneSettings, count: int) -> Pictures:
    """Draw random scenes in which one thing shall be painted that the prompt names.

    They teach which word belongs to which pixels, as the billions of captions do of which Stable
    Diffusion's text encoder has learned, and hold no target spheres. Learned beside
    demonstrations, they let instructions decide.

    Args:
        settings: the tasks' pieces appear in turn.
        count: how many pictures.
    """
    scenes = [RandomScenes(task, settings.view_size) for task in settings.tasks]
    rng = np.random.RandomState([settings.seed, 1])
    drawn = [scenes[i % len(scenes)].point(rng) for i in range(count)]
    for each in scenes:
        each.close()
    plain, painted, words = zip(*drawn, strict=True)
    prompts = tuple(pointing_prompt(thing) for thing in words)
    return Pictures(np.stack(painted), prompts, np.stack(plain))


def together(one: Pictures, other: Pictures) -> Pictures:
    """Return the pictures of both, which have conditions."""
    assert one.conditions is not None
    assert other.conditions is not None
    return Pictures(
        np.concatenate([one.pictures, other.pictures]),
        (*one.prompts, *other.prompts),
        np.concatenate([one.conditions, other.conditions]),
    )


def _choose_frames(targets: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Return at most `count` frames, those of decisions first."""
    decisions = decision_frames(targets)[:count]
    others = np.setdiff1d(np.arange(len(targets)), decisions)
    more = rng.choice(others, min(count - len(decisions), len(others)), replace=False)
    return [*decisions, *more.tolist()]


def _check_settings(folder: Path, settings: SceneSettings) -> None:
    """Write down what the cache is made of, or refuse if it is made of something else."""
    wanted = {
        "tasks": list(settings.tasks),
        "view_size": settings.view_size,
        "seed": settings.seed,
    }
    path = folder / "settings.json"
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))) != wanted:
        raise UserError(f"{folder} holds scenes of {found}; choose another folder or delete it")
    write_json(path, wanted)


def _write_chunk(path: Path, scenes: RandomScenes, rng: np.random.RandomState) -> None:
    drawn = [scenes.draw(rng) for _ in range(CHUNK)]
    with written_whole(path) as partial:
        np.savez_compressed(
            partial,
            pictures=np.stack([picture for picture, _ in drawn]),
            prompts=np.array([caption for _, caption in drawn]),
        )
