"""The command `genima-lite`: parse, call, end.

Options are the fields of configurations: `genima_lite.commands` says which, and what each command
does; `genima_lite.endings` says how it ends.
"""

from __future__ import annotations

import sys
from inspect import cleandoc
from itertools import pairwise

from genima_lite.endings import ended

DEBUG = "--debug"
"""Shows the traceback of an error; may stand anywhere."""


def main() -> None:
    """Run the command line and exit."""
    words = [word for word in sys.argv[1:] if word != DEBUG]
    sys.exit(ended(lambda: _run(words), debug=DEBUG in sys.argv))


def _run(words: list[str]) -> int:
    """Let a command import what it needs, then parse its options and call it."""
    from genima_lite.commands import COMMANDS
    from genima_lite.extras import missing_extra

    name, *arguments = words or ["--help"]
    if name not in COMMANDS:
        return _list_commands(name)
    try:
        return _call(name, arguments)
    except ModuleNotFoundError as error:
        raise (missing_extra(f"'{name}'", error) or error) from error


def _call(name: str, arguments: list[str]) -> int:
    import tyro

    from genima_lite.commands import COMMANDS

    command = COMMANDS[name](arguments)
    command.__doc__ = f"{COMMANDS[name].__doc__}\n\n{cleandoc(command.__doc__ or '')}"
    return tyro.cli(
        command,
        prog=f"genima-lite {name}",
        args=_with_lists(_renamed(arguments), _BACKENDS.get(name, "bench")),
    )


_BESIDE_ENV = {"--env": "--backend", "--backend": "--arm.driver"}
"""Names of options of a command that has `--env`, as papers and people call the backend: beside it,
`--backend` is what drives a real arm.
"""


def _renamed(arguments: list[str]) -> list[str]:
    """Return arguments with one name for each option."""
    split = [word.partition("=") for word in arguments]
    if "--env" not in [name for name, *_ in split]:
        return arguments
    return ["".join((_BESIDE_ENV.get(name, name), *rest)) for name, *rest in split]


_LISTS = ("variations", "--policies")
"""Ends of further options whose values may be lists with commas."""


_BACKENDS = {"record": "arm"}
"""Whose tasks a command without an option for it means."""


def _with_lists(arguments: list[str], backend: str = "bench") -> list[str]:
    """Return arguments in which lists with commas, and `all` of something, are written out.

    Args:
        arguments: of a command.
        backend: whose tasks they name, unless they say so.
    """
    from genima_lite.envs.api import check_task, perturbation_names, task_names

    backend = dict(pairwise(arguments)).get("--backend", backend)
    found = list[str]()
    for before, word in pairwise(["", *arguments]):
        if before == "--tasks" or before.endswith(".tasks"):
            names = task_names(backend) if word == "all" else word.split(",")
            found += [check_task(name.strip(), backend) for name in names]
        elif before == "--perturb" or before.endswith(".perturb"):
            found += perturbation_names(backend) if word == "all" else word.split(",")
        else:
            found += word.split(",") if before.endswith(_LISTS) else [word]
    return found


def _list_commands(name: str) -> int:
    """Print all commands; return the exit code."""
    from genima_lite.commands import COMMANDS
    from genima_lite.console import complain, say

    if name not in ("-h", "--help"):
        complain(f"unknown command '{name}'")
    say("usage: genima-lite COMMAND [OPTIONS]; each has --help and --debug\n")
    for each, command in COMMANDS.items():
        said = (command.__doc__ or "").splitlines()[0]
        say(f"  {each:18s}{said}")
    return 0 if name in ("-h", "--help") else 2
