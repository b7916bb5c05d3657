"""What each command does. A function here imports what its command needs and returns it; the
returned function's arguments are the command's options.

A configuration that is marked `FLAT` gives one option a field, nested ones with dots; nothing is
typed twice.
"""

import shlex
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import tyro

from genima_lite.console import (
    console,
    progress,
    robustness_table,
    say,
    success_table,
    training_bars,
)
from genima_lite.endings import stopped
from genima_lite.errors import UserError
from genima_lite.files import check_folder, check_output, read_json, write_json, written_whole

FLAT = tyro.conf.arg(name="")
WHOLE: Any = tyro.conf.AvoidSubcommands  # of an optional configuration, too
Folder = Annotated[Path, tyro.conf.Positional]
Command = Callable[..., int]
GOES_ON = "the same command goes on"


def doctor(_: list[str]) -> Command:
    """Check this machine and say how to mend what is missing."""
    from genima_lite.doctor import main

    return lambda: main()


def collect(_: list[str]) -> Command:
    """Record the expert's demonstrations in RLBench's layout."""
    from genima_lite.demos.collect import collect as record
    from genima_lite.recipes._collection import CollectConfig

    def run(
        out: Path,
        config: Annotated[CollectConfig, FLAT],
        workers: int = 1,
        ray_address: str | None = None,
    ) -> int:
        """Killed and started again with the same arguments, it finishes the set.

        Args:
            out: the dataset's folder.
            config: what is recorded.
            workers: processes.
            ray_address: of a Ray cluster that records instead: such as 10.0.0.1:6379, auto or
                local.
        """
        how = (workers, ray_address)
        made = record(out, config.tasks, config.episodes, config.settings, *how)

        def said() -> str:
            return f"{out}: {_episodes(out)} whole episodes are kept; {GOES_ON}"

        with stopped(said), closing(made):
            new = [each for each in progress(made, config.total, "collecting") if each is not None]
        say(f"{out}: {config.total} episodes, {len(new)} of them new")
        for each in new:
            if each.unsolved_seeds:
                job, seeds = each.job, ", ".join(map(str, each.unsolved_seeds))
                which = f"{job.task}, variation {job.variation}, episode {job.episode}"
                say(f"{which}: the expert failed with environment seeds {seeds}")
        return 0

    return run


def _episodes(folder: Path) -> int:
    from genima_lite.demos.layout import iterate_episodes

    return sum(1 for _ in iterate_episodes(folder)) if folder.is_dir() else 0


def record(_: list[str]) -> Command:
    """Record demonstrations that a person leads an arm through, or its twin."""
    from genima_lite.demos.record import RecordConfig, Recorder

    def run(out: Path, config: Annotated[RecordConfig, FLAT]) -> int:
        """Killed and started again with the same arguments, it goes on.

        Args:
            out: the dataset's folder.
            config: what is recorded, how, and on which arm.
        """
        recorder = Recorder(out, config)

        def said() -> str:
            return f"{out}: {_episodes(out)} whole episodes are kept; {GOES_ON}"

        with stopped(said):
            for path in recorder.rescued():
                say(f"{path}: a demonstration that was cut off; `view` shows it")
            done = sum(1 for _ in progress(recorder.run(), config.total, "recording"))
        say(f"{out}: {done} episodes")
        return 0

    return run


def replay(_: list[str]) -> Command:
    """Execute the stored actions of every episode again and count the successes."""
    from genima_lite.demos.layout import iterate_episodes
    from genima_lite.demos.replay import replay as again
    from genima_lite.envs.api import BENCH
    from genima_lite.envs.arm.settings import ArmSettings

    def run(folder: Folder, backend: str = BENCH, arm: ArmSettings = ArmSettings()) -> int:  # noqa: B008
        """It fails where an episode does.

        Args:
            folder: a dataset made by collect or record, or recorded in RLBench.
            backend: where it was recorded: bench, rlbench, or arm.
            arm: with backend arm: which, and how it may move; by default a rehearsal on the twin.
        """
        total = sum(1 for _ in iterate_episodes(folder))
        results = list(progress(again(folder, backend, arm), total, "replaying"))
        failed = [result for result in results if not result.success]
        worst = max((result.deviation for result in results), default=0.0)
        for result in failed:
            say(f"failed: {result.episode.path}")
        say(f"{total - len(failed)} of {total} succeed; largest deviation {worst:.1e} rad")
        return 0 if results and not failed else 1

    return run


def inspect(_: list[str]) -> Command:
    """Say what a dataset in RLBench's layout holds and what is wrong with it."""
    from json import dumps

    from genima_lite.demos.inspection import inspect_dataset
    from genima_lite.demos.inspection_text import render_report

    def run(folder: Folder, json: bool = False) -> int:
        """It fails where something is wrong.

        Args:
            folder: the dataset's root, ours or RLBench's.
            json: print JSON instead of text.
        """
        report = inspect_dataset(folder)
        say(dumps(report, indent=1) if json else render_report(report))
        return 1 if report["problems"] else 0

    return run


