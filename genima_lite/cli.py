"""The command `genima-lite`: parse, call, print."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from genima_lite.errors import UserError
from genima_lite.files import write_json

Folder = Annotated[Path, tyro.conf.Positional]
T = TypeVar("T")
console = Console()


def doctor() -> int:
    """Check this machine and say how to mend what is missing."""
    from genima_lite.doctor import main

    return main()


def collect(
    out: Path,
    tasks: str = "all",
    episodes: int = 50,
    seed: int = 0,
    workers: int = 1,
    image_size: int = 128,
    variations: str = "all",
    recovery: float = 0.0,
    recovery_by: str = "noise",
    checkpoint: Path | None = None,
) -> int:
    """Record the expert's demonstrations in RLBench's layout.

    Killed and started again with the same arguments, it finishes the set.

    Args:
        out: the dataset's folder.
        tasks: task names with commas, or all.
        episodes: episodes a task, dealt round over its variations.
        seed: the same seed gives the same data.
        workers: processes.
        image_size: pixels along each side of a picture.
        variations: numbers with commas, or all.
        recovery: share of episodes that start with the arm beside the expert's path, to teach the
            way back.
        recovery_by: what leads it there: noise, or a policy such as genima, which decides a few
            times before the expert takes over.
        checkpoint: folder of that policy; by default the shipped one.
    """
    from genima_lite.datasets.recovery_starts import NoiseLeads, PolicyLeads
    from genima_lite.demos.collect import CollectSettings, MakeLead, collect, plan_jobs
    from genima_lite.policies.api import PolicyFactory, PolicySettings

    lead: MakeLead = NoiseLeads()
    if recovery_by != "noise":
        lead = PolicyLeads(PolicyFactory(recovery_by, PolicySettings(checkpoint)))
    settings = CollectSettings(seed, image_size, _variations(variations), recovery, lead)
    names = _tasks(tasks)
    total = len(plan_jobs(names, episodes, settings))
    results = collect(out, names, episodes, settings, workers)
    done = list(_progress(results, total, "collecting"))
    new = [result for result in done if result is not None]
    console.print(f"{out}: {total} episodes, {len(new)} of them new")
    for result in new:
        if result.unsolved_seeds:
            console.print(f"the expert could not solve {result.job}: {result.unsolved_seeds}")
    return 0


def replay(folder: Folder) -> int:
    """Execute the stored actions of every episode again and count the successes.

    Args:
        folder: a dataset made by collect.
    """
    from genima_lite.demos.layout import iterate_episodes
    from genima_lite.demos.replay import replay

    total = sum(1 for _ in iterate_episodes(folder))
    results = list(_progress(replay(folder), total, "replaying"))
    failed = [result for result in results if not result.success]
    worst = max((result.deviation for result in results), default=0.0)
    for result in failed:
        console.print(f"failed: {result.episode.path}")
    console.print(f"{total - len(failed)} of {total} succeed; largest deviation {worst:.1e} rad")
    return 0 if results and not failed else 1


def inspect(folder: Folder, json: bool = False) -> int:
    """Say what a dataset in RLBench's layout holds and what is wrong with it.

    Args:
        folder: the dataset's root, ours or RLBench's.
        json: print JSON instead of text.
    """
    from json import dumps

    from genima_lite.demos.inspection import inspect_dataset
    from genima_lite.demos.inspection_text import render_report

    report = inspect_dataset(folder)
    print(dumps(report, indent=1) if json else render_report(report))
    return 1 if report["problems"] else 0


def view(
    folder: Folder,
    task: str | None = None,
    variation: int | None = None,
    episode: int | None = None,
    out: Path = Path("."),
) -> int:
    """Draw an episode: a filmstrip with its joint curves (PNG), and a video (MP4).

    Args:
        folder: the dataset's root, ours or RLBench's.
        task: a task in it; by default the first.
        variation: its number, -1 for all_variations; by default the first.
        episode: its number; by default the first.
        out: where both files go, named after the episode; by default the current folder.
    """
    from genima_lite.viz.episode import draw_episode, find_episode

    found = find_episode(folder, task, variation, episode)
    for path in draw_episode(found.path, out):
        print(path)
    return 0


def evaluate(
    policy: str = "expert",
    tasks: str = "all",
    episodes: int = 20,
    seed: int = 1000,
    json: Path | None = None,
    checkpoint: Path | None = None,
    n_action_steps: int | None = None,
    ensemble: bool = False,
    report: Path | None = None,
    demos: Path | None = None,
    keep_going: bool = False,
) -> int:
    """Run a policy in closed loop and print its success rates.

    Args:
        policy: expert, random, genima, oracle or act.
        tasks: task names with commas, or all.
        episodes: episodes a task, dealt round over its variations.
        seed: episode i runs with environment seed 2 (seed + i) + 1; training seeds are even.
        json: also write the results to this file.
        checkpoint: folder of a trained policy; by default the one in data/.
        n_action_steps: how many of a trained policy's K actions to execute a decision; by default
            all.
        ensemble: let a trained policy decide at every step and average its decisions.
        report: also write a page with figures and films into this folder.
        demos: demonstrations made by collect, for the report: where their pieces stood.
        keep_going: list an episode that ends with an error apart, and go on, instead of stopping.
    """
    from genima_lite.evaluation.rollout import evaluate
    from genima_lite.evaluation.statistics import results_document, summarize
    from genima_lite.policies.api import PolicyFactory, PolicySettings

    names, recorder = _tasks(tasks), None
    chosen = PolicySettings(checkpoint, n_action_steps, ensemble)
    if report is not None:
        from genima_lite.evaluation.recording import Recorder

        recorder = Recorder(policy)
    make = PolicyFactory(policy, chosen)
    runs = evaluate(make, names, episodes, seed, recorder, keep_going)
    results = list(_progress(runs, len(names) * episodes, policy))
    console.print(_success_table(policy, summarize(results)))
    settings = {"policy": policy, "tasks": names, "episodes": episodes, "seed": seed}
    settings |= {
        "checkpoint": str(checkpoint),
        "n_action_steps": n_action_steps,
        "ensemble": ensemble,
    }
    settings["command"] = shlex.join(["genima-lite", *sys.argv[1:]])
    document = results_document(settings, results)
    if json is not None:
        write_json(json, document)
    if report is not None and recorder is not None:
        from genima_lite.evaluation.report import write_report

        page = write_report(report, [document], recorder.recordings, demonstrations=demos)
        console.print(str(page), soft_wrap=True)
    return 0


def train_controller(
    out: Path,
    preset: str = "lite",
    demos: tuple[Path, ...] = (),
    held_out: Path | None = None,
    drawn_by: Path | None = None,
    begin: Path | None = None,
    drawings: int = 5000,
    view_size: int | None = None,
    perturbed_states: int = 0,
    dagger: int = 0,
    dagger_by: Path | None = None,
    steps: int = 2000,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    seed: int = 0,
    max_minutes: float | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> int:
    """Train a controller; killed and started again with the same arguments, it goes on.

    Args:
        out: the controller's folder.
        preset: lite, lite-rgb, wide-rgb, resnet18-rgb or paper.
        demos: demonstrations made by collect, one folder or several; without, only generated
            motions.
        held_out: other demonstrations to validate on.
        drawn_by: for a controller that follows drawings, folder that train-diffusion wrote; what it
            draws at decisions of demonstrations, perturbed states and DAgger rollouts is learned
            from as well.
        begin: folder of a controller to go on from.
        drawings: decisions of the demonstrations at which drawn_by draws, at most.
        view_size: pixels along each side of a view; by default the preset's.
        perturbed_states: single decisions beside them in new scenes of all tasks.
        dagger: decisions to which a trained policy comes by itself (DAgger).
        dagger_by: folder of that Genima or baseline; by default the one in data/.
        steps: training steps.
        batch_size: samples a step.
        learning_rate: the paper preset wants 1e-5.
        seed: the same seed gives the same controller.
        max_minutes: stop after so many and save.
        device: cpu, or cuda for a GPU.
        workers: processes that make batches beside the training; a GPU waits without any.
    """
    from genima_lite.controller.config import preset as sizes
    from genima_lite.controller.keypoint_pretraining import KeypointPretraining
    from genima_lite.controller.run import (
        ControllerRunConfig,
        FollowingMixture,
        train_controller,
    )
    from genima_lite.policies.api import PolicyFactory, PolicySettings
    from genima_lite.shipped import shipped
    from genima_lite.training.config import TrainingConfig

    network = sizes(preset, view_size)
    name = "genima" if network.spheres else "act"
    by = (dagger_by or shipped(name)) if dagger else None
    drawn = drawings if drawn_by is not None and demos else 0
    mixture = FollowingMixture(
        motions=float(network.spheres),
        demonstrations=float(bool(demos)),
        drawings=float(drawn > 0),
        perturbed_states=float(perturbed_states > 0),
        dagger=float(dagger > 0),
    )
    config = ControllerRunConfig(
        network=network,
        tasks=tuple(_tasks("all")),
        demos=tuple(map(str, demos)),
        held_out=None if held_out is None else str(held_out),
        drawings=drawn,
        perturbed_states=perturbed_states,
        dagger=dagger,
        dagger_by=None if by is None else str(by),
        drawn_by=None if drawn_by is None else str(drawn_by),
        mixture=mixture,
        begin=None if begin is None else str(begin),
        keypoint_pretraining=KeypointPretraining() if network.spheres else None,
        training=TrainingConfig(steps, batch_size, 1, learning_rate, warmup=50, seed=seed),
        seed=seed,
    )
    pilot = None if by is None else PolicyFactory(name, PolicySettings(by))
    with _training_bars() as report:
        result = train_controller(out, config, max_minutes, report, device, workers, pilot)
    console.print(f"{out}: {result.steps} of {steps} steps")
    return 0


def pretrain_base(
    out: Path,
    preset: str = "lite",
    tasks: str = "all",
    pictures: int = 2048,
    view_size: int = 64,
    steps: int = 1200,
    even_steps: int = 600,
    seed: int = 0,
    max_minutes: float | None = None,
    device: str = "cpu",
) -> int:
    """Make the base model that draws pictures of the bench: random scenes, then training.

    Killed or out of time and started again with the same arguments, it goes on.

    Args:
        out: the model's folder, in Stable Diffusion's format.
        preset: lite, small or tiny.
        tasks: whose pieces appear in the scenes; names with commas, or all.
        pictures: how many random scenes.
        view_size: pixels along each side of a view; the tiled picture is twice as large.
        steps: training steps in which what a caption names weighs more than the rest.
        even_steps: further steps, in which all weighs the same.
        seed: of scenes, weights and training.
        max_minutes: of training in this call.
        device: cpu or cuda.
    """
    from dataclasses import replace

    from genima_lite.diffusion.base import preset as sizes
    from genima_lite.diffusion.pretrain import PretrainConfig, pretrain
    from genima_lite.training.precision import fast_precision

    config = PretrainConfig(tuple(_tasks(tasks)), even_steps=even_steps, pictures=pictures)
    training = replace(config.training, steps=steps, precision=fast_precision(device), seed=seed)
    base = replace(sizes(preset, 2 * view_size), seed=seed)
    config = replace(config, base=base, training=training, seed=seed)
    with _training_bars() as report:
        result = pretrain(out, config, max_minutes, report, device)
    console.print(f"{out}: {result.steps} steps, {result.weights / 1e6:.1f} M weights")
    return 0


def train_diffusion(
    out: Path,
    base: str,
    demos: tuple[Path, ...],
    tasks: str = "all",
    adapter: str = "up-blocks",
    held_out: Path | None = None,
    frames_each: int = 20,
    grounding: int = 0,
    perturbed_states: int = 0,
    dagger: int = 0,
    dagger_by: Path | None = None,
    steps: int = 600,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    seed: int = 0,
    max_minutes: float | None = None,
    device: str = "cpu",
    precision: str = "auto",
) -> int:
    """Teach a base model to draw joint targets, from demonstrations.

    Killed or out of time and started again with the same arguments, it goes on.

    Args:
        out: the model's folder, in Stable Diffusion's format.
        base: folder of the base model, or a model id of the hub, such as stabilityai/sd-turbo.
        demos: demonstrations made by collect, one folder or several, views half as large as the
            tiled picture.
        tasks: names with commas, or all.
        adapter: frozen, up-blocks, unet-lora, controlnet-lora or concat.
        held_out: other demonstrations, on which drawings are scored every 200 steps.
        frames_each: frames of each demonstration.
        grounding: further pictures in which the thing that the prompt names is painted.
        perturbed_states: further decisions, the arm set down beside the expert's way in new scenes.
        dagger: further decisions, to which a trained Genima comes by itself (DAgger).
        dagger_by: folder of that Genima; by default the one in data/.
        steps: training steps.
        batch_size: pictures a step.
        learning_rate: SD-Turbo wants 1e-5.
        seed: of the choice of frames, and of training.
        max_minutes: of training in this call.
        device: cpu or cuda.
        precision: float32, bfloat16, or auto: whichever the processor is faster with.
    """
    from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig, finetune
    from genima_lite.diffusion.train import AdapterConfig
    from genima_lite.policies.api import PolicyFactory, PolicySettings
    from genima_lite.shipped import shipped
    from genima_lite.training.config import TrainingConfig
    from genima_lite.training.precision import fast_precision

    by = (dagger_by or shipped("genima")) if dagger else None
    present = (bool(demos), perturbed_states > 0, dagger > 0, grounding > 0)
    training = TrainingConfig(
        steps,
        batch_size,
        1,
        learning_rate,
        final_rate=0.1,
        weight_decay=0.01,
        ema=0.995,
        precision=fast_precision(device) if precision == "auto" else precision,
        seed=seed,
    )
    config = FinetuneConfig(
        base,
        tuple(_tasks(tasks)),
        tuple(map(str, demos)),
        None if held_out is None else str(held_out),
        frames_each=frames_each,
        perturbed_states=perturbed_states,
        dagger=dagger,
        dagger_by=None if by is None else str(by),
        grounding=grounding,
        mixture=DrawingMixture(*map(float, present)),
        adapter=AdapterConfig(adapter),
        training=training,
        seed=seed,
    )
    pilot = None if by is None else PolicyFactory("genima", PolicySettings(by))
    with _training_bars() as report:
        result = finetune(out, config, max_minutes, report, device, pilot=pilot)
    console.print(f"{out}: {result.steps} of {steps} steps, {result.weights / 1e6:.1f} M weights")
    return 0


def score(
    demos: Path,
    checkpoint: Path | None = None,
    tasks: str = "all",
    json: Path | None = None,
    picture: Path | None = None,
) -> int:
    """Draw the targets of held-out demonstrations and measure how far off the spheres are.

    Args:
        demos: demonstrations that the model was not trained on.
        checkpoint: folder that train-diffusion wrote; by default the one in data/.
        tasks: names with commas, or all.
        json: also write the numbers to this file.
        picture: also write this PNG: seen, drawn, true, side by side.
    """
    from dataclasses import asdict

    from PIL import Image

    from genima_lite.datasets.demonstrations import read_demos
    from genima_lite.diffusion.agent import DiffusionAgent
    from genima_lite.diffusion.validate import (
        decision_examples,
        score_drawings,
        validation_picture,
    )
    from genima_lite.shipped import shipped

    agent = DiffusionAgent.load(checkpoint or shipped("genima/diffusion"))
    examples = decision_examples(read_demos(demos, _tasks(tasks)))
    result, drawings = score_drawings(agent, examples)
    low, high = result.misses_interval
    console.print(
        f"{result.frames} decisions, {result.spheres} spheres in the fixed views: median "
        f"{result.pixels:.2f} pixels off, {result.misses:.1%} missed ({low:.1%} to {high:.1%}; "
        f"{result.misses_shown:.1%} of those of which half or more shows, {result.misses_rims:.1%} "
        f"of the others), gripper's colour right {result.gripper:.1%}, "
        f"gripper {result.millimetres:.0f} mm off in space"
    )
    for joint, pixels in result.by_joint.items():
        console.print(f"{joint}: {pixels:.2f} pixels")
    if json is not None:
        write_json(json, asdict(result))
    if picture is not None:
        Image.fromarray(validation_picture(examples, drawings, 8)).save(picture)
    return 0


def reproduce(out: Path = Path("runs/reproduce")) -> int:
    """Run the whole pipeline on three tasks: demonstrations, both stages, a baseline, a report.

    25 minutes on two cores. Killed and started again it goes on.

    Args:
        out: folder of everything that is made.
    """
    from genima_lite.recipes.reproduce import Plan, reproduce

    return _show_report(reproduce(out, Plan()))


def demo(out: Path = Path("runs/demo"), episodes: int = 4) -> int:
    """Let the trained policies of data/ do all tasks, and write a report with films.

    Args:
        out: folder of the report.
        episodes: a task and policy.
    """
    from genima_lite.recipes.reproduce import demo

    return _show_report(demo(out, episodes))


def _show_report(page: Path) -> int:
    """Print the success rates in a report's folder and where its page is."""
    from json import loads

    results = loads((page.parent / "results.json").read_text(encoding="utf-8"))
    for policy, document in results["policies"].items():
        console.print(_success_table(policy, document["summary"]))
    console.print(f"open {page.resolve()} in a browser", soft_wrap=True)
    return 0


