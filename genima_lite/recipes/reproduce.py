"""The whole pipeline with one command: demonstrations, both stages, a baseline, a report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genima_lite.controller.keypoint_pretraining import KeypointPretraining
from genima_lite.datasets.shards import shards_for
from genima_lite.envs.api import check_task, task_names
from genima_lite.errors import UserError
from genima_lite.evaluation.episode_store import EpisodeStore, provenance
from genima_lite.evaluation.recording import Recorder
from genima_lite.evaluation.report import write_report
from genima_lite.evaluation.rollout import evaluate
from genima_lite.evaluation.statistics import results_document
from genima_lite.files import write_json
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.recipes.stages import Report, Stage, run_stages
from genima_lite.shipped import fingerprint, shipped
from genima_lite.training.config import TrainingConfig

if TYPE_CHECKING:
    from genima_lite.diffusion.finetune import FinetuneConfig

HELD_OUT_SEED = 5000
"""Seed of the demonstrations on which training is watched."""

VIEW_SIZE = 64
"""Pixels along each side of a view: what mini-turbo draws."""

DRAWING_RATE, FOLLOWING_RATE = 2e-3, 3e-3
"""Learning rates of the two stages: for so short a time, higher ones than usual."""

COMPARED = ("expert", "oracle", "genima", "act")
"""Policies in a report, best informed first."""


@dataclass(frozen=True)
class Plan:
    """What `make reproduce` does; the defaults take 25 minutes on two cores of a laptop.

    Time is short, and all three networks would still improve. So the diffusion model sees views as
    they are, without crops and other colours, and noise alone, from which it draws in closed loop.
    """

    tasks: tuple[str, ...] = ("push_button", "lamp_on", "take_lid_off_saucepan")
    """What is learned."""
    demos: int = 60
    """Demonstrations a task."""
    recovery: float = 0.5
    """Share of them that begin beside the expert's path."""
    perturbed_states: int = 1800
    """Perturbed states beside them, for the ControlNet."""
    held_out: int = 4
    """Further demonstrations a task, for learning curves."""
    diffusion_steps: int = 3300
    """Of the ControlNet, 8 pictures each."""
    controller_steps: int = 500
    """Of the controller."""
    keypoint_pretraining: KeypointPretraining = field(
        default_factory=lambda: KeypointPretraining(
            30_000, TrainingConfig(6000, 128, 1, 3e-3, warmup=0, ema=0.0, save_every=3000)
        )
    )
    """The controller's first keypoint_pretraining, without pictures."""
    act_steps: int = 1800
    """Of the baseline: until its error on held-out demonstrations hardly falls."""
    episodes: int = 20
    """Evaluation episodes a task and policy."""
    seed: int = 0
    """Of demonstrations and training."""
    evaluation: int = 1000
    """Base of the evaluation seeds."""

    def __post_init__(self) -> None:
        for task in self.tasks:
            check_task(task)
        numbers = (self.demos, self.held_out, self.episodes)
        if not self.tasks or min(*numbers, self.diffusion_steps, self.controller_steps) < 1:
            raise UserError("reproduce needs tasks, demonstrations, steps and episodes")


def reproduce(out: Path, plan: Plan) -> Path:
    """Do everything that is not done yet and return the report's path.

    Killed and started again with the same plan it goes on.

    Raises:
        UserError: `out` holds a run of another plan, or mini-turbo is not there.
    """
    _claim(out, plan)
    run_stages(_stages(out, plan))
    documents, recordings = _evaluations(out / "evaluation", COMPARED, plan)
    training = {"minutes": _minutes(out), "curves": _curves(out)}
    return write_report(out, documents, recordings, training, out / "demos")


def demo(out: Path, episodes: int = 4, seed: int = 1000) -> Path:
    """Let the shipped policies do all tasks and return the report's path.

    Episodes of other weights than today's are kept beside, and not shown.

    Raises:
        UserError: nothing is shipped with this installation, or `out` holds another demo.
    """
    plan = Plan(tasks=tuple(task_names()), episodes=episodes, evaluation=seed)
    _claim(out, plan)
    done, shown = out / fingerprint("genima", "act"), ("oracle", "genima", "act")
    run_stages([_evaluation(done, plan, policy, task) for task in plan.tasks for policy in shown])
    return write_report(out, *_evaluations(done / "evaluation", shown, plan))


