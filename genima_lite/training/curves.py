"""Learning curves, read from TensorBoard's event files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genima_lite.errors import UserError

_PAUSE = 120.0
"""seconds: a longer gap between two training steps is time in which nothing ran."""


def curve(folder: Path | str, tag: str) -> tuple[list[float], list[float]]:
    """Return a curve: minutes of training, and values; those that are not finite are left out.

    Args:
        folder: with event files of one run, resumed or not.
        tag: for example "validation/joint_error".

    Raises:
        UserError: no such curve.
    """
    events = _read(folder)
    if tag not in events.Tags()["scalars"]:
        known = ", ".join(events.Tags()["scalars"]) or "none"
        raise UserError(f"{folder}: no curve '{tag}' (present: {known})")
    times, spent = _clock(events)
    points = [point for point in events.Scalars(tag) if np.isfinite(point.value)]
    at = np.interp([point.wall_time for point in points], times, spent)
    return (at / 60).tolist(), [point.value for point in points]


def minutes(folder: Path | str) -> float:
    """Return the minutes that a run trained, pauses left out."""
    _, spent = _clock(_read(folder))
    return float(spent[-1] / 60)


def _read(folder: Path | str) -> EventAccumulator:
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no such folder with TensorBoard's event files")
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 1})
    events.Reload()
    return events


def _clock(events: EventAccumulator) -> tuple[np.ndarray, np.ndarray]:
    """Return wall times and seconds spent until then, both (n,) and increasing."""
    stamps = [p.wall_time for tag in events.Tags()["scalars"] for p in events.Scalars(tag)]
    times = np.unique(stamps)
    gaps = np.diff(times, prepend=times[:1])
    return times, np.cumsum(np.where(gaps < _PAUSE, gaps, 0))
