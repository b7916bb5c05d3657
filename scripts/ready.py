"""Imports what commands need, once, then forks a process for each command that it is asked for.

A line of JSON on its input holds the arguments of genima-lite, a folder to run in, variables of the
environment, and a file for what it says; the answers are a line with the process's number, and a
line with its exit code. `scripts/kill_test.py` saves the seconds of every start with it: imports do
nothing that a kill could spoil. Nothing may render here, since a fork of what has rendered cannot.
"""

from __future__ import annotations

import json
import os
import sys


def prepare() -> None:
    """Import what is slow."""
    import diffusers
    import matplotlib.pyplot
    import torch

    import genima_lite.commands
    import genima_lite.demos.collect
    import genima_lite.envs.bench.env
    import genima_lite.evaluation.report
    import genima_lite.recipes._run
    import genima_lite.recipes._steps
    import genima_lite.robustness
    from genima_lite.recipes import laptop

    assert all((diffusers, matplotlib, genima_lite))
    laptop.TASKS = laptop.TASKS[:1]  # all steps of `reproduce` for one task, in a third of the time
    torch.set_num_threads(1)


def become(arguments: list[str], folder: str, environment: dict[str, str], said: str) -> None:
    """Make of this process one that was started with these arguments."""
    os.chdir(folder)
    os.environ.update(environment)
    sys.argv = ["genima-lite", *arguments]
    for number, path in ((0, os.devnull), (1, os.devnull), (2, said)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, number)
        os.close(opened)


def main() -> None:
    """Serve until the input ends; in a fork, run the command and exit as it does."""
    prepare()
    while line := sys.stdin.readline():
        if (process := os.fork()) == 0:
            become(**json.loads(line))
            from genima_lite import cli

            cli.main()
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
