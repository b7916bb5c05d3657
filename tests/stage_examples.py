"""Functions for the stages of tests: other processes import them from here."""

import os
import time


def write(path, text, seconds, report):
    """Write a file after some seconds."""
    report(1, 2)
    time.sleep(seconds)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def fail(report):
    """Fail as a broken stage does."""
    raise RuntimeError("this stage is broken")


def begin():
    """Get a worker ready for nothing."""


def tick(path):
    """Write into a file for a minute."""
    for number in range(1200):
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(number))
        time.sleep(0.05)


class Ticks:
    """Data whose batches are made for ever; each worker writes into a file of its own."""

    def __init__(self, folder):
        self.folder = folder

    def batch(self, rng, size):
        import torch.utils.data

        tick(f"{self.folder}/{'ab'[torch.utils.data.get_worker_info().id]}")


def sleep(seconds, report):
    """Sleep; for less than nothing, die."""
    if seconds < 0:
        os._exit(9)
    time.sleep(seconds)
