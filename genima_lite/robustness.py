"""Policies under every perturbation: a grid of evaluations, resumable, and its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import track

from genima_lite import locks
from genima_lite.envs.api import BENCH, check_perturbations, check_tasks, perturbation_names
from genima_lite.errors import UserError
from genima_lite.evaluation.episode_store import EpisodeStore
from genima_lite.evaluation.on_cluster import Cell, missing, run_jobs
from genima_lite.evaluation.recording import Recorder, Recording
from genima_lite.evaluation.robustness import ALL, CLEAN, write_robustness
from genima_lite.evaluation.rollout import evaluate
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.files import check_folder
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.provenance import claim
from genima_lite.recipes._stages import Stage, run_stages
from genima_lite.recipes._tasks import TASKS
from genima_lite.schema import named_once
from genima_lite.seeds import check_episodes
from genima_lite.workers import check_processes

_EACH = 0.04
"""Minutes that an episode takes on one core of a laptop."""

_RECORDED = 1
"""Episodes of a cell of which pictures are kept."""


@dataclass(frozen=True)
class Robustness:
    """A grid: policies, and conditions under which each does the same episodes."""

    policies: tuple[str, ...] = ("genima", "act", "oracle")
    """Names of policies, each with the weights in data/, or with a folder: genima=runs/mine."""
    tasks: tuple[str, ...] = TASKS
    """Task names."""
    episodes: int = 4
    """Episodes a task, policy and condition, dealt round over the task's variations."""
    seed: int = 7000
    """Of the first episode."""
    perturb: tuple[str, ...] = ()
    """Perturbations, each alone and then all together; none: all that every task can have."""
    strength: float = 1.0
    """Of the perturbations, 0 to 1."""
    backend: str = BENCH
    """Of the environments; see `genima_lite.envs.api.EnvSpec`."""

    def __post_init__(self) -> None:
        check_tasks(self.tasks, self.backend)
        check_perturbations(self.perturb, self.strength, self.backend, self.tasks)
        check_episodes(self.episodes)
        if self.seed < 0 or not self.tasks or not self.policies:
            raise UserError("give at least 1 policy and task, and a seed from 0 on")
        named_once("policies", [each.partition("=")[0] for each in self.policies])

    @property
    def folders(self) -> dict[str, Path | None]:
        """Where each policy's weights are, by its name; `None` for those in data/."""
        split = (each.partition("=") for each in self.policies)
        return {name: Path(folder) if folder else None for name, _, folder in split}

    @property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        """The perturbations of each condition, by its name."""
        names = self.perturb or self._all
        together = {ALL: names} if len(names) > 1 else {}
        return {CLEAN: (), **{name: (name,) for name in names}, **together}

    @property
    def _all(self) -> tuple[str, ...]:
        """The perturbations that every task can have."""
        possible = [set(perturbation_names(self.backend, task)) for task in self.tasks]
        return tuple(sorted(set.intersection(*possible)))

    def factory(self, policy: str, condition: str) -> PolicyFactory:
        """Return what makes a policy and its environments under a condition."""
        perturbations = self.conditions[condition]
        strength = self.strength if perturbations else 1.0
        settings = PolicySettings(self.folders[policy])
        return PolicyFactory(policy, settings, self.backend, perturbations, strength)


def robustness(
    out: Path, grid: Robustness, processes: int = 2, ray_address: str | None = None
) -> Path:
    """Run all episodes of a grid that are not there yet; return the path of its page.

    Args:
        out: folder of episodes and page.
        grid: what is run.
        processes: how many policies and tasks run side by side.
        ray_address: of a Ray cluster that runs the episodes instead (`genima_lite.cluster`).

    Raises:
        UserError: `out` holds another grid, another process works in it, or it cannot be written
            to; or a policy's weights are not there, or are of another kind.
    """
    check_processes(processes)
    check_folder(out)
    for policy, folder in grid.folders.items():
        if grid.factory(policy, CLEAN).fingerprint() is None and folder is not None:
            raise UserError(f"policy '{policy}' is not trained: give its name alone, not {folder}")
        for task in grid.tasks:
            grid.factory(policy, CLEAN).spec(task)  # looks into its weights
    with locks.writing(out, below=True):
        claim(out, {"robustness": {**asdict(grid), "policies": list(grid.folders)}})
        if ray_address is not None:
            jobs = missing(_cells(out, grid))
            list(track(run_jobs(jobs, ray_address), "on Ray", len(jobs)))
        run_stages(_stages(out, grid), processes)
        return _write(out, grid)


def _stages(out: Path, grid: Robustness) -> list[Stage]:
    return [
        Stage(
            f"{policy}, {condition}: {task}",
            _evaluate,
            (out, grid, policy, condition, task),
            _EACH * grid.episodes,
        )
        for condition in grid.conditions
        for policy in grid.folders
        for task in grid.tasks
    ]


def _cells(out: Path, grid: Robustness) -> Iterator[Cell]:
    """Yield the cells of a grid, for a cluster."""
    for condition in grid.conditions:
        for policy in grid.folders:
            make = grid.factory(policy, condition)
            for task in grid.tasks:
                kept = _store(out, condition).task(make, task, grid.seed)
                yield Cell(make, task, grid.seed, grid.episodes, _RECORDED, kept)


def _store(out: Path, condition: str) -> EpisodeStore:
    return EpisodeStore(out / "episodes" / condition.replace(" ", "_"))


def _evaluate(
    out: Path,
    grid: Robustness,
    policy: str,
    condition: str,
    task: str,
    report: Callable[[int, int], None],
) -> None:
    """Run the episodes of a cell that are not there yet; the first one is recorded."""
    make = grid.factory(policy, condition)
    kept = _store(out, condition).task(make, task, grid.seed)
    which = (grid.episodes, grid.seed, Recorder(policy, each=_RECORDED, failure=False))
    for done, _ in enumerate(evaluate(make, [task], *which, kept=lambda _: kept), 1):
        report(done, grid.episodes)


def _write(out: Path, grid: Robustness) -> Path:
    """Write the page of a grid whose episodes are all there."""
    cells: dict[str, dict[str, list[EpisodeResult]]] = {}
    strips: dict[str, dict[str, dict[str, Recording]]] = {}
    for policy in grid.folders:
        for condition in grid.conditions:
            loaded = [
                _store(out, condition).load(policy, task, grid.episodes) for task in grid.tasks
            ]
            cells.setdefault(policy, {})[condition] = [e for results, _ in loaded for e in results]
            firsts = {r.result.task: r for _, recordings in loaded for r in recordings[:1]}
            if any(step.drawn for each in firsts.values() for step in each.steps):
                strips.setdefault(policy, {})[condition] = firsts
    strips.pop("oracle", None)  # its targets are the true ones
    return write_robustness(out, cells, strips, asdict(grid))
