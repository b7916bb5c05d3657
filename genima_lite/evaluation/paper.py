"""The paper's protocol in RLBench, and a table with the paper's 25 rows beside ours.

Shridhar, Lo and James, "Generative Image as Action Models" (Genima), CoRL 2024: 25 tasks, variation
0, 50 episodes each from stored test demonstrations, the mean over the last three checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genima_lite import schema
from genima_lite.envs.api import RLBENCH, check_tasks
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.evaluation.starts import Starts
from genima_lite.evaluation.statistics import wilson_interval
from genima_lite.policies.api import PolicyFactory, PolicySettings

PAPER: dict[str, tuple[float, float]] = {
    "basketball_in_hoop": (50.0, 32.7),
    "insert_usb_in_computer": (26.0, 18.0),
    "lamp_on": (12.0, 19.3),
    "move_hanger": (94.0, 42.0),
    "open_box": (79.3, 69.3),
    "open_door": (85.3, 75.3),
    "open_drawer": (77.3, 82.7),
    "open_grill": (48.7, 40.0),
    "open_microwave": (46.7, 22.6),
    "open_washing_machine": (46.0, 22.6),
    "open_window": (69.3, 8.0),
    "phone_on_base": (18.7, 13.3),
    "pick_up_cup": (36.0, 43.3),
    "play_jenga": (90.0, 99.3),
    "press_switch": (72.7, 65.3),
    "push_button": (76.7, 31.3),
    "put_books_on_bookshelf": (14.7, 44.0),
    "put_knife_on_chopping_board": (12.7, 14.7),
    "put_rubbish_in_bin": (26.7, 15.3),
    "scoop_with_spatula": (11.3, 22.7),
    "slide_block_to_target": (12.7, 22.0),
    "take_lid_off_saucepan": (48.0, 44.7),
    "take_plate_off_colored_dish_rack": (21.3, 37.3),
    "toilet_seat_up": (93.3, 45.3),
    "turn_tap": (71.3, 59.3),
}
"""Success in per cent of Genima and of ACT, from the paper's page: means 49.6 and 39.6."""


@dataclass(frozen=True)
class PaperProtocol:
    """What the paper's evaluation needs; its defaults are the paper's."""

    policy: str = "genima"
    """Name of the policy."""
    checkpoints: tuple[Path, ...] = ()
    """Folders of the last checkpoints, the paper has three; none: the policy without any, such as
    oracle, or the shipped one."""
    scenes: Path | None = None
    """Test demonstrations recorded in RLBench, whose scenes episodes start in; none: scenes of
    their seeds, which is not the paper's protocol and is said in the table."""
    tasks: tuple[str, ...] = ()
    """Task names; none: the paper's 25."""
    episodes: int = 50
    """Episodes a task and checkpoint."""
    seed: int = 1000
    """Of the first episode."""
    backend: str = RLBENCH
    """Of the environments; see `genima_lite.envs.api.EnvSpec`."""

    def __post_init__(self) -> None:
        check_tasks(self.tasks, self.backend)
        schema.named_once("checkpoints", [os.path.realpath(each) for each in self.checkpoints])

    def evaluations(self, out: Path) -> list[Evaluation]:
        """Return one evaluation a checkpoint, each with its file in a folder."""
        shared: dict[str, Any] = {
            name: getattr(self, name) for name in ("policy", "episodes", "seed", "backend")
        }
        shared |= {"tasks": self.tasks or tuple(PAPER), "variations": (0,), "scenes": self.scenes}
        return [
            Evaluation(**shared, checkpoint=each, keep_going=True, json=out / f"{number}.json")
            for number, each in enumerate(self.checkpoints or (None,))
        ]

    def provenance(self) -> dict[str, Any]:
        """Return all that the results come from, JSON-able, with the weights' fingerprints."""
        made = {name: getattr(self, name) for name in ("policy", "tasks", "episodes", "seed")}
        starts = Starts((0,), self.scenes)
        return {
            **made,
            "backend": self.backend,
            "weights": [self._fingerprint(each) for each in self.checkpoints or (None,)],
            "starts": {task: starts.provenance(task) for task in self.tasks or PAPER},
        }

    def _fingerprint(self, checkpoint: Path | None) -> str | None:
        return PolicyFactory(self.policy, PolicySettings(checkpoint)).fingerprint()

    @property
    def deviations(self) -> list[str]:
        """What differs from the paper's protocol, as sentences."""
        said = []
        if self.backend != RLBENCH:
            said.append(f"environments of backend '{self.backend}'")
        if self.scenes is None:
            said.append("scenes of seeds, not of stored test demonstrations")
        if len(self.checkpoints) != 3:
            said.append(f"{max(1, len(self.checkpoints))} checkpoints, not 3")
        if self.episodes != 50:
            said.append(f"{self.episodes} episodes a task, not 50")
        return said


