"""Damages to films: readable ones that show something else."""

from pathlib import Path

import av
import numpy as np

from genima_lite.demos.lerobot.films import Film

from .raw import put


def _filmed(path: Path, pictures, fps: int = 20) -> None:
    """Replace a film by one of these pictures."""
    new = path.with_name("new.mp4")
    film = Film(new, fps)
    film.add(pictures)
    film.close()
    put(path, new.read_bytes())
    new.unlink()


def _pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def fewer(path: Path, rng: np.random.Generator) -> None:
    """Pictures are missing at the end, or every other one."""
    pictures = _pictures(path)
    _filmed(path, (pictures[:1], pictures[:-1], pictures[::2])[rng.integers(3)])


def another_speed(path: Path, rng: np.random.Generator) -> None:
    """A film of another frame rate."""
    _filmed(path, _pictures(path), (1, 10, 30, 1000)[rng.integers(4)])


def another_size(path: Path, rng: np.random.Generator) -> None:
    """A film of another size."""
    size = (2, 16, 64, 2000)[rng.integers(4)]
    _filmed(path, [np.zeros((size, size, 3), np.uint8)] * len(_pictures(path)))


def backwards(path: Path, rng: np.random.Generator) -> None:
    """A film that runs backwards."""
    _filmed(path, _pictures(path)[::-1])


def only_sound(path: Path, rng: np.random.Generator) -> None:
    """A film without pictures."""
    new = path.with_name("new.mp4")
    with av.open(str(new), "w") as film:
        stream = film.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 44_100
        film.mux(stream.encode(frame))
        film.mux(stream.encode())
    put(path, new.read_bytes())
    new.unlink()


DAMAGES = (fewer, another_speed, another_size, backwards, only_sound)