COMMANDS: dict[str, Callable[..., Any]] = {
    "doctor": doctor,
    "collect": collect,
    "replay": replay,
    "inspect": inspect,
    "view": view,
    "pretrain-base": pretrain_base,
    "train-diffusion": train_diffusion,
    "train-controller": train_controller,
    "score": score,
    "eval": evaluate,
    "reproduce": reproduce,
    "demo": demo,
}


def main() -> None:
    """Run the command line; wrong input ends with a sentence and exit code 2."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # else it remarks on torchvision
    try:
        sys.exit(tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="genima-lite"))
    except UserError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)


def _tasks(names: str) -> list[str]:
    """Return task names from `all` or a list with commas.

    Raises:
        UserError: an unknown name.
    """
    from genima_lite.envs.api import check_task, task_names

    if names == "all":
        return task_names()
    return [check_task(name.strip()) for name in names.split(",")]


def _variations(numbers: str) -> tuple[int, ...] | None:
    """Return variation numbers from a list with commas, `None` for `all`.

    Raises:
        UserError: not numbers.
    """
    if numbers == "all":
        return None
    try:
        return tuple(int(number) for number in numbers.split(","))
    except ValueError:
        raise UserError(f"--variations is '{numbers}'; give numbers as 0,2 or all") from None


def _progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Show a progress bar on stderr while passing items on."""
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        job = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(job)