@dataclass(frozen=True)
class _Settings:
    """What of a run's settings is needed."""

    tasks: list[str]


@dataclass(frozen=True)
class _Task:
    """What of a task's summary is needed."""

    successes: int
    n: int
    rate: float | None
    refused: int
    errors: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.n or min(self.refused, self.errors) < 0:
            raise UserError("successes, n, refused and errors are no counts of episodes")


@dataclass(frozen=True)
class _Results:
    """What of a file of results is needed."""

    settings: _Settings
    summary: dict[str, _Task]


def read_results(path: Path) -> dict[str, Any]:
    """Return the results that are in a checkpoint's file, for `paper_rows`.

    Raises:
        UserError: no such file.
    """
    try:
        return asdict(schema.read(_Results, path, others=True))
    except UserError as error:
        raise UserError(f"{error}; delete it, and it is evaluated again") from None


def paper_rows(documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row a task: ours over all checkpoints, and the paper's two numbers in per cent.

    Args:
        documents: results of the same tasks, one a checkpoint (`Evaluation.document`).
    """
    rows = []
    for task in documents[0]["settings"]["tasks"]:
        found = [d["summary"][task] for d in documents if task in d["summary"]]
        solved, n = sum(s["successes"] for s in found), sum(s["n"] for s in found)
        rates = [100 * s["rate"] for s in found if s["rate"] is not None]
        genima, act = PAPER.get(task, (None, None))
        rows.append(
            {
                "task": task,
                "rate": sum(rates) / len(rates) if rates else None,
                "interval_95": [100 * end for end in wilson_interval(solved, n)],
                "n": n,
                "refused": sum(s["refused"] for s in found),
                "errors": sum(s["errors"] for s in found),
                "genima": genima,
                "act": act,
            }
        )
    return rows


def paper_table(rows: Sequence[Mapping[str, Any]], deviations: Sequence[str]) -> str:
    """Return the rows as Markdown, with their means and all that differs from the paper."""
    return "\n".join([*_lines(rows, deviations), ""])


def _lines(rows: Sequence[Mapping[str, Any]], deviations: Sequence[str]) -> Iterator[str]:
    yield "| task | ours % | 95 % | n | refused | errors | Genima % | ACT % |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        low, high = row["interval_95"]
        middle = f"{low:.0f} to {high:.0f} | {row['n']} | {row['refused']} | {row['errors']}"
        ours, genima, act = (_shown(row[name]) for name in ("rate", "genima", "act"))
        yield f"| {row['task']} | {ours} | {middle} | {genima} | {act} |"
    means = {name: _mean(rows, name) for name in ("rate", "genima", "act")}
    totals = " | ".join(str(sum(row[name] for row in rows)) for name in ("n", "refused", "errors"))
    ours, genima, act = (_shown(means[name]) for name in ("rate", "genima", "act"))
    yield f"| **mean** | {ours} |  | {totals} | {genima} | {act} |"
    yield ""
    yield f"Differs from the paper's protocol: {'; '.join(deviations) or 'nothing'}."


def _mean(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Return the mean over those rows that have our number and the paper's."""
    values = [row[name] for row in rows if None not in (row["rate"], row["genima"])]
    if name == "rate" and not values:
        values = [row["rate"] for row in rows if row["rate"] is not None]
    return sum(values) / len(values) if values else None


def _shown(number: float | None) -> str:
    return "" if number is None else f"{number:.1f}"
