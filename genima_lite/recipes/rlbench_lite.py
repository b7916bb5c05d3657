"""The recipe `rlbench-lite`: both stages on demonstrations that RLBench made.

    genima-lite train rlbench-lite --demos DIR --out OUT

DIR is any folder in RLBench's layout. Its tasks are learned from all but the last tenth of each
task's demonstrations, on which the step `report` measures. The diffusion model begins from
`mini-turbo`, the controller from the shipped one; it also learns from generated motions over
RLBench's postures, from what the diffusion model draws, and from demonstrations of the bench, so
that it does not forget those. From demonstrations without pictures the controller learns alone.
A task with a single demonstration is learned from it and not measured; where all tasks are like
that, drawings are measured on what they were learned from, and the report says so.

Estimated from measured rates, not run to its end: five hours on two cores, three of them for the
diffusion model, or half an hour on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from genima_lite.controller.run import ControllerRunConfig, FollowingMixture
from genima_lite.demos.split import HELD_OUT, PICTURES, STATES, TRAIN, pieces, stored_in
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.envs.rlbench.catalogue import VARIATIONS
from genima_lite.errors import UserError
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._report import ReportConfig
from genima_lite.recipes._split import SplitConfig
from genima_lite.recipes._tasks import TASKS as BENCH_TASKS
from genima_lite.recipes.api import Recipe
from genima_lite.recipes.mini_turbo import VIEW_SIZE
from genima_lite.shipped import shipped
from genima_lite.training.config import TrainingConfig

TASKS = tuple(sorted(VARIATIONS))
"""Stand in for those of the folder until it is looked at."""

WITH_PICTURES, WITHOUT = f"data/{PICTURES}/{TRAIN}", f"data/{STATES}/{TRAIN}"
BENCH_DEMOS = "bench"


def _bench() -> CollectConfig:
    return CollectConfig(BENCH_TASKS, episodes=24, image_size=VIEW_SIZE, recovery=0.5)


def _diffusion() -> FinetuneConfig:
    training = TrainingConfig(
        steps=15_000, batch_size=16, final_rate=0.1, weight_decay=0.01, ema=0.995, precision="auto"
    )
    return FinetuneConfig(
        base=str(shipped("mini-turbo")),
        tasks=TASKS,
        demos=(WITH_PICTURES,),
        frames_each=40,
        training=training,
    )


def _controller() -> ControllerRunConfig:
    training = TrainingConfig(
        steps=8000, batch_size=32, learning_rate=5e-4, warmup=100, save_every=200
    )
    return ControllerRunConfig(
        tasks=TASKS,
        demos=(WITH_PICTURES,),
        other_demos=(BENCH_DEMOS,),
        motions=4000,
        motions_of="both",
        drawings=4000,
        drawn_by="diffusion",
        mixture=FollowingMixture(
            motions=0.16, demonstrations=0.24, other_demonstrations=0.4, drawings=0.2
        ),
        begin=str(shipped("genima/controller")),
        training=training,
    )


@dataclass(frozen=True)
class RlbenchLite(Recipe):
    """Both stages of Genima on RLBench's demonstrations: give their folder with --demos."""

    name: ClassVar[str] = "rlbench-lite"
    version: ClassVar[int] = 2
    minutes: ClassVar[float] = 300
    makes: ClassVar[Mapping[str, str]] = {"genima": ".", "oracle": "controller"}
    backend: ClassVar[str] = "rlbench"

    demos: str = ""
    """Folder of demonstrations in RLBench's layout."""
    tasks: tuple[str, ...] = ()
    """Which of its tasks; none: all."""
    held_out: float = 0.1
    """Share of each task's demonstrations, the last ones, that nothing is trained on."""
    view_size: int = VIEW_SIZE
    """Pixels along each side of a view, 64 to 128; at 64 the controller begins from the shipped
    one."""
    data: SplitConfig = field(init=False)
    """What is learned from and what is held out; follows from the fields above."""
    bench: CollectConfig | None = field(default_factory=_bench)
    """Demonstrations of the bench for the controller, half of which begin beside the expert's path;
    there are none where `controller.mixture.other_demonstrations` is 0."""
    diffusion: FinetuneConfig | None = field(default_factory=_diffusion)
    """Stage 1: draws targets; there is none where no demonstration has pictures."""
    controller: ControllerRunConfig = field(default_factory=_controller)
    """Stage 2: follows them."""
    report: ReportConfig = field(init=False)
    """Measures both; follows from the others."""

    def __post_init__(self) -> None:
        base = self.diffusion.base if self.diffusion else None
        source = str(Path(self.demos).absolute()) if self.demos else ""
        data = SplitConfig(source, self.tasks, self.held_out, self.view_size, base)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "report", ReportConfig())

    def policies(self) -> Mapping[str, str]:
        """Return what it makes: without a diffusion model no Genima."""
        return {name: at for name, at in self.makes.items() if name == "oracle" or self.diffusion}

    def resolved(self) -> RlbenchLite:
        """Return the recipe for what is in the folder: its tasks, with or without pictures.

        Raises:
            UserError: no folder, or no demonstrations in it.
        """
        if not self.demos:
            raise UserError("rlbench-lite: give the folder of demonstrations with --demos")
        stored = stored_in(self.demos, self.tasks)
        folders = {piece.folder for piece in pieces(stored, self.held_out)}
        pictured = f"{PICTURES}/{TRAIN}" in folders
        tasks = tuple(sorted({each.task for each in stored}))
        seen = tuple(sorted({each.task for each in stored if each.pictures}))
        diffusion = self._diffusion(seen, folders) if pictured else None
        bench = self.bench if self.controller.mixture.other_demonstrations else None
        made = replace(self, bench=bench, diffusion=diffusion)
        made = replace(made, controller=made._controller(tasks, folders, pictured))
        object.__setattr__(made, "report", made._report(folders))
        return made

    def _diffusion(self, tasks: Sequence[str], folders: set[str]) -> FinetuneConfig | None:
        if self.diffusion is None:
            return None
        return replace(
            self.diffusion,
            tasks=tuple(tasks),
            view_size=self.view_size,
            held_out=_first(folders, PICTURES),
        )

    def _controller(
        self, tasks: Sequence[str], folders: set[str], pictured: bool
    ) -> ControllerRunConfig:
        config = self.controller
        changed: dict[str, Any] = {
            "tasks": tuple(tasks),
            "demos": tuple(
                at for at in (WITH_PICTURES, WITHOUT) if at.removeprefix("data/") in folders
            ),
            "held_out": _first(folders, PICTURES, STATES),
            "network": replace(config.network, image_size=self.view_size),
        }
        if self.bench is None:
            changed["other_demos"] = ()
        else:
            changed["tasks"] = tuple(sorted({*tasks, *self.bench.tasks}))
        if not pictured or self.diffusion is None:
            mixture = replace(config.mixture, drawings=0.0)
            changed |= {"drawings": 0, "drawn_by": None, "mixture": mixture}
        if self.view_size != VIEW_SIZE and config.begin == _controller().begin:
            changed["begin"] = None
        return replace(config, **changed)

    def _report(self, folders: set[str]) -> ReportConfig:
        pictured = self.diffusion is not None
        seen = pictured and f"{PICTURES}/{HELD_OUT}" not in folders
        pictures = f"data/{PICTURES}/{TRAIN if seen else HELD_OUT}"
        states = f"{STATES}/{HELD_OUT}"
        return ReportConfig(
            drawn_by="diffusion" if pictured else None,
            held_out=(pictures,) if pictured else (),
            held_out_states=(f"data/{states}",) if states in folders else (),
            trained_on=seen,
            compared=self.controller.begin,
        )


def _first(folders: set[str], *kinds: str) -> str | None:
    """Return the folder of the first kind of which something is held out."""
    found = (f"{kind}/{HELD_OUT}" for kind in kinds if f"{kind}/{HELD_OUT}" in folders)
    return next((f"data/{each}" for each in found), None)
