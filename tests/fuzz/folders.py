"""Damages to the tree of a dataset: names, links, and what lies where."""

import os
import shutil
from pathlib import Path

import numpy as np

from .victims import PICTURES


def _episode(victim: Path) -> Path:
    return victim / "push_button/variation0/episodes/episode1"


def huge_number(victim: Path, rng: np.random.Generator) -> None:
    """An episode, or a variation, with an enormous number."""
    number = ("1000000000", "9" * 30, "9" * 240)[rng.integers(3)]
    one = _episode(victim) if rng.random() < 0.5 else victim / "push_button/variation0"
    one.rename(one.with_name(one.name.rstrip("01") + number))


def odd_digits(victim: Path, rng: np.random.Generator) -> None:
    """Numbers with leading zeros, or digits of another script: two names for one episode."""
    name = ("episode01", "episode\u0661", "episode00", "episode\u00b2")[rng.integers(4)]
    shutil.copytree(_episode(victim), _episode(victim).with_name(name), copy_function=os.link)


def not_utf8(victim: Path, rng: np.random.Generator) -> None:
    """A folder whose name is no UTF-8."""
    places = (victim / "push_button", _episode(victim), _episode(victim) / "front_rgb")
    one = places[rng.integers(3)]
    new = (one.parent / "x").as_posix()[:-1].encode() + b"task\xff"
    os.rename(one, new)


def escapes(victim: Path, rng: np.random.Generator) -> None:
    """A folder whose name would colour, clear or forge a terminal's text."""
    names = (
        "\x1b[31mred",
        "\x1b]0;title\x07",
        "[bold red]x",
        "a\nProblems: none",
        "\u202ecba",
        "[b]x[]",
    )
    places = (victim / "push_button", _episode(victim) / "front_rgb")
    one = places[rng.integers(2)]
    one.rename(one.with_name(names[rng.integers(len(names))]))


def another_task(victim: Path, rng: np.random.Generator) -> None:
    """A task that is another, or none."""
    names = ("lamp_on", "no_such_task", "__init__", "task", "push-button", "x" * 255)
    (victim / "push_button").rename(victim / names[rng.integers(len(names))])


def link_to_itself(victim: Path, rng: np.random.Generator) -> None:
    """An episode that is a link to its own folder, or to the root."""
    targets = (".", "..", "/", "episode0", str(victim))
    _episode(victim).with_name("episode2").symlink_to(targets[rng.integers(len(targets))])


def linked_variations(victim: Path, rng: np.random.Generator) -> None:
    """`all_variations` with links to the episodes, as some people make it."""
    place = victim / "push_button/all_variations/episodes"
    place.mkdir(parents=True)
    for i in range(2):
        (place / f"episode{i}").symlink_to(f"../../variation0/episodes/episode{i}")


def folder_is_file(victim: Path, rng: np.random.Generator) -> None:
    """A file where a folder should be."""
    places = ("push_button", "push_button/variation0", "push_button/variation0/episodes")
    more = ("episode1", "episode1/front_rgb", "episode1/wrist_depth")
    names = (*places, *(f"{places[2]}/{each}" for each in more))
    one = victim / names[rng.integers(len(names))]
    shutil.rmtree(one)
    one.write_bytes(b"x")


def folder_gone(victim: Path, rng: np.random.Generator) -> None:
    """A camera's pictures are missing, or empty."""
    one = _episode(victim) / _views(rng)
    shutil.rmtree(one)
    if rng.random() < 0.5:
        one.mkdir()


def folder_is_pipe(victim: Path, rng: np.random.Generator) -> None:
    """A pipe where a folder should be."""
    one = _episode(victim) / _views(rng)
    shutil.rmtree(one)
    os.mkfifo(one)


def swapped_views(victim: Path, rng: np.random.Generator) -> None:
    """Two folders of pictures have changed their names."""
    one, other = (_episode(victim) / _views(rng) for _ in range(2))
    if one != other:
        one.rename(one.with_name("aside"))
        other.rename(one)
        one.with_name("aside").rename(other)


def depth_and_mask(victim: Path, rng: np.random.Generator) -> None:
    """Depth where masks should be, and the other way round."""
    folder = _episode(victim)
    (folder / "front_depth").rename(folder / "aside")
    (folder / "front_mask").rename(folder / "front_depth")
    (folder / "aside").rename(folder / "front_mask")


def lost_frame(victim: Path, rng: np.random.Generator) -> None:
    """A frame is missing, or numbered again so that there is a gap."""
    frames = sorted((_episode(victim) / _views(rng)).iterdir())
    one = frames[rng.integers(len(frames))]
    numbers = ("1000000000000", "007", "9" * 200, "-1", "x")
    if rng.random() < 0.5:
        one.unlink()
    else:
        one.rename(one.with_name(f"{numbers[rng.integers(len(numbers))]}.png"))


def shuffled_frames(victim: Path, rng: np.random.Generator) -> None:
    """The frames of one camera in reversed order."""
    folder = _episode(victim) / _views(rng)
    frames = sorted(folder.iterdir(), key=lambda path: int(path.stem))
    for path in frames:
        path.rename(path.with_suffix(".aside"))
    for path, new in zip(frames, reversed(frames), strict=True):
        path.with_suffix(".aside").rename(new)


def many_folders(victim: Path, rng: np.random.Generator) -> None:
    """Two thousand empty episodes."""
    for number in range(2, 2000):
        _episode(victim).with_name(f"episode{number}").mkdir()


def strange_files(victim: Path, rng: np.random.Generator) -> None:
    """Files that nobody asked for, as browsers and other systems leave them."""
    names = (".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt", "__pycache__", "x.py")
    places = [victim, *(p for p in victim.rglob("*") if p.is_dir())]
    for name in names:
        (places[rng.integers(len(places))] / name).write_bytes(b"open('executed', 'w')\n")


def half_written(victim: Path, rng: np.random.Generator) -> None:
    """An episode without its states."""
    (_episode(victim) / "low_dim_obs.pkl").unlink()


def sentences_gone(victim: Path, rng: np.random.Generator) -> None:
    """No sentences, or beside the episodes instead."""
    path = victim / "push_button/variation0/variation_descriptions.pkl"
    if rng.random() < 0.5:
        for name in ("episode0", "episode1"):
            shutil.copy(path, path.parent / "episodes" / name / path.name)
    path.unlink()


DAMAGES = (
    *(huge_number, odd_digits, not_utf8, escapes, another_task, link_to_itself, linked_variations),
    *(folder_is_file, folder_gone, folder_is_pipe, swapped_views, depth_and_mask, lost_frame),
    *(shuffled_frames, many_folders, strange_files, half_written, sentences_gone),
)


def _views(rng: np.random.Generator) -> str:
    return PICTURES[rng.integers(len(PICTURES))]
