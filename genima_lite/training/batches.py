"""Batches as a pure function of seed, step and number of the micro-batch.

So nothing about them has to be remembered, and any number of processes, or of workers that make
them ahead of time, gives the same ones.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from genima_lite.errors import UserError
from genima_lite.training.config import TrainingConfig
from genima_lite.workers import check_processes, stay_with_parent

B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)


class Data(Protocol[B_co]):
    """What a network learns from."""

    def batch(self, rng: np.random.Generator, size: int) -> B_co:
        """Return `size` samples as tensors on the CPU; the same state of `rng`, the same ones."""


class MicroBatches(Dataset[B], Generic[B]):
    """The micro-batches that one process makes, of all steps from some step on.

    Args:
        data: gives them.
        config: of the run.
        first: step of the first one.
        process: number of this process.
        processes: how many share the micro-batches.
    """

    def __init__(
        self,
        data: Data[B],
        config: TrainingConfig,
        first: int = 0,
        process: int = 0,
        processes: int = 1,
    ):
        self._data, self._config, self._first = data, config, first
        self.each = config.micro_batches // processes
        self._from = process * self.each

    def __len__(self) -> int:
        return (self._config.steps - self._first) * self.each

    def __getitem__(self, index: int) -> B:
        if not 0 <= index < len(self):
            raise IndexError(index)
        step, number = divmod(index, self.each)
        rng = np.random.default_rng(self._numbers(self._first + step, number))
        return self._data.batch(rng, self._config.batch_size // self._config.micro_batches)

    def noise(self, step: int, number: int, device: torch.device) -> torch.Generator:
        """Return the generator of noise for a step's micro-batch of this process."""
        (seed,) = np.random.SeedSequence(self._numbers(step, number)).generate_state(1, np.uint64)
        return torch.Generator(device).manual_seed(int(seed))

    def _numbers(self, step: int, number: int) -> list[int]:
        return [self._config.seed, step, self._from + number]


def check_sharing(config: TrainingConfig, processes: int, workers: int) -> None:
    """Raise `UserError` unless processes can share the micro-batches and workers can be had."""
    if config.micro_batches % processes:
        raise UserError(
            f"{processes} processes cannot share {config.micro_batches} micro_batches evenly; "
            f"give a multiple of {processes}"
        )
    check_processes(workers, "workers", 0)


def load(batches: MicroBatches[B], workers: int) -> Iterator[B]:
    """Return the micro-batches in order; workers, if there are any, make them ahead of time."""
    forks = workers and "fork" in multiprocessing.get_all_start_methods()
    loader = DataLoader(
        batches,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="fork" if forks else None,  # shares the data in memory
        worker_init_fn=stay_with_parent if workers else None,
        generator=torch.Generator(),  # the loader draws a seed for its workers; none uses it
    )
    return iter(loader)
