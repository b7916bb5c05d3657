"""`genima-lite convert`: which way, and what goes with it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.lerobot.export import PICTURES, to_lerobot
from genima_lite.demos.lerobot.info import read_info
from genima_lite.demos.lerobot.take import to_rlbench
from genima_lite.errors import UserError

LEROBOT, RLBENCH = "lerobot", "rlbench"


@dataclass(frozen=True)
class Conversion:
    """One conversion.

    Raises:
        UserError: an unknown word, or settings of the other way.
    """

    to: str
    """lerobot or rlbench."""
    out: Path
    """The new dataset's folder."""
    pictures: str = "video"
    """To lerobot: video (H.264, a little softer than what was seen) or png (exact)."""
    calibration: Path | None = None
    """To rlbench: where the cameras are (`calibration.json`), where the dataset does not say."""
    cameras: tuple[str, ...] = ()
    """To rlbench: which cameras to take, each as OURS=THEIRS, such as front=cam_high."""

    def __post_init__(self) -> None:
        if self.to not in (LEROBOT, RLBENCH):
            raise UserError(f"to is '{self.to}': choose from {LEROBOT}, {RLBENCH}")
        if self.pictures not in PICTURES:
            raise UserError(f"pictures is '{self.pictures}': choose from {', '.join(PICTURES)}")
        if self.to == LEROBOT and (self.calibration or self.cameras):
            raise UserError("calibration and cameras are for --to rlbench: leave them away")
        if self.to == RLBENCH and self.pictures != "video":
            raise UserError("pictures is for --to lerobot: RLBench's are always PNG")

    def run(self, source: Path) -> Generator[Any, None, None]:
        """Convert; yield something for each episode. Errors: `to_lerobot`, `to_rlbench`."""
        if self.to == LEROBOT:
            return to_lerobot(source, self.out, self.pictures)
        return to_rlbench(source, self.out, self.calibration, self.cameras)

    def kept(self) -> str:
        """Return a sentence on what a conversion that is stopped leaves."""
        if self.to == LEROBOT:
            return f"{self.out}: nothing was written; the same command begins anew"
        count = sum(1 for _ in iterate_episodes(self.out)) if self.out.is_dir() else 0
        return f"{self.out}: {count} whole episodes are kept; the same command goes on"

    def total(self, source: Path) -> int:
        """Return how many episodes there are."""
        if self.to == LEROBOT:
            return sum(1 for _ in iterate_episodes(source))
        return read_info(source).total_episodes
