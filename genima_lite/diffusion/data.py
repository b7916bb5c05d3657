"""From segments to batches for the diffusion model (paper, section 3.1).

A segment's first frame and its target become a tiled picture with spheres, the same without them,
and a prompt (`target_pictures`). They are drawn once, into shards (`make_...`), and dealt into
batches by the weights of a mixture (`DrawingData`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from genima_lite.datasets import shards
from genima_lite.datasets.dagger import DaggerRollouts, dagger_rollouts
from genima_lite.datasets.demonstrations import Recorded, check_recorded
from genima_lite.datasets.grounding import grounding_scenes, tasks_with_choice
from genima_lite.datasets.parts import driven, one_each
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.datasets.random_scenes import random_scenes
from genima_lite.datasets.recovery_starts import MakePolicy
from genima_lite.datasets.shards import Rows, shards_for, write_shards
from genima_lite.datasets.source import Mixture, Segment, Source
from genima_lite.diffusion.augment import AugmentConfig, augmented, augmented_pairs
from genima_lite.diffusion.batch import DrawingBatch, concatenate
from genima_lite.diffusion.pictures import Pictures
from genima_lite.diffusion.prompts import grounding_prompt, scene_caption, task_prompt
from genima_lite.envs.api import EnvSpec, RandomScenes, make_env, make_random_scenes
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.targets.horizon import FUTURE, SPHERES, decision_frames
from genima_lite.targets.views import demo_targets, draw_targets_of
from genima_lite.tiling import TILE_ORDER, tile


@dataclass(frozen=True)
class PictureSettings:
    """What defines the pictures that are made of segments."""

    tasks: tuple[str, ...]
    """Whose scenes are shown, part by part in turn."""
    view_size: int = 64
    """Pixels along each side of a view; a tiled picture is twice as large."""
    seed: int = 0
    """The same seed gives the same pictures."""
    keyframes: bool = True
    """Cut targets at keyframes (`genima_lite.targets.horizon.target_frames`)."""
    augment: AugmentConfig | None = None
    """Changes some views; `None` leaves all as they are."""
    target: str = SPHERES
    """What is drawn: spheres, or the future views (`genima_lite.targets.horizon.FUTURE`)."""


# ------------------------------------------------------------------------------ one view


def target_pictures(
    segments: Iterable[Segment],
    frames_each: int,
    rng: np.random.Generator,
    augment: AugmentConfig | None = None,
    keyframes: bool = False,
) -> Pictures:
    """Draw the joint targets of some frames of segments or whole demonstrations.

    First come the frames at which a policy decides that follows them target by target; random ones
    fill up.

    Args:
        segments: with pictures of all frames that may be chosen, all views of one size. Every
            frame gets a random one of the sentences.
        frames_each: frames of each, at most; 1 for segments, whose first frame is the decision.
        rng: chooses frames, sentences and changes.
        augment: changes some frames' views; `None` leaves all as they are.
        keyframes: cut targets at keyframes; not those of segments, which end there.

    Raises:
        UserError: no segments.
        ValueError: views of different sizes.
    """
    drawn: list[Pictures] = []
    for demo, sentences in segments:
        frames = choose_frames(demo_targets(demo, keyframes=keyframes), frames_each, rng)
        drawn.append(_drawn(demo, frames, sentences, rng, augment, keyframes))
    return _all(drawn)


def demo_pictures(
    episodes: Sequence[Recorded],
    frames_each: int,
    rng: np.random.Generator,
    augment: AugmentConfig | None = None,
    keyframes: bool = True,
    target: str = SPHERES,
) -> Pictures:
    """Draw the targets of some frames of recorded demonstrations, and read only these.

    Args and errors are those of `target_pictures`; `target` says what is drawn.
    """
    drawn = []
    for each in episodes:
        targets = demo_targets(each.states(), keyframes=keyframes)
        frames = choose_frames(targets, frames_each, rng)
        drawn.append(frame_pictures(each, targets, frames, rng, augment, keyframes, target))
    return _all(drawn)


def frame_pictures(
    episode: Recorded,
    targets: np.ndarray,
    frames: list[int],
    rng: np.random.Generator,
    augment: AugmentConfig | None,
    keyframes: bool,
    target: str,
) -> Pictures:
    """Draw the targets of some frames of a recorded demonstration, and read only these.

    Args:
        episode: the demonstration, of T frames.
        targets: (T,) int, each frame's target (`genima_lite.targets.views.demo_targets`).
        frames: which ones.
        rng, augment, keyframes, target: as for `demo_pictures`.
    """
    if target != FUTURE:
        return _drawn(episode.seen(frames), frames, episode.sentences, rng, augment, keyframes)
    later = targets[frames].tolist()
    seen = episode.seen(sorted({*frames, *later}))
    pairs = [(seen[t], seen[after]) for t, after in zip(frames, later, strict=True)]
    return _future(pairs, episode.sentences, rng, augment)


def _drawn(
    demo: Demo,
    frames: list[int],
    sentences: Sequence[str],
    rng: np.random.Generator,
    augment: AugmentConfig | None,
    keyframes: bool,
) -> Pictures:
    """Draw the targets of some frames of one demonstration."""
    seen = demo if augment is None else augmented(demo, frames, augment, rng)
    targets = draw_targets_of(seen, frames, keyframes=keyframes)
    plain = [tiled(seen[t]) for t in frames]
    said = _said(sentences, len(frames), rng)
    return Pictures(np.stack([tile(each.views) for each in targets]), said, np.stack(plain))


def _future(
    pairs: Sequence[tuple[Observation, Observation]],
    sentences: Sequence[str],
    rng: np.random.Generator,
    augment: AugmentConfig | None,
) -> Pictures:
    """Return what is seen later as what to draw on what is seen now."""
    if augment is not None:
        pairs = augmented_pairs(pairs, augment, rng)
    now, later = (np.stack([tiled(pair[i]) for pair in pairs]) for i in (0, 1))
    return Pictures(later, _said(sentences, len(pairs), rng), now)


def tiled(seen: Observation) -> np.ndarray:
    """Return an observation's views as the tiled picture, (2H, 2W, 3) uint8."""
    return tile({camera: seen.image(camera) for camera in TILE_ORDER})