def _claim(out: Path, plan: Plan) -> None:
    """Write down what is done here, or refuse if it is something else."""
    path, wanted = out / "plan.json", json.loads(json.dumps(asdict(plan)))
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))) != wanted:
        different = next(name for name in wanted if found.get(name) != wanted[name])
        raise UserError(
            f"{out} holds a run with {different} = {found.get(different)}, not "
            f"{wanted[different]}; delete it or give another folder with --out"
        )
    write_json(path, wanted)


def _stages(out: Path, plan: Plan) -> list[Stage]:
    """Return all stages with the minutes that they take on one core of a laptop."""
    collect = [
        Stage(f"collect {task}", _collect, (out, plan, task), 0.02 * plan.demos, ())
        for task in plan.tasks
    ]
    collected = tuple(stage.name for stage in collect)
    following = 2.5 + 0.011 * plan.controller_steps
    drawing = 0.0056 * plan.diffusion_steps
    trained = [
        Stage("moments", _draw_moments, (out, plan), 0.0011 * plan.perturbed_states),
        Stage("diffusion", _train_diffusion, (out, plan), drawing, (*collected, "moments")),
        Stage("controller", _train_controller, (out, plan), following, collected),
        Stage("act", _train_act, (out, plan), 0.0067 * plan.act_steps, collected),
    ]
    needs = {"genima": ("diffusion", "controller"), "oracle": ("controller",), "act": ("act",)}
    tested = [
        _evaluation(out, plan, policy, task, needs.get(policy, ()))
        for policy in COMPARED
        for task in plan.tasks
    ]
    return [*collect, *trained, *tested]


def _evaluation(
    out: Path, plan: Plan, policy: str, task: str, needs: tuple[str, ...] = ()
) -> Stage:
    minutes = plan.episodes * (0.005 if policy == "expert" else 0.03)
    checkpoint = {"genima": out / "genima", "oracle": out / "genima/controller", "act": out / "act"}
    folder = checkpoint.get(policy) if needs else None
    name = f"{policy}: {task}"
    return Stage(name, _evaluate, (out / "evaluation", plan, policy, task, folder), minutes, needs)


def _collect(out: Path, plan: Plan, task: str, report: Report) -> None:
    """Record a task's demonstrations, and those that are held out."""
    from genima_lite.datasets.recovery_starts import NoiseLeads
    from genima_lite.demos.collect import CollectSettings, collect

    total, done = plan.demos + plan.held_out, 0
    for folder, count, seed, recovery in (
        ("demos", plan.demos, plan.seed, plan.recovery),
        ("held_out", plan.held_out, HELD_OUT_SEED + plan.seed, 0.0),
    ):
        for _ in collect(
            out / folder,
            [task],
            count,
            CollectSettings(seed, VIEW_SIZE, None, recovery, NoiseLeads()),
        ):
            done += 1
            report(done, total)


def _draw_moments(out: Path, plan: Plan, report: Report) -> None:
    """Draw single decisions where the fine-tuning looks for them."""
    from genima_lite.diffusion.finetune import draw_perturbed_states

    files = draw_perturbed_states(out / "genima/diffusion", _finetuning(out, plan))
    for number, _ in enumerate(files, 1):
        report(number, shards_for(plan.perturbed_states))


def _train_diffusion(out: Path, plan: Plan, report: Report) -> None:
    """Fine-tune mini-turbo to draw targets."""
    from genima_lite.diffusion.finetune import finetune

    config = _finetuning(out, plan)
    finetune(out / "genima/diffusion", config, report=_only_training(report))


def _only_training(report: Report) -> Callable[[str, int, int, float | None], None]:
    def watch(stage: str, done: int, total: int, _: float | None) -> None:
        if stage == "training":
            report(done, total)

    return watch


