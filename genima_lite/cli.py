"""The command `genima-lite`: parse, call, print what went wrong.

Options are the fields of configurations: `genima_lite.commands` says which, and what each command
does.
"""

from __future__ import annotations

import os
import sys
from inspect import cleandoc
from itertools import pairwise

import tyro
from rich.markup import escape

from genima_lite.commands import COMMANDS
from genima_lite.console import console, errors
from genima_lite.errors import UserError


def main() -> None:
    """Run the command line; wrong input ends with a sentence and exit code 2."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # else it remarks on torchvision
    name, *arguments = sys.argv[1:] or ["--help"]
    if name not in COMMANDS:
        sys.exit(_list_commands(name))
    try:
        sys.exit(_run(name, arguments))
    except UserError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)


def _run(name: str, arguments: list[str]) -> int:
    """Let a command import what it needs, then parse its options and call it."""
    command = COMMANDS[name](arguments)
    command.__doc__ = f"{COMMANDS[name].__doc__}\n\n{cleandoc(command.__doc__ or '')}"
    return tyro.cli(command, prog=f"genima-lite {name}", args=_with_lists(arguments))


def _with_lists(arguments: list[str]) -> list[str]:
    """Return arguments in which `all` tasks, and lists with commas, are written out."""
    from genima_lite.envs.api import BENCH, check_task, task_names

    options = dict(pairwise(arguments))
    backend, found = options.get("--backend", BENCH), list[str]()
    for before, word in pairwise(["", *arguments]):
        if before == "--tasks" or before.endswith(".tasks"):
            names = task_names(backend) if word == "all" else word.split(",")
            found += [check_task(name.strip(), backend) for name in names]
        else:
            found += word.split(",") if before.endswith("variations") else [word]
    return found


def _list_commands(name: str) -> int:
    """Print all commands; return the exit code."""
    if name not in ("-h", "--help"):
        errors.print(f"[bold red]error:[/] unknown command '{escape(name)}'")
    console.print("usage: genima-lite COMMAND [OPTIONS]; each has --help\n", markup=False)
    for each, command in COMMANDS.items():
        said = (command.__doc__ or "").splitlines()[0]
        console.print(f"  {each:18s}{said}", soft_wrap=True, markup=False)
    return 0 if name in ("-h", "--help") else 2
