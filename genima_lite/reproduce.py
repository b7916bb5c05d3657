"""The whole pipeline with one command: the recipe `laptop`, its evaluation, a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genima_lite import locks
from genima_lite.errors import UserError
from genima_lite.evaluation.episode_store import EpisodeStore
from genima_lite.evaluation.recording import Recorder
from genima_lite.evaluation.report import write_report
from genima_lite.evaluation.rollout import evaluate
from genima_lite.evaluation.statistics import results_document
from genima_lite.files import check_folder
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.provenance import claim, model_fingerprint
from genima_lite.recipes._check import check_recipe
from genima_lite.recipes._run import claim_run, recipe_stages
from genima_lite.recipes._stages import Stage, run_stages
from genima_lite.recipes._tasks import TASKS
from genima_lite.recipes.api import Recipe
from genima_lite.seeds import check_episodes
from genima_lite.shipped import shipped

COMPARED = ("expert", "oracle", "genima", "act")
"""Policies in a report, best informed first."""

DEMONSTRATED = ("oracle", "genima", "act")
"""Policies in a demo."""

NEEDS = {"genima": ("diffusion", "controller"), "oracle": ("controller",), "act": ("act",)}
"""Steps of the recipe that must be over before a policy is evaluated."""

RECORDING = 100_000
"""Bytes that an episode's recording takes at least."""


@dataclass(frozen=True)
class Evaluations:
    """Which episodes are run."""

    tasks: tuple[str, ...]
    """Task names."""
    episodes: int = 20
    """Episodes a task and policy."""
    seed: int = 1000
    """Of the first episode; see `genima_lite.evaluation.rollout.evaluate`."""

    def __post_init__(self) -> None:
        check_episodes(self.episodes)
        if not self.tasks or self.seed < 0:
            raise UserError("give at least 1 task, and a seed from 0 on")

    def space(self, policies: int) -> int:
        """Return how many bytes the episodes of some policies will at least take."""
        return policies * len(self.tasks) * self.episodes * RECORDING


def reproduce(out: Path, recipe: Recipe, evaluations: Evaluations, processes: int = 2) -> Path:
    """Train a recipe, evaluate what it makes, and return the report's path.

    Killed and started again with the same arguments it goes on.

    Args:
        out: folder of everything that is made.
        recipe: makes `genima`, `oracle` and `act`, and has steps `diffusion`, `controller` and
            `act`, such as `laptop`.
        evaluations: the episodes.
        processes: how many work side by side.

    Raises:
        UserError: `out` holds another run, another process works in it, or it cannot be written to.
    """
    check_recipe(out, recipe, processes)
    check_folder(out, evaluations.space(len(COMPARED)))
    with locks.writing(out, below=True):
        return _reproduce(out, recipe, evaluations, processes)


def _reproduce(out: Path, recipe: Recipe, evaluations: Evaluations, processes: int) -> Path:
    claim_run(out, recipe)
    policies = {
        name: out / recipe.makes[name] if name in recipe.makes else None for name in COMPARED
    }
    stages = recipe_stages(out, recipe)
    stages += _evaluation_stages(out / "evaluation", policies, evaluations, NEEDS)
    run_stages(stages, processes)
    training = {"minutes": _minutes(out), "curves": _curves(out)}
    documents, recordings = _results(out / "evaluation", policies, evaluations)
    return write_report(out, documents, recordings, training, out / "demos")


def demo(out: Path, episodes: int = 4, seed: int = 1000) -> Path:
    """Let the shipped policies do the tasks they know and return the report's path.

    Episodes of other weights than today's are kept beside, and not shown.

    Raises:
        UserError: nothing is shipped with this installation, `out` holds another demo, another
            process works in it, or it cannot be written to.
    """
    evaluations = Evaluations(TASKS, episodes, seed)
    check_folder(out, evaluations.space(len(DEMONSTRATED)))
    with locks.writing(out, below=True):
        return _demo(out, evaluations)


def _demo(out: Path, evaluations: Evaluations) -> Path:
    claim(out, {"demo": vars(evaluations)})
    policies: dict[str, Path | None] = dict.fromkeys(DEMONSTRATED)
    weights = [model_fingerprint(shipped(name)) for name in ("genima", "act")]
    folder = out / "-".join(weights)
    run_stages(_evaluation_stages(folder, policies, evaluations, {}))
    return write_report(out, *_results(folder, policies, evaluations))


def _evaluation_stages(
    folder: Path,
    policies: dict[str, Path | None],
    evaluations: Evaluations,
    needs: dict[str, tuple[str, ...]],
) -> list[Stage]:
    """Return a stage for every task of every policy."""
    return [
        Stage(
            f"{policy}: {task}",
            _evaluate,
            (folder, policy, checkpoint, task, evaluations),
            evaluations.episodes * (0.005 if policy == "expert" else 0.03),
            needs.get(policy, ()),
        )
        for policy, checkpoint in policies.items()
        for task in evaluations.tasks
    ]


def _evaluate(
    folder: Path,
    policy: str,
    checkpoint: Path | None,
    task: str,
    evaluations: Evaluations,
    report: Callable[[int, int], None],
) -> None:
    """Run a policy's episodes of a task that are not there yet."""
    make, store = PolicyFactory(policy, PolicySettings(checkpoint)), EpisodeStore(folder)
    kept = store.task(make, task, evaluations.seed)
    recorder, which = Recorder(policy, each=1), (evaluations.episodes, evaluations.seed)
    for done, _ in enumerate(evaluate(make, [task], *which, recorder, kept=lambda _: kept), 1):
        report(done, evaluations.episodes)


def _results(
    folder: Path, policies: dict[str, Path | None], evaluations: Evaluations
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the document of each policy, and all recordings."""
    documents, recordings, store = [], [], EpisodeStore(folder)
    for policy in policies:
        results = []
        for task in evaluations.tasks:
            episodes, recorded = store.load(policy, task, evaluations.episodes)
            results += episodes
            recordings += recorded
        settings = {"policy": policy, **vars(evaluations), "tasks": list(evaluations.tasks)}
        documents.append(results_document(settings, results))
    return documents, recordings


def _minutes(out: Path) -> dict[str, float]:
    """Return the minutes of each training, from the logs' own clocks."""
    from genima_lite.training.curves import minutes

    return {name: minutes(out / name / "logs") for name in _TAGS}


_TAGS = {
    "diffusion": ("validation/pixels", "spheres, pixels"),
    "controller": ("validation/joint_error", "joints, radians"),
    "act": ("validation/joint_error", "joints, radians"),
}
"""By training, the curve of what is held out, and the panel on which it is shown."""


def _curves(out: Path) -> list[dict[str, Any]]:
    """Return the learning curves on held-out demonstrations."""
    from genima_lite.training.curves import curve

    curves = []
    for name, (tag, panel) in _TAGS.items():
        at, values = curve(out / name / "logs", tag)
        curves.append({"label": name, "minutes": at, "y": values, "panel": panel})
    return curves
