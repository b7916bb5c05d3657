"""A step that takes somebody's demonstrations apart: what is learned from, what is held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genima_lite.demos.split import Piece, Readable, pieces, stored_in, write_pieces
from genima_lite.errors import UserError
from genima_lite.files import write_json
from genima_lite.provenance import claim, fingerprint

SAID = "split.json"
"""What went where: demonstrations by folder and task."""


@dataclass(frozen=True)
class SplitConfig:
    """What is taken apart, and how."""

    source: str
    """Folder in RLBench's layout, or packed (`genima_lite.demos.packed`)."""
    tasks: tuple[str, ...] = ()
    """Which tasks; none: all."""
    share: float = 0.1
    """Of each task's demonstrations the last ones, at least one, are held out; of one none."""
    view_size: int = 64
    """Pixels along each side of a view; larger pictures become smaller."""
    base: str | None = None
    """Folder of the model that reads the sentences; those that are too long for it are left out.
    `None`: all are kept."""

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise UserError(f"the share held out is {self.share}; give 0 to less than 1")
        if not 16 <= self.view_size <= 2048:
            raise UserError(f"view_size is {self.view_size}; give 16 to 2048 pixels")


def split(
    out: Path, config: SplitConfig, report: Callable[[str, int, int, float | None], None]
) -> None:
    """Write the demonstrations to their places, and `split.json`.

    Raises:
        UserError: see `genima_lite.demos.split`.
    """
    stored = stored_in(config.source, config.tasks)
    claim(out, {"source": fingerprint(config.source), **_settings(config)})
    if (out / SAID).exists():
        return
    made = pieces(stored, config.share)
    readable = _reader(config.base) if config.base else lambda _: True
    for number, _ in enumerate(write_pieces(out, made, config.view_size, readable), 1):
        report("splitting", number, len(made), None)
    write_json(out / SAID, counted(made))


def counted(made: list[Piece]) -> dict[str, dict[str, int]]:
    """Return how many demonstrations go where: by folder, then by task."""
    found: dict[str, Counter[str]] = {}
    for piece in made:
        found.setdefault(piece.folder, Counter())[piece.stored.task] += 1
    return {folder: dict(sorted(found[folder].items())) for folder in sorted(found)}


def _settings(config: SplitConfig) -> dict[str, Any]:
    return {name: value for name, value in vars(config).items() if name != "source"}


def _reader(base: str) -> Readable:
    """Return whether a model's tokenizer reads a sentence to its end."""
    from genima_lite.diffusion.base import load_pipeline
    from genima_lite.diffusion.prompts import task_prompt

    tokenizer = load_pipeline(base).tokenizer
    length = tokenizer.model_max_length
    return lambda sentence: len(tokenizer(task_prompt(sentence)).input_ids) <= length
