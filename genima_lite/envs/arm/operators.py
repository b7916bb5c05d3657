"""The person beside the arm, who is asked: on a console, or nobody, who answers no."""

from __future__ import annotations

from typing import Protocol

from genima_lite.console import say


class Operator(Protocol):
    """Answers what only a person can know or allow."""

    def allows(self, question: str) -> bool:
        """Return whether something may happen."""

    def tells(self, question: str) -> str:
        """Return a text, for example a note on an episode."""


class Nobody:
    """Allows nothing and has nothing to say."""

    def allows(self, question: str) -> bool:
        """Return `False`."""
        return False

    def tells(self, question: str) -> str:
        """Return nothing."""
        return ""


class Console:
    """Asks on the terminal; whatever is not `y` or `yes` is a no, and so is an ended input."""

    def allows(self, question: str) -> bool:
        """Return whether the answer was yes."""
        return self.tells(f"{question} [y/N]").lower() in ("y", "yes")

    def tells(self, question: str) -> str:
        """Return the answer, without spaces around it."""
        say(question)
        try:
            return input("> ").strip()
        except EOFError:
            return ""


def operator_of(name: str) -> Operator:
    """Return the operator of a name in `settings.OPERATORS`."""
    return Console() if name == "console" else Nobody()