def convert(_: list[str]) -> Command:
    """Convert demonstrations between RLBench's layout and LeRobot's format v3."""
    from genima_lite.demos.convert import Conversion

    def run(source: Folder, config: Annotated[Conversion, FLAT]) -> int:
        """To rlbench, killed and started again, it goes on; to lerobot it begins anew.

        Args:
            source: a dataset in RLBench's layout, or LeRobot's.
            config: into what.
        """
        total = config.total(source)
        with stopped(config.kept), closing(config.run(source)) as episodes:
            count = sum(1 for _ in progress(episodes, total, "converting"))
        say(f"{config.out}: {count} episodes")
        return 0

    return run


def view(_: list[str]) -> Command:
    """Draw an episode: a filmstrip with its joint curves (PNG), and a video (MP4)."""
    from genima_lite.viz.episode import draw_episode, find_episode

    def run(
        folder: Folder,
        task: str | None = None,
        variation: int | None = None,
        episode: int | None = None,
        out: Path = Path("."),
    ) -> int:
        """By default the first episode.

        Args:
            folder: the dataset's root, ours or RLBench's.
            task: a task in it.
            variation: its number, -1 for all_variations.
            episode: its number.
            out: where both files go, named after the episode.
        """
        check_folder(out)
        for path in draw_episode(find_episode(folder, task, variation, episode).path, out):
            say(path)
        return 0

    return run


def train(arguments: list[str]) -> Command:
    """Run a recipe, data and networks: `train RECIPE`; `train` alone lists the recipes."""
    from genima_lite.envs.api import BENCH
    from genima_lite.recipes.api import load_recipe, scaled

    if not arguments or arguments[0].startswith("-"):
        return _list_recipes
    from genima_lite.recipes._run import train_recipe

    known: Any = load_recipe(arguments.pop(0))
    kind = WHOLE[type(known)]

    def run(
        out: Path,
        recipe: Annotated[kind, FLAT] = known,  # type: ignore[valid-type]
        scale: float = 1.0,
        processes: int = 2,
        device: str = "cpu",
    ) -> int:
        """Killed and started again with the same arguments, it goes on.

        Args:
            out: folder of everything that is made.
            recipe: every setting of every step.
            scale: multiplies the amounts of data and the training steps, for a quick look.
            processes: how many steps run side by side, each on one core.
            device: of the networks: cpu or cuda.
        """
        whole = scaled(recipe, scale).resolved()
        with stopped(lambda: f"{out}: what is done is kept; {GOES_ON}"):
            train_recipe(out, whole, processes, device)
        for page in sorted(out.glob("*/index.html")):
            say(page)
        where = "" if whole.backend == BENCH else f"--backend {whole.backend} "
        for policy, folder in whole.policies().items():
            place = shlex.quote(str(out / folder))
            say(f"genima-lite eval {where}--policy {policy} --checkpoint {place}")
        return 0

    return run


def _list_recipes() -> int:
    from genima_lite.recipes.api import load_recipe, recipe_names

    for name in recipe_names():
        recipe = load_recipe(name)
        said = (type(recipe).__doc__ or "").splitlines()[0]
        say(f"  train {name:12s}{recipe.minutes:5.0f} minutes  {said}")
    return 0


def train_base(_: list[str]) -> Command:
    """Make a base model that draws pictures of the bench from captions."""
    from genima_lite.diffusion.pretrain import PretrainConfig

    return _training(_must_give(PretrainConfig(("tasks",)), "tasks"))


def train_diffusion(_: list[str]) -> Command:
    """Teach a base model to draw joint targets, from demonstrations."""
    from genima_lite.diffusion.finetune import FinetuneConfig

    default = FinetuneConfig("base", ("tasks",), ("demos",))
    return _training(_must_give(default, "base", "tasks", "demos"))


def train_controller(arguments: list[str]) -> Command:
    """Train a controller, of a preset: `train-controller lite`, or lite-rgb, the baseline."""
    from genima_lite.controller.run import preset_run

    named = bool(arguments) and not arguments[0].startswith("-")
    default = preset_run(arguments.pop(0) if named else "lite", "demos")
    return _training(_must_give(default, "demos"))


def _must_give(config: Any, *names: str) -> Any:
    """Let some fields of a configuration have no default on the command line."""
    for name in names:
        object.__setattr__(config, name, tyro.MISSING)
    return config