def _said(sentences: Sequence[str], count: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Return prompts of random ones of the sentences."""
    return tuple(task_prompt(sentences[int(rng.integers(len(sentences)))]) for _ in range(count))


def _all(drawn: Sequence[Pictures]) -> Pictures:
    if not drawn:
        raise UserError("no demonstrations to learn from")
    return Pictures(
        np.concatenate([each.pictures for each in drawn]),
        tuple(prompt for each in drawn for prompt in each.prompts),
        np.concatenate([each.conditions for each in drawn]),
    )


def choose_frames(targets: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Return at most `count` frames, those of decisions first."""
    decisions = decision_frames(targets)[:count]
    others = np.setdiff1d(np.arange(len(targets)), decisions)
    more = rng.choice(others, min(count - len(decisions), len(others)), replace=False)
    return [*decisions, *more.tolist()]


# ------------------------------------------------------------------------------ into shards


def make_demonstrations(
    folder: Path | str,
    episodes: Sequence[Recorded],
    settings: PictureSettings,
    frames_each: int,
    data: Any,
) -> Iterator[Path]:
    """Draw the targets of demonstrations into shards; see `genima_lite.datasets.shards`.

    Args:
        folder: of the shards.
        episodes: whose frames.
        settings: how they are shown.
        frames_each: frames of each demonstration, at most.
        data: JSON-able, fingerprints of the datasets.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds other pictures, or a demonstration cannot be learned from: views
            of another size, for example; nothing is drawn then.
    """
    together = _demos_a_shard(frames_each)
    check_recorded(episodes, size=settings.view_size)

    def make(part: int) -> Rows:
        rng = np.random.default_rng([settings.seed, part])
        some = episodes[together * part : together * (part + 1)]
        how = (settings.augment, settings.keyframes, settings.target)
        return demo_pictures(some, frames_each, rng, *how).columns()

    made_from = _made_from("demonstrations", settings, data=data, frames_each=frames_each)
    return write_shards(folder, made_from, demonstration_shards(len(episodes), frames_each), make)


def demonstration_shards(episodes: int, frames_each: int) -> int:
    """Return how many files `make_demonstrations` makes."""
    return -(-episodes // _demos_a_shard(frames_each))


def _demos_a_shard(frames_each: int) -> int:
    return max(1, shards.SHARD // frames_each)


def make_perturbed_states(
    folder: Path | str, settings: PictureSettings, count: int
) -> Iterator[Path]:
    """Draw the targets of perturbed states (`genima_lite.datasets.perturbed_states`) into shards.

    Yields:
        Each file, old or new; they hold at least `count` rows.

    Raises:
        UserError: the folder holds other pictures, or an environment lacks what is needed.
    """
    states = PerturbedStates(seed=settings.seed, keyframes=settings.keyframes)

    def env_of(task: str) -> Any:
        return make_env(EnvSpec(task, TILE_ORDER, settings.view_size))

    with one_each(settings.tasks, env_of) as envs:

        def make(part: int) -> Rows:
            found = perturbed_states(envs(part), states, part, shards.SHARD)
            return _decided(found, settings, part)

        made_from = _made_from("perturbed_states", settings, states=asdict(states))
        yield from write_shards(folder, made_from, shards_for(count), make)


def make_dagger(
    folder: Path | str,
    settings: PictureSettings,
    count: int,
    pilot: MakePolicy,
    weights: str,
) -> Iterator[Path]:
    """Draw what the expert would do where a Genima comes (`genima_lite.datasets.dagger`).

    Args:
        folder, settings, count: as for `make_perturbed_states`; the size of a view is the policy's.
        pilot: makes the policy in a task's environment.
        weights: fingerprint of the policy.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds other pictures, those of another policy for example.
    """
    rollouts = DaggerRollouts(seed=settings.seed, keyframes=settings.keyframes)
    with driven(settings.tasks, pilot) as policies:

        def make(part: int) -> Rows:
            here = policies(part)
            found = dagger_rollouts(here.env, here.policy, rollouts, part, shards.SHARD)
            return _decided(found, settings, part)

        made_from = _made_from("dagger", settings, rollouts=asdict(rollouts), policy=weights)
        yield from write_shards(folder, made_from, shards_for(count), make)


def make_grounding(folder: Path | str, settings: PictureSettings, count: int) -> Iterator[Path]:
    """Draw scenes in which one thing must be painted (`genima_lite.datasets.grounding`).

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds other pictures, or no task has variations.
    """
    tasks = tasks_with_choice(settings.tasks)

    def draw(scenes: RandomScenes, part: int) -> Iterable[tuple[np.ndarray, np.ndarray, str]]:
        for plain, painted, words in grounding_scenes(scenes, settings.seed, part, shards.SHARD):
            yield painted, plain, grounding_prompt(words)

    data = {"view_size": settings.view_size, "seed": settings.seed}
    return _make_scenes(folder, {"source": "grounding", "tasks": tasks, **data}, count, draw)


def make_scenes(
    folder: Path | str, tasks: Sequence[str], view_size: int, seed: int, count: int
) -> Iterator[Path]:
    """Draw random scenes with captions (`genima_lite.datasets.random_scenes`) into shards.

    Their conditions are the same scenes without the things that the captions name.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds other pictures.
    """

    def draw(scenes: RandomScenes, part: int) -> Iterable[tuple[np.ndarray, np.ndarray, str]]:
        for picture, bare, words in random_scenes(scenes, seed, part, shards.SHARD):
            yield picture, bare, scene_caption(words)

    made_from = {"source": "random_scenes", "tasks": tasks, "view_size": view_size, "seed": seed}
    return _make_scenes(folder, made_from, count, draw)


def _make_scenes(
    folder: Path | str,
    made_from: Mapping[str, Any],
    count: int,
    draw: Callable[[RandomScenes, int], Iterable[tuple[np.ndarray, np.ndarray, str]]],
) -> Iterator[Path]:
    """Make shards of pictures, conditions and prompts that come from random scenes."""
    tasks, size = made_from["tasks"], made_from["view_size"]
    with one_each(tasks, lambda task: make_random_scenes(task, size)) as scenes:

        def make(part: int) -> Rows:
            pictures, conditions, prompts = zip(*draw(scenes(part), part), strict=True)
            return Pictures(np.stack(pictures), prompts, np.stack(conditions)).columns()

        said = {**made_from, "rows": shards.SHARD}
        yield from write_shards(folder, said, shards_for(count), make)


def _decided(segments: Iterable[Segment], settings: PictureSettings, part: int) -> Rows:
    """Return the rows of a part whose segments begin where a policy decides."""
    rng = np.random.default_rng([settings.seed, part])
    return target_pictures(segments, 1, rng, settings.augment).columns()


def _made_from(source: str, settings: PictureSettings, **more: Any) -> dict[str, Any]:
    return {"source": source, **asdict(settings), "rows": shards.SHARD, **more}


# ------------------------------------------------------------------------------ into batches


class Columns(Protocol):
    """Rows of pictures: `genima_lite.datasets.shards.Shards` or `Pictures`."""

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""

    def __len__(self) -> int:
        """Return how many rows."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array's row."""

    def rows(self, numbers: np.ndarray, name: str) -> np.ndarray:
        """Return rows of an array."""

    def strings(self, name: str) -> list[str]:
        """Return a string of every row."""


class PictureSource:
    """Samples of kept pictures, all of them alike.

    Args:
        pictures: with `pictures`, `conditions` and `prompts`.
        prompts: all prompts by number, the empty one first.
        latents: rows with `latents` and `condition_latents` of the same pictures, or `None`.
    """

    def __init__(self, pictures: Columns, prompts: Sequence[str], latents: Columns | None = None):
        numbers = {prompt: number for number, prompt in enumerate(prompts)}
        self._prompts = np.array([numbers[prompt] for prompt in pictures.strings("prompts")])
        self._pictures, self._latents = pictures, latents

    def sample(self, rng: np.random.Generator, count: int) -> DrawingBatch:
        """Return `count` samples."""
        chosen = rng.integers(len(self._prompts), size=count)
        said = torch.from_numpy(self._prompts[chosen])
        below = _tensor(self._pictures, chosen, "conditions")
        if self._latents is None:
            return DrawingBatch(said, _tensor(self._pictures, chosen, "pictures"), below)
        names = ("latents", "condition_latents")
        return DrawingBatch(
            said, None, below, *(_tensor(self._latents, chosen, name) for name in names)
        )


class Stream(Protocol):
    """Samples that are made when they are asked for (`genima_lite.diffusion.stream`)."""

    @property
    def said(self) -> tuple[str, ...]:
        """All prompts."""

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of the tiled pictures."""

    def number(self, prompts: Sequence[str]) -> Source[DrawingBatch]:
        """Return the source, told which number each prompt has."""


class DrawingData:
    """Batches for the diffusion model.

    Args:
        kept: rows of sources by their names.
        weights: of the sources (`genima_lite.datasets.source.Mixture`).
        prompt_dropout: share of samples whose prompt is made empty.
        latents: of the sources, where the autoencoder is not the lossless one; not beside streams.
        streams: further sources by their names, of which nothing is kept.

    Attributes:
        prompts: all prompts by number; number 0 is the empty one.
        picture_size: height and width of the tiled pictures.

    Raises:
        UserError: weights that do not fit the sources, or pictures of different sizes.
    """

    def __init__(
        self,
        kept: Mapping[str, Columns],
        weights: Mapping[str, float],
        prompt_dropout: float = 0.0,
        latents: Mapping[str, Columns] | None = None,
        streams: Mapping[str, Stream] | None = None,
    ):
        streams = streams or {}
        said = (prompt for each in kept.values() for prompt in each.strings("prompts"))
        told = (prompt for each in streams.values() for prompt in each.said)
        self.prompts = tuple(dict.fromkeys(["", *told, *said]))
        sources: dict[str, Source[DrawingBatch]] = {
            name: each.number(self.prompts) for name, each in streams.items()
        }
        for name, each in kept.items():
            sources[name] = PictureSource(each, self.prompts, latents[name] if latents else None)
        self._mixture: Mixture[DrawingBatch] = Mixture(sources, weights, concatenate)
        self._dropout = prompt_dropout
        sizes: dict[str, tuple[int, ...]] = {k: v.picture_size for k, v in streams.items()}
        sizes |= {name: each.shape("conditions")[:2] for name, each in kept.items()}
        if len(set(sizes.values())) > 1:
            raise UserError(f"pictures of different sizes: {sizes}")
        self.picture_size: tuple[int, ...] = next(iter(sizes.values()))

    def batch(self, rng: np.random.Generator, size: int) -> DrawingBatch:
        """Return `size` samples; the same generator state gives the same ones."""
        batch = self._mixture.sample(rng, size)
        kept = torch.from_numpy(rng.random(size) >= self._dropout)
        others = (batch.pictures, batch.conditions, batch.latents, batch.condition_latents)
        return DrawingBatch(batch.prompts * kept, *others)


def _tensor(rows: Columns, numbers: np.ndarray, name: str) -> Tensor:
    return torch.from_numpy(rows.rows(numbers, name))
