"""What the steps of recipes do: one function a kind of configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genima_lite import locks
from genima_lite.controller.run import ControllerRunConfig, train_controller
from genima_lite.demos.collect import collect
from genima_lite.demos.record import RecordConfig, Recorder
from genima_lite.diffusion.finetune import FinetuneConfig, finetune
from genima_lite.diffusion.pretrain import PretrainConfig, pretrain
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._report import ReportConfig, write_report
from genima_lite.recipes._split import SplitConfig, split
from genima_lite.training import checkpoint

Report = Callable[[str, int, int, float | None], None]
"""Called as `report(part, done, total, loss)`."""


def run_step(
    out: Path,
    config: Any,
    report: Report = lambda *_: None,
    max_minutes: float | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> Any:
    """Do what is not done yet of one step.

    Args:
        out: the step's folder.
        config: of any kind of step.
        report: told how far this is.
        max_minutes: of training in this call.
        device: of the networks.
        workers: processes that make batches.

    Returns:
        `genima_lite.training.result.Result` of a training, `None` of anything else.

    Raises:
        UserError: `out` was made from something else, another process works in it, or a
            configuration cannot work.
    """
    if isinstance(config, CollectConfig):
        return _collect(out, config, report)
    if isinstance(config, RecordConfig):
        return _record(out, config, report)
    with locks.writing(out, below=True):
        if isinstance(config, SplitConfig):
            return split(out, config, report)
        if isinstance(config, ReportConfig):
            return write_report(out, config, report)
        how = (max_minutes, report, device, workers)
        if isinstance(config, PretrainConfig):
            return pretrain(out, config, *how)
        if isinstance(config, FinetuneConfig):
            return finetune(out, config, *how, pilot("genima", config.dagger_by))
        if isinstance(config, ControllerRunConfig):
            policy = "genima" if config.network.spheres else "act"
            return train_controller(out, config, *how, pilot(policy, config.dagger_by))
    raise TypeError(f"no step is configured by a {type(config).__name__}")


def kept(out: Path) -> str:
    """Return a sentence on what a training that is stopped has kept, and how it goes on."""
    found = sorted(out.rglob(checkpoint.FILE), key=lambda path: path.stat().st_mtime)
    if not found:
        return f"{out}: no checkpoint yet; data made so far are kept, the same command goes on"
    step = checkpoint.saved_step(found[-1])
    return f"{found[-1]}: kept; the same command goes on from step {step}"


def pilot(policy: str, folder: str | None) -> PolicyFactory | None:
    """Return what makes the policy that acts in DAgger rollouts, `None` where there are none."""
    return None if folder is None else PolicyFactory(policy, PolicySettings(Path(folder)))


def _collect(out: Path, config: CollectConfig, report: Report) -> None:
    made = collect(out, config.tasks, config.episodes, config.settings)
    for done, _ in enumerate(made, 1):
        report("collecting", done, config.total, None)


def _record(out: Path, config: RecordConfig, report: Report) -> None:
    recorder = Recorder(out, config)
    list(recorder.rescued())
    for done, _ in enumerate(recorder.run(), 1):
        report("collecting", done, config.total, None)
