"""An evaluation as one configuration: what `genima-lite eval` can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from shutil import rmtree
from typing import Any

from genima_lite import locks
from genima_lite.datasets.demonstrations import recorded
from genima_lite.diffusion.speed import USUAL, DrawingSpeed
from genima_lite.envs.api import (
    BENCH,
    check_like,
    check_perturbations,
    check_tasks,
    task_names,
)
from genima_lite.envs.arm.settings import REPLAY, ArmSettings
from genima_lite.errors import UserError
from genima_lite.evaluation.episode_store import EpisodeStore, TaskEpisodes
from genima_lite.evaluation.on_cluster import Cell, Job, missing
from genima_lite.evaluation.recording import Recorder
from genima_lite.evaluation.report import write_report
from genima_lite.evaluation.rollout import dealt_round, evaluate
from genima_lite.evaluation.starts import Starts
from genima_lite.evaluation.statistics import EpisodeResult, results_document
from genima_lite.files import check_folder, check_output, write_json
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.seeds import check_episodes

ARM = "arm"
"""The backend that takes settings of an arm."""


@dataclass(frozen=True)
class Evaluation:
    """A policy's episodes, and what is written of them."""

    policy: str = "expert"
    """Name of the policy: expert, random, genima, oracle, act, or any other file in policies/."""
    tasks: tuple[str, ...] = ()
    """Task names; none: all."""
    episodes: int = 20
    """Episodes a task, dealt round over its variations."""
    seed: int = 1000
    """Of the first episode."""
    checkpoint: Path | None = None
    """Folder of a trained policy, or its id on the hub; by default the one in data/."""
    n_action_steps: int | None = None
    """How many of a trained policy's K actions are executed a decision; by default all."""
    ensemble: bool = False
    """Let a trained policy decide at every step and average its decisions."""
    fit: bool = False
    """Lead the actions of a controller with spheres to the posture that fits those it sees."""
    device: str = "cpu"
    """Of a trained policy's networks: cpu, cuda or mps."""
    drawing: DrawingSpeed = USUAL
    """What makes a policy that draws faster."""
    backend: str = BENCH
    """Of the environments; see `genima_lite.envs.api.EnvSpec`."""
    perturb: tuple[str, ...] = ()
    """What changes the scenes: light, camera_pose, distractors and others, or all."""
    strength: float = 1.0
    """Of the perturbations, 0 to 1."""
    tracking: str = BENCH
    """Of the arm: bench, or rlbench, where it gets two thirds of the way in a step."""
    variations: tuple[int, ...] = ()
    """Which variations episodes are dealt round; none: all of a task's."""
    scenes: Path | None = None
    """Demonstrations of RLBench or an arm: a task's i-th episode starts in the i-th one's scene."""
    arm: ArmSettings = field(default_factory=ArmSettings)
    """With backend arm: which driver, and how it may move; by default a rehearsal on the twin."""
    keep_going: bool = False
    """List an episode that ends with an error, apart from failures, and go on."""
    json: Path | None = None
    """Also write the results to this file."""
    report: Path | None = None
    """Also write a page with figures and films into this folder."""
    demos: Path | None = None
    """Demonstrations made by collect, for the report: where their pieces stood."""

    def __post_init__(self) -> None:
        check_tasks(self.tasks, self.backend)
        check_perturbations(self.perturb, self.strength, self.backend, self.tasks)
        check_like("tracking", self.tracking)
        if self.backend != ARM and self.arm != ArmSettings():
            raise UserError(f"settings of the arm with backend '{self.backend}': add --backend arm")
        check_episodes(self.episodes)
        if self.seed < 0:
            raise UserError(f"seed is {self.seed}; give one from 0 on")
        if self.demos is not None and self.report is None:
            raise UserError("demos are for the report: give a folder for it, too")
        if self.scenes is not None and self.backend == BENCH:
            raise UserError("scenes are demonstrations of RLBench: add backend rlbench, or arm")
        if self.scenes is None and self._played:
            raise UserError("driver replay plays recordings: give their folder as scenes")

    @property
    def names(self) -> list[str]:
        """The tasks' names."""
        return list(self.tasks) or task_names(self.backend)

    @property
    def total(self) -> int:
        """How many episodes there are in all."""
        return len(self.names) * self.episodes

    @property
    def kept_in(self) -> Path | None:
        """Where episodes are kept until everything is written; `None`: nowhere."""
        if self.json is not None:
            return self.json.with_name(f"{self.json.name}.partial")
        return None if self.report is None else self.report / "episodes.partial"

    def check(self) -> None:
        """Refuse what could only fail later: outputs, demonstrations, the policy's weights.

        Raises:
            UserError: see above.
        """
        if self.json is not None:
            check_output(self.json)
        if self.report is not None:
            check_folder(self.report)
        if self.demos is not None:
            recorded([self.demos], self.names)
        if self._starts is not None:
            self._starts.check(self.names, self.episodes)
        if self._make.fingerprint() is None and self._make.settings != PolicySettings():
            raise UserError(
                f"policy '{self.policy}' is not trained: leave checkpoint, n_action_steps, "
                "ensemble, fit, device and drawing away"
            )
        for task in self.names:
            self._make.spec(task)

    @contextmanager
    def keeping(
        self, tell: Callable[[str], None] = lambda _: None
    ) -> Iterator[EpisodeStore | None]:
        """Yield what keeps the episodes until everything is written; then they are removed.

        One process at a time may run an evaluation with the same outputs.

        Args:
            tell: gets a sentence if this must wait for another process.

        Raises:
            UserError: another process runs it.
        """
        if self.kept_in is None:
            yield None
            return
        store = EpisodeStore(self.kept_in)
        written = False
        try:
            with locks.writing(store.folder, tell):
                yield store
                written = True
        finally:
            if written or not len(store):
                rmtree(store.folder, ignore_errors=True)

    def run(self, store: EpisodeStore | None = None) -> Iterator[EpisodeResult]:
        """Yield the results of all episodes; see `genima_lite.evaluation.rollout.evaluate`.

        Args:
            store: of `keeping`; episodes that it has are not run again.

        Raises:
            UserError: it has episodes of other weights or settings.
        """
        kept = None if store is None else partial(self._kept, store)
        which = (self.names, self.episodes, self.seed, self._recorder, self.keep_going)
        return evaluate(self._make, *which, kept, self._starts)

    def missing(self, store: EpisodeStore | None) -> list[Job]:
        """Return the episodes that a store does not have, for a cluster.

        Raises:
            UserError: no store; or see `genima_lite.evaluation.on_cluster.missing`.
        """
        if store is None:
            raise UserError("a cluster's episodes are kept beside the results: give json or report")
        pictured = self._recorder.each if self._recorder else 0
        which = (self.seed, self.episodes, pictured)
        start = self._starts or dealt_round
        return missing(
            Cell(self._make, task, *which, self._kept(store, task), start) for task in self.names
        )

    def _kept(self, store: EpisodeStore, task: str) -> TaskEpisodes:
        starts = self._starts.provenance(task) if self._starts else {}
        return store.task(self._make, task, self.seed, starts)

    def document(self, results: Sequence[EpisodeResult], command: str) -> dict[str, Any]:
        """Return all about a run, JSON-able, with the command that started it."""
        names = ["policy", "episodes", "seed", "n_action_steps", "ensemble", "fit", "backend"]
        names += ["tracking"] + (["device"] if self.device != "cpu" else [])
        drawing = {} if self.drawing == USUAL else {"drawing": asdict(self.drawing)}
        names += ["perturb", "strength"] if self.perturb else []
        names += ["variations"] if self.variations else []
        settings: dict[str, Any] = {name: getattr(self, name) for name in names}
        checkpoint = None if self.checkpoint is None else str(self.checkpoint)
        if self.scenes is not None:
            settings["scenes"] = str(self.scenes)
        settings |= {"arm": asdict(self.arm)} if self.backend == ARM else {}
        settings |= drawing | {"tasks": self.names, "checkpoint": checkpoint, "command": command}
        return results_document(settings, results)

    def write(self, document: dict[str, Any]) -> Iterator[Path]:
        """Write what was asked for, and yield the path of each file."""
        if self.json is not None:
            write_json(self.json, document)
            yield self.json
        if self.report is not None and self._recorder is not None:
            recordings = self._recorder.recordings
            yield write_report(self.report, [document], recordings, demonstrations=self.demos)

    @cached_property
    def _make(self) -> PolicyFactory:
        names = ("checkpoint", "n_action_steps", "ensemble", "fit", "device", "drawing")
        settings = PolicySettings(**{name: getattr(self, name) for name in names})
        arm = self.arm if self.backend == ARM else None
        world = (self.backend, self.perturb, self.strength, self.tracking, arm)
        return PolicyFactory(self.policy, settings, *world)

    @cached_property
    def _starts(self) -> Starts | None:
        told = self.variations or self.scenes is not None
        return Starts(self.variations, self.scenes, self._played) if told else None

    @property
    def _played(self) -> bool:
        """Whether recordings are played in an arm's place."""
        return self.backend == ARM and self.arm.driver == REPLAY

    @cached_property
    def _recorder(self) -> Recorder | None:
        return None if self.report is None else Recorder(self.policy)
