"""Reads what may be damaged, as the commands do. Each reader returns what it read, to be compared
with what the sound victim gives; `None` says that it reported a problem.
"""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np

from genima_lite import cli
from genima_lite.controller.checkpoint import load_controller, load_metadata
from genima_lite.controller.follow import predict_actions
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.inspection_text import render_report
from genima_lite.demos.lerobot.export import to_lerobot
from genima_lite.demos.lerobot.take import to_rlbench
from genima_lite.demos.replay import replay
from genima_lite.diffusion.validate import score_folder
from genima_lite.evaluation.episode_store import EpisodeStore
from genima_lite.evaluation.report import write_report
from genima_lite.evaluation.statistics import results_document
from genima_lite.files import read_json
from genima_lite.observation import Observation
from genima_lite.policies.api import PolicyFactory
from genima_lite.provenance import claim
from genima_lite.recipes._steps import run_step
from genima_lite.robustness import _evaluate, _write
from genima_lite.training.tensors import load_tensors
from genima_lite.viz.episode import draw_episode, find_episode

from . import newer
from .victims import FIRST_SEED, NETWORK, SIZE, TASK, controller_config, diffusion_config


class Reported(Exception):
    """A reader told of a problem in another way than by an error."""


def inspect(victim: Path, work: Path, out: Path):
    """`inspect`: whether there are problems; what else the report says is true."""
    report = inspect_dataset(victim)
    render_report(report)
    if report["problems"]:
        raise Reported(str(report["problems"][0]))


def view(victim: Path, work: Path, out: Path):
    """`view`: the files' names and the filmstrip's bytes."""
    paths = draw_episode(find_episode(victim).path, out)
    return [path.name for path in paths], paths[0].read_bytes()


def replay_all(victim: Path, work: Path, out: Path):
    """`replay`: success and deviation of each episode."""
    found = [(result.success, result.deviation) for result in replay(victim)]
    if not found or not all(success for success, _ in found):
        raise Reported(f"replay: {found}")
    return found


def train_controller_on(victim: Path, work: Path, out: Path):
    """`train-controller --demos`: the weights."""
    run_step(out, controller_config(victim))
    return load_tensors(out / "controller.safetensors")[0]


def train_diffusion_on(victim: Path, work: Path, out: Path):
    """`train-diffusion --demos`: the weights."""
    run_step(out, diffusion_config(work / "base", victim))
    return _trained(out)


def train_diffusion_from(victim: Path, work: Path, out: Path):
    """`train-diffusion --base`: the weights."""
    run_step(out, diffusion_config(victim, work / "short"))
    return _trained(out)


def resume_controller(victim: Path, work: Path, out: Path):
    """`train-controller --out`, again: the weights."""
    run_step(victim, controller_config(work / "short"))
    return load_tensors(victim / "controller.safetensors")[0]


def resume_diffusion(victim: Path, work: Path, out: Path):
    """`train-diffusion --out`, again: the weights."""
    run_step(victim, diffusion_config(work / "base", work / "short"))
    return _trained(victim)


def control(victim: Path, work: Path, out: Path):
    """`eval --checkpoint`, without the simulator: what a controller says."""
    rng = np.random.default_rng(0)
    views = {
        camera: rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for camera in NETWORK.cameras
    }
    seen = Observation(joint_positions=np.zeros(7), gripper_open=1.0)
    load_metadata(victim)
    return predict_actions(load_controller(victim), views, seen, "push the button")


def score(victim: Path, work: Path, out: Path):
    """`score --checkpoint`: all numbers."""
    return vars(score_folder(victim, work / "held_out", [TASK]))


def report(victim: Path, work: Path, out: Path):
    """What `reproduce` does when all is evaluated: the episodes, the report of them."""
    store = EpisodeStore(victim)
    store.task(PolicyFactory("expert"), TASK, FIRST_SEED)
    results, recordings = store.load("expert", TASK, episodes=2)
    write_report(out, [results_document({"policy": "expert"}, results)], recordings)
    return results, [vars(each) for each in recordings]


def to_lerobots(victim: Path, work: Path, out: Path):
    """`convert --to lerobot`: the tables and the description."""
    list(to_lerobot(victim, out, "png"))
    return [path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()]


def to_rlbenchs(victim: Path, work: Path, out: Path):
    """`convert --to rlbench`: pictures and joints."""
    list(to_rlbench(victim, out))
    return newer.pictures_of(out)


def to_rlbench_calibrated(victim: Path, work: Path, out: Path):
    """`convert --to rlbench --calibration`: pictures, joints, cameras."""
    list(to_rlbench(victim, out, victim / newer.CALIBRATION))
    return newer.pictures_of(out)


def grid(victim: Path, work: Path, out: Path):
    """`robustness`, when all is run: what the page says."""
    claim(victim, newer.grid_claim())
    for condition in newer.GRID.conditions:
        _evaluate(victim, newer.GRID, "expert", condition, TASK, lambda *_: None)
    _write(victim, newer.GRID)
    return read_json(victim / "results.json")["summary"]


def _trained(folder: Path):
    files = sorted(folder.glob("*/*.safetensors"))
    return [load_tensors(path)[0] for path in files]


READERS = {
    "demos": {
        "inspect": inspect,
        "view": view,
        "replay": replay_all,
        "train-controller": train_controller_on,
        "train-diffusion": train_diffusion_on,
    },
    "base": {"train-diffusion": train_diffusion_from},
    "controller": {"eval": control},
    "controller_half": {"train-controller": resume_controller},
    "diffusion": {"score": score},
    "diffusion_half": {"train-diffusion": resume_diffusion},
    "store": {"reproduce": report},
    "recorded": {"inspect": inspect, "convert": to_lerobots},
    "lerobot": {"convert": to_rlbenchs},
    "foreign": {"convert": to_rlbench_calibrated},
    "grid": {"robustness": grid},
}
"""By victim, what reads it."""

COMMANDS = {
    "demos": ["inspect", "{victim}"],
    "controller": ["eval", "--policy", "act", "--checkpoint", "{victim}", "--tasks", TASK,
                   "--episodes", "1"],
    "lerobot": ["convert", "{victim}", "--to", "rlbench", "--out", "out-command"],
    "diffusion": ["score", "--checkpoint", "{victim}", "--demos", "{work}/held_out"],
}  # fmt: skip
"""By victim, the whole command that every tenth variant of it meets, too."""


def command(name: str, victim: Path, work: Path, out: Path) -> str:
    """Run a whole command; return what it printed.

    Raises:
        Reported: it ended with an exit code of wrong input or problems.
        AssertionError: it ended otherwise, or showed a traceback.
    """
    sys.argv = ["genima-lite", *(word.format(victim=victim, work=work) for word in COMMANDS[name])]
    said, wrong, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
    unexpected = "Traceback" in wrong.getvalue() or "(unexpected" in wrong.getvalue()
    if unexpected or code not in (0, 1, 2):
        raise AssertionError(f"exit code {code}: {wrong.getvalue()[-500:]}")
    if code:
        raise Reported(wrong.getvalue() or said.getvalue())
    return said.getvalue()
