"""Demonstrations on disk: RLBench's layout, read, written and inspected without RLBench."""

from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.inspection_text import render_report
from genima_lite.demos.layout import DatasetError, iterate_episodes
from genima_lite.demos.read import read_descriptions, read_episode
from genima_lite.demos.write import write_episode

__all__ = [
    "DatasetError",
    "inspect_dataset",
    "iterate_episodes",
    "read_descriptions",
    "read_episode",
    "render_report",
    "write_episode",
]
