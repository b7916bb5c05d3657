"""Sentences that ask for tasks, from a file, beside those that a backend has of its own."""

from __future__ import annotations

from pathlib import Path

from genima_lite import schema
from genima_lite.errors import UserError


def read_sentences(path: Path | str | None, task: str, variations: int) -> dict[int, list[str]]:
    """Return the sentences that a file has for a task, by variation.

    Args:
        path: JSON, by task a list of sentences for each of its variations, such as
            `{"push_button": [["push the red one", "press red"], ["push the blue one"]]}`; `None`
            for no file.
        task: its name; a file without it has no sentences for it.
        variations: how many the task has.

    Raises:
        UserError: no such file, no JSON, something else in it, an empty sentence, or another number
            of variations.
    """
    if path is None:
        return {}
    found = _read(path).get(task)
    if found is None:
        return {}
    if len(found) != variations:
        raise UserError(
            f"{path}: {task} has sentences for {len(found)} variations, of {variations} there are; "
            "give a list for each, empty where there is none"
        )
    for variation, sentences in enumerate(found):
        for sentence in sentences:
            if not sentence.strip() or not sentence.isprintable():
                raise UserError(
                    f"{path}: {task}, variation {variation}: {sentence!r} is no sentence"
                )
    return dict(enumerate(found))


def tasks_with_sentences(path: Path | str | None) -> list[str]:
    """Return the names of the tasks that a file has sentences for; none for no file.

    Raises:
        UserError: no such file, no JSON, or something else in it.
    """
    return [] if path is None else list(_read(path))


def _read(path: Path | str) -> dict[str, list[list[str]]]:
    return schema.read(dict[str, list[list[str]]], path)
