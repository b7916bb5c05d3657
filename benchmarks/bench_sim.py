"""Speed of the bench, as ratios measured in one run: `python benchmarks/bench_sim.py`.

Absolute times depend on the machine and on what else it does; ratios much less. Demonstrations
go to the temporary folder; where making small files is slow, TMPDIR=/dev/shm leaves the disk out.

    --json FILE      also write the numbers to a file
    --episodes N     episodes to collect for the whole-collection rows (default 24)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

os.environ.setdefault("MUJOCO_GL", "egl")  # for mujoco.Renderer; ours finds its own way

import mujoco
import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.panda import HOME

TASK = "push_button"
FOUR = ("wrist", "front", "right_shoulder", "left_shoulder")
NO_EXTRAS = [int(mujoco.mjtRndFlag.mjRND_SHADOW), int(mujoco.mjtRndFlag.mjRND_REFLECTION)]
BARE_CALLS = ("mj_step", "mjr_render", "mjr_readPixels")


def per_call(call: Callable[[], object], seconds: float = 2.0) -> float:
    """Return seconds a call, the median over batches that fill about `seconds`."""
    call()
    batches, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(batches) < 5:
        start = time.perf_counter()
        for _ in range(5):
            call()
        batches.append((time.perf_counter() - start) / 5)
    return float(np.median(batches))


def step_cost(**settings: object) -> float:
    """Return seconds an environment step."""
    env = BenchEnv(TASK, **settings)  # type: ignore[arg-type]
    env.reset(seed=0)
    action = np.append(HOME, 1.0)
    cost = per_call(lambda: env.step(action))
    env.close()
    return cost


def plain_step_cost() -> float:
    """Return seconds of the bare physics of one step: its mj_step calls and nothing else."""
    env = BenchEnv(TASK, cameras=())
    env.reset(seed=0)
    model, data = env.scene.model, env.scene.data
    return per_call(lambda: [mujoco.mj_step(model, data) for _ in range(20)])


def picture_costs() -> tuple[float, float]:
    """Return seconds for four views with depth and mask: ours, and with mujoco.Renderer."""
    env = BenchEnv(TASK, cameras=FOUR, depth=True, mask=True)
    env.reset(seed=0)

    def our_views() -> None:
        env._changed(None)
        env.observation  # noqa: B018  (takes the pictures)

    ours = per_call(our_views)
    stock = mujoco.Renderer(env.scene.model, 128, 128)

    def stock_views() -> None:
        for name in FOUR:
            for mode in (lambda: None, stock.enable_depth_rendering,
                         stock.enable_segmentation_rendering):  # fmt: skip
                stock.disable_depth_rendering()
                stock.disable_segmentation_rendering()
                mode()
                stock.update_scene(env.scene.data, name)
                stock.scene.flags[NO_EXTRAS] = 0
                stock.render()

    theirs = per_call(stock_views)
    env.close()
    return ours, theirs


@contextmanager
def timed_calls(names: tuple[str, ...]):
    """Yield a dict that sums the seconds spent in functions of the mujoco module."""
    spent = dict.fromkeys(names, 0.0)

    def timed(name: str, call: Callable) -> Callable:
        def wrapper(*args: object) -> object:
            start = time.perf_counter()
            try:
                return call(*args)
            finally:
                spent[name] += time.perf_counter() - start

        return wrapper

    with ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(mujoco, name, timed(name, getattr(mujoco, name))))
        yield spent


def collection_cost(episodes: int, workers: int, root: Path) -> float:
    """Return seconds to collect episodes into a fresh folder."""
    shutil.rmtree(root, ignore_errors=True)
    start = time.perf_counter()
    list(collect(root, [TASK], episodes, CollectSettings(), workers))
    return time.perf_counter() - start


def measure(episodes: int, root: Path) -> dict[str, float]:
    """Return all numbers of the table."""
    physics, dry = plain_step_cost(), step_cost(cameras=())
    wet = step_cost(cameras=FOUR)
    ours, stock = picture_costs()
    collection_cost(1, 1, root)  # warm up imports, GL and disk
    with timed_calls(BARE_CALLS) as spent:
        whole = collection_cost(episodes // 2, 1, root)
    one = collection_cost(episodes, 1, root)
    two = collection_cost(episodes, 2, root)
    return {
        "steps_per_second_without_pictures": 1 / dry,
        "steps_per_second_with_four_views": 1 / wet,
        "step_over_bare_physics": dry / physics,
        "milliseconds_for_four_views": (wet - dry) * 1e3,
        "stock_renderer_over_ours": stock / ours,
        "collection_over_bare_calls": whole / sum(spent.values()),
        "collection_bare_physics_share": spent["mj_step"] / whole,
        "collection_seconds_one_worker": one,
        "one_worker_over_two": one / two,
    }


def print_table(numbers: dict[str, float]) -> None:
    table = Table("quantity", "value", title=f"bench speed, task {TASK}, 128-pixel pictures")
    for name, value in numbers.items():
        table.add_row(name.replace("_", " "), f"{value:.2f}")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--episodes", type=int, default=24)
    words = parser.parse_args()
    os.environ.setdefault("LP_NUM_THREADS", "0")  # one core a process, alone or in pairs
    with tempfile.TemporaryDirectory() as folder:
        numbers = measure(words.episodes, Path(folder) / "set")
    print_table(numbers)
    if words.json:
        machine = (
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        )
        words.json.write_text(json.dumps({"machine": machine, "numbers": numbers}, indent=1) + "\n")


if __name__ == "__main__":
    main()