def _training(default: Any) -> Command:
    from genima_lite.recipes._check import check_step
    from genima_lite.recipes._steps import kept, run_step

    kind = WHOLE[type(default)]

    def run(
        out: Path,
        config: Annotated[kind, FLAT] = default,  # type: ignore[valid-type]
        max_minutes: float | None = None,
        device: str = "cpu",
        workers: int = 0,
    ) -> int:
        """Killed or out of time and started again with the same arguments, it goes on.

        Args:
            out: the model's folder.
            config: everything that the model depends on.
            max_minutes: of training in this call.
            device: of the networks: cpu or cuda.
            workers: processes that make batches beside the training; a GPU waits without any.
        """
        if max_minutes is not None and not max_minutes >= 0:  # nor NaN
            raise UserError(f"max-minutes is {max_minutes}; give 0 or more")
        check_step(out, config, device, workers)
        with stopped(lambda: kept(out)), training_bars() as report:
            result = run_step(out, config, report, max_minutes, device, workers)
        left = "" if result.done else ", not finished: start again to go on"
        say(f"{out}: {result.steps} steps, {result.weights / 1e6:.1f} M weights{left}")
        return 0

    return run


def score(_: list[str]) -> Command:
    """Draw the targets of held-out demonstrations and measure how far off the spheres are."""
    from genima_lite.diffusion.validate import score_folder
    from genima_lite.shipped import shipped

    def run(
        demos: Path,
        checkpoint: Path | None = None,
        tasks: tuple[str, ...] = (),
        json: Path | None = None,
        picture: Path | None = None,
    ) -> int:
        """Misses come with a 95 % bootstrap interval.

        Args:
            demos: demonstrations that the model was not trained on.
            checkpoint: folder that train-diffusion wrote; by default the one in data/.
            tasks: task names; by default all.
            json: also write the numbers to this file.
            picture: also write this PNG: seen, drawn, true, side by side.
        """
        if json is not None:
            check_output(json)
        if picture is not None:
            check_output(picture, ".png")
        folder = checkpoint or shipped("genima/diffusion")
        result = score_folder(folder, demos, tasks or None, picture)
        if json is not None:
            write_json(json, result.to_json())
        say(result)
        return 0

    return run


def evaluate(_: list[str]) -> Command:
    """Run a policy in closed loop and print its success rates."""
    from genima_lite.evaluation.command import Evaluation

    def run(config: Annotated[Evaluation, FLAT], ray_address: str | None = None) -> int:
        """Episode i has environment seed 2 (seed + i) + 1; training seeds are even.

        Args:
            config: what is run.
            ray_address: of a Ray cluster that runs the episodes instead: such as 10.0.0.1:6379,
                auto or local.
        """
        config.check()
        document, written = _evaluated(config, config.policy, ray_address)
        console.print(success_table(config.policy, document["summary"]))
        for each in document["errors"]:
            where = f"{each['task']}, variation {each['variation']}, seed {each['seed']}"
            say(f"error, not counted: {where}: {each['error']}")
        for path in written:
            say(path)
        return 1 if document["errors"] else 0

    return run


def paper(_: list[str]) -> Command:
    """Evaluate in RLBench as the paper does, and write its 25 rows beside ours."""
    from genima_lite.evaluation.paper import PaperProtocol, paper_rows, paper_table
    from genima_lite.provenance import claim

    def run(config: Annotated[PaperProtocol, FLAT], out: Path) -> int:
        """Killed and started again with the same arguments, it goes on.

        Args:
            config: what is evaluated.
            out: folder of the table, and of the results of each checkpoint.
        """
        check_folder(out)
        claim(out, config.provenance())
        evaluations = config.evaluations(out)
        for each in evaluations:
            each.check()
        documents = [_document(each) for each in evaluations]
        rows = paper_rows(documents)
        text = paper_table(rows, config.deviations)
        write_json(out / "paper.json", {"rows": rows, "deviations": config.deviations})
        with written_whole(out / "paper.md") as partial:
            partial.write_text(text, encoding="utf-8")
        say(text)
        return 1 if any(row["errors"] for row in rows) else 0

    return run


def _document(config: Any) -> dict[str, Any]:
    """Return the results of an evaluation: those in its file, if it is finished, or run it."""
    from genima_lite.evaluation.paper import read_results

    if config.json.exists():
        return read_results(config.json)
    document, _ = _evaluated(config, config.json.name)
    return document


def _evaluated(
    config: Any, title: str, ray_address: str | None = None
) -> tuple[dict[str, Any], list[Path]]:
    """Run an evaluation behind a bar with a title; return its results and the files written."""
    from genima_lite.evaluation.on_cluster import run_jobs

    with config.keeping(say) as store, stopped(lambda: _kept(config, store)):
        if ray_address is not None:
            jobs = config.missing(store)
            list(progress(run_jobs(jobs, ray_address), len(jobs), f"{title}, on Ray"))
        results = list(progress(config.run(store), config.total, title))
        document = config.document(results, shlex.join(["genima-lite", *sys.argv[1:]]))
        return document, list(config.write(document))