@contextmanager
def _training_bars() -> Iterator[Callable[[str, int, int, float | None], None]]:
    """Give what shows a bar of each stage of a training; in a file, a line every 50 steps."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        rows: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int, loss: float | None) -> None:
            said = stage if loss is None else f"{stage}, loss {loss:.4f}"
            if stage not in rows:
                rows[stage] = bars.add_task(said, total=total)
            bars.update(rows[stage], completed=done, description=said)
            if not bars.console.is_terminal and done % 50 == 0:
                console.print(f"{said}: {done} of {total}")

        yield report


def _success_table(policy: str, summary: dict) -> Table:
    """Return the table of success rates that `summarize` gave."""
    table = Table(title=f"success of '{policy}', 95 % Wilson intervals, median steps")
    table.add_column("task", no_wrap=True, min_width=max(map(len, summary)))
    rare = [name for name in ("refused", "errors") if any(row[name] for row in summary.values())]
    for heading in ("success", "n", "rate", "interval", "steps", *rare):
        table.add_column(heading, justify="right", no_wrap=True)
    for task, row in summary.items():
        table.add_row(task, *_success_cells(row), *(str(row[name]) for name in rare))
    return table


def _success_cells(row: dict) -> list[str]:
    """Return a task's counts and rates; episodes that ended with an error are not in n."""
    counts = [str(row["successes"]), str(row["n"])]
    if not row["n"]:
        return [*counts, "–", "–", "–"]
    low, high = row["interval_95"]
    return [*counts, f"{row['rate']:.1%}", f"{low:.1%} to {high:.1%}", f"{row['median_steps']:.0f}"]
