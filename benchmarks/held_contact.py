"""Do demonstrations push against what holds? `python benchmarks/held_contact.py --demos D`

How far the commanded tip lies from the reached one, while commands and arm rest and while they
move. An arm that lags is behind its commands while it moves alone; one that holds a contact against
resistance is behind them at rest, too. Only states are read: demonstrations without pictures will
do. `--demos` takes folders in RLBench's layout.
"""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite import panda
from genima_lite.datasets.demonstrations import Recorded, recorded

_PERIOD = 0.05
_COMMANDS_REST, _ARM_RESTS = 0.02, 0.1
"""rad/s of the fastest joint, below which they rest."""
_HELD = 0.005
"""Metres between commanded and reached tip at rest that are a contact."""


def gaps(episode: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """Return between commanded and reached tip, (N,) metres, and where all rests, (N,) bool."""
    demo = episode.states()
    joints = np.stack([np.asarray(frame.joint_positions) for frame in demo])
    commands = demo.actions()[:, :7]
    tips = [panda.forward_kinematics(each)[1][:, :3, 3] for each in (commands, joints[1:])]
    asked = np.abs(np.diff(commands, axis=0)).max(axis=1) / _PERIOD
    went = np.abs(np.diff(joints[1:], axis=0)).max(axis=1) / _PERIOD
    rests = (asked < _COMMANDS_REST) & (went < _ARM_RESTS)
    return np.linalg.norm(tips[0] - tips[1], axis=1)[1:], rests


def _task(episode: Recorded) -> str:
    return episode.episode.task


def _said(found: np.ndarray) -> str:
    if not len(found):
        return "-"
    return f"{1000 * np.median(found):.1f}, {1000 * np.quantile(found, 0.9):.0f} ({len(found)})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--demos", type=Path, nargs="+", required=True)
    episodes = sorted(recorded(parser.parse_args().demos), key=_task)
    found = {
        task: [np.concatenate(each) for each in zip(*map(gaps, group), strict=True)]
        for task, group in groupby(episodes, key=_task)
    }
    found["all"] = [np.concatenate(each) for each in zip(*found.values(), strict=True)]
    table = Table("task", "at rest", "moving", "held", title="mm: median, 90 % (frames)")
    for task, (way, rests) in found.items():
        held = f"{np.mean(way[rests] > _HELD):.0%}" if rests.any() else "-"
        table.add_row(task, _said(way[rests]), _said(way[~rests]), held)
    Console().print(table)


if __name__ == "__main__":
    main()