def _finetuning(out: Path, plan: Plan) -> FinetuneConfig:
    from genima_lite.diffusion.augment import AugmentConfig
    from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig
    from genima_lite.diffusion.step import StepConfig
    from genima_lite.diffusion.train import AdapterConfig
    from genima_lite.training.precision import fast_precision

    training = TrainingConfig(
        steps=plan.diffusion_steps,
        batch_size=8,
        learning_rate=DRAWING_RATE,
        final_rate=0.1,
        weight_decay=0.01,
        ema=0.995,
        precision=fast_precision(),
        seed=plan.seed,
        save_every=300,
        validate_every=800,
    )
    return FinetuneConfig(
        base=str(shipped("mini-turbo")),
        tasks=plan.tasks,
        demos=(str(out / "demos"),),
        held_out=str(out / "held_out"),
        view_size=VIEW_SIZE,
        frames_each=40,
        perturbed_states=plan.perturbed_states,
        mixture=DrawingMixture(demonstrations=0.8, perturbed_states=0.2),
        augment=AugmentConfig(share=0),
        adapter=AdapterConfig(step=StepConfig(noise_power=3000)),
        training=training,
        seed=plan.seed,
    )


def _train_controller(out: Path, plan: Plan, report: Report) -> None:
    """Train the controller that follows targets."""
    training = TrainingConfig(
        plan.controller_steps, learning_rate=FOLLOWING_RATE, warmup=50, seed=plan.seed
    )
    _train_act_network(out, plan, "genima/controller", "lite", training, report)


def _train_act(out: Path, plan: Plan, report: Report) -> None:
    """Train the baseline."""
    training = TrainingConfig(plan.act_steps, warmup=50, seed=plan.seed)
    _train_act_network(out, plan, "act", "lite-rgb", training, report)


def _train_act_network(
    out: Path, plan: Plan, folder: str, name: str, training: TrainingConfig, report: Report
) -> None:
    from genima_lite.controller.config import preset
    from genima_lite.controller.run import (
        ControllerRunConfig,
        FollowingMixture,
        train_controller,
    )

    network = preset(name)
    config = ControllerRunConfig(
        network=network,
        demos=(str(out / "demos"),),
        held_out=str(out / "held_out"),
        mixture=FollowingMixture(motions=float(network.spheres), demonstrations=1.0),
        keypoint_pretraining=plan.keypoint_pretraining if network.spheres else None,
        training=training,
        seed=plan.seed,
    )
    train_controller(out / folder, config, report=_only_training(report))


def _evaluate(
    out: Path, plan: Plan, policy: str, task: str, checkpoint: Path | None, report: Report
) -> None:
    """Run a policy's episodes of a task, unless they are there already."""
    episodes, make = EpisodeStore(out), PolicyFactory(policy, PolicySettings(checkpoint))
    made_from = provenance(make, task, plan.episodes, plan.evaluation)
    if episodes.holds(policy, task, made_from):
        return
    recorder, results = Recorder(policy, each=1), []
    for result in evaluate(make, [task], plan.episodes, plan.evaluation, recorder):
        results.append(result)
        report(len(results), plan.episodes)
    episodes.keep(policy, task, made_from, results, recorder.recordings)


def _evaluations(
    folder: Path, policies: Sequence[str], plan: Plan
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the document of each policy, and all recordings."""
    documents, recordings = [], []
    for policy in policies:
        results = []
        for task in plan.tasks:
            episodes, recorded = EpisodeStore(folder).load(policy, task)
            results += episodes
            recordings += recorded
        settings = {"policy": policy, "tasks": list(plan.tasks), "episodes": plan.episodes}
        settings |= {"seed": plan.evaluation}
        documents.append(results_document(settings, results))
    return documents, recordings


def _minutes(out: Path) -> dict[str, float]:
    """Return the minutes of each training, from the logs' own clocks."""
    from genima_lite.training.curves import minutes

    return {name: minutes(folder) for name, folder in _logs(out).items()}


def _curves(out: Path) -> list[dict[str, Any]]:
    """Return the learning curves on held-out demonstrations."""
    from genima_lite.training.curves import curve

    tags = {"diffusion": "validation/pixels", "controller": "validation/joint_error"}
    panels = {"validation/pixels": "spheres, pixels", "validation/joint_error": "joints, radians"}
    curves = []
    for name, folder in _logs(out).items():
        tag = tags.get(name, "validation/joint_error")
        x, y = curve(folder, tag)
        curves.append({"label": name, "x": x, "y": y, "panel": panels[tag]})
    return curves


def _logs(out: Path) -> dict[str, Path]:
    return {
        "diffusion": out / "genima/diffusion/logs",
        "controller": out / "genima/controller/logs",
        "act": out / "act/logs",
    }