def _kept(config: Any, store: Any) -> str:
    """Return a sentence on the episodes that a stopped evaluation has kept."""
    if store is None:
        return "nothing is kept; with --json or --report, episodes would be"
    return f"{store.folder}: {len(store)} of {config.total} episodes are kept; {GOES_ON}"


def reproduce(_: list[str]) -> Command:
    """Train the recipe laptop, evaluate it, write a report: 25 minutes on two cores."""
    from genima_lite.recipes.api import scaled
    from genima_lite.recipes.laptop import TASKS, Laptop
    from genima_lite.reproduce import Evaluations
    from genima_lite.reproduce import reproduce as whole

    def run(out: Path = Path("runs/reproduce"), scale: float = 1.0, episodes: int = 20) -> int:
        """Killed and started again with the same arguments, it goes on.

        Args:
            out: folder of everything that is made.
            scale: multiplies the amounts of data and the training steps, for a quick look.
            episodes: a task and policy.
        """
        evaluations = Evaluations(TASKS, episodes)
        with stopped(lambda: f"{out}: what is done is kept; {GOES_ON}"):
            page = whole(out, scaled(Laptop(), scale), evaluations)
        return _show_report(page)

    return run


def demo(_: list[str]) -> Command:
    """Let the trained policies of data/ do all tasks, and write a report with films."""
    from genima_lite.reproduce import demo as whole

    def run(out: Path = Path("runs/demo"), episodes: int = 4) -> int:
        """Five minutes on two cores.

        Args:
            out: folder of the report.
            episodes: a task and policy.
        """
        with stopped(lambda: f"{out}: what is done is kept; {GOES_ON}"):
            page = whole(out, episodes)
        return _show_report(page)

    return run


def calibrate(_: list[str]) -> Command:
    """Find out where a rig's cameras are, and write calibration.json."""
    from genima_lite.calibrate import CalibrateConfig, check_rig, make_stand
    from genima_lite.calibrate import calibrate as whole
    from genima_lite.envs.arm.calibration.store import read_calibration, write_calibration

    def run(
        config: Annotated[CalibrateConfig, FLAT],
        out: Path = Path("calibration.json"),
        pictures: Path = Path("runs/calibration"),
        check: bool = False,
    ) -> int:
        """Look at the pictures while it runs: they say what is missing.

        Args:
            config: what is calibrated, with which board.
            out: the calibration.
            pictures: folder of the live pictures.
            check: do not calibrate, but compare `out` with the rig as it stands.
        """
        if not check:
            check_output(out, ".json")
        check_folder(pictures)
        known = read_calibration(out) if check else None
        with closing(make_stand(config)) as stand, stopped(lambda: "nothing is kept"):
            if known is not None:
                known.check(str(out), config.arm.model, config.cameras)
                check_rig(stand, known, pictures, say)
                return 0
            write_calibration(out, whole(stand, config, pictures, say))
        say(f"{out}: look at the arm in {pictures}/overlay_*.png before you use it")
        return 0

    return run


def robustness(_: list[str]) -> Command:
    """Run policies under every perturbation, paired with clean scenes, and write a page."""
    from genima_lite.robustness import Robustness
    from genima_lite.robustness import robustness as whole

    def run(
        config: Annotated[Robustness, FLAT],
        out: Path = Path("runs/robustness"),
        processes: int = 2,
        ray_address: str | None = None,
    ) -> int:
        """Killed and started again with the same arguments, it goes on.

        Args:
            config: what is run.
            out: folder of episodes and page.
            processes: how many policies and tasks run side by side.
            ray_address: of a Ray cluster that runs the episodes instead: such as 10.0.0.1:6379,
                auto or local.
        """
        with stopped(lambda: f"{out}: whole episodes are kept; {GOES_ON}"):
            page = whole(out, config, processes, ray_address)
        console.print(robustness_table(read_json(page.parent / "results.json")["summary"]))
        say(f"open {page.resolve()} in a browser")
        return 0

    return run


def _show_report(page: Path) -> int:
    """Print the success rates in a report's folder and where its page is."""
    results = read_json(page.parent / "results.json")
    for policy, document in results["policies"].items():
        console.print(success_table(policy, document["summary"]))
    say(f"open {page.resolve()} in a browser")
    return 0


COMMANDS: dict[str, Callable[[list[str]], Command]] = {
    "doctor": doctor,
    "collect": collect,
    "record": record,
    "replay": replay,
    "inspect": inspect,
    "convert": convert,
    "view": view,
    "train": train,
    "train-base": train_base,
    "train-diffusion": train_diffusion,
    "train-controller": train_controller,
    "score": score,
    "eval": evaluate,
    "paper": paper,
    "reproduce": reproduce,
    "demo": demo,
    "robustness": robustness,
    "calibrate": calibrate,
}
"""By name, in the order in which one needs them."""
