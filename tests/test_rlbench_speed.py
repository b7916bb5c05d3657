"""RLBench's speed, tracking and sentences as settings of the bench."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genima_lite import panda
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_episode, read_sentences
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.observation import CONTROL_PERIOD
from genima_lite.planner import timed_as_rlbench
from genima_lite.recipes._tasks import TASKS


def bench(task: str, **settings: str) -> BenchEnv:
    env = make_env(EnvSpec(task, cameras=(), **settings))
    assert isinstance(env, BenchEnv)
    return env


def test_it_has_the_speed_and_the_acceleration_of_genimas_demonstrations() -> None:
    knots = np.linspace(panda.HOME, panda.HOME + [1.2, -0.3, 0.2, 0.4, 0, 0.3, -0.5], 3)
    way = np.vstack([knots[0], timed_as_rlbench(knots)])
    speed = np.linalg.norm(np.diff(way, axis=0), axis=1) / CONTROL_PERIOD
    assert 1.9 < speed.max() <= 2.001
    assert np.abs(np.diff(speed)).max() / CONTROL_PERIOD < 8.001
    np.testing.assert_allclose(way[-1], knots[-1], atol=1e-9)
    length = np.linalg.norm(knots[-1] - knots[0])
    # a trapezoid: the time at full speed, and half of two ramps of a quarter of a second
    assert len(way) - 1 == np.ceil((length / 2.0 + 0.25) / CONTROL_PERIOD)


def test_a_short_way_never_gets_to_full_speed() -> None:
    knots = np.linspace(panda.HOME, panda.HOME + 0.01, 3)
    way = timed_as_rlbench(knots)
    assert len(way) == np.ceil(2 * np.sqrt(0.01 * np.sqrt(7) / 8) / CONTROL_PERIOD)
    np.testing.assert_allclose(timed_as_rlbench(np.tile(panda.HOME, (3, 1))), panda.HOME[None])


@pytest.mark.parametrize(
    ("told", "reached"), [(0.01, 0.0065), (0.05, 0.030), (0.1, 0.052), (0.2, 0.068)]
)
def test_the_arm_gets_as_far_in_a_step_as_rlbenchs(told: float, reached: float) -> None:
    """The numbers were measured on the running simulator."""
    for sign in (1, -1):
        env = bench("push_button", tracking="rlbench")
        env.reset(seed=1)
        before = env.observation.joint_positions
        env.step(np.append(before + np.eye(7)[0] * sign * told, 1.0))
        moved = env.observation.joint_positions[0] - before[0]
        assert sign * moved == pytest.approx(reached, abs=0.1 * reached)


def test_the_bench_gets_there_within_a_step() -> None:
    env = bench("push_button")
    env.reset(seed=1)
    before = env.observation.joint_positions
    env.step(np.append(before + np.eye(7)[0] * 0.05, 1.0))
    assert env.observation.joint_positions[0] - before[0] == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("task", TASKS)
def test_the_expert_solves_its_task_with_rlbenchs_speed_and_tracking(task: str) -> None:
    env = bench(task, speed="rlbench", tracking="rlbench")
    solved = 0
    for seed in range(40, 43):
        env.reset(seed=seed, options={"variation": seed % env.variations})
        plan = np.vstack(list(env.expert_stretches()))
        solved += env.execute(np.vstack([plan, *[plan[-1:]] * 10])).success
    assert solved == 3


def test_a_snapshot_goes_on_alike_where_the_arm_lags() -> None:
    one, other = bench("open_drawer", tracking="rlbench"), bench("open_drawer", tracking="rlbench")
    one.reset(seed=3)
    plan = np.vstack(list(one.expert_stretches()))
    one.execute(plan[:20])
    other.reset(seed=4)
    other.restore(one.state())
    for env in (one, other):
        env.execute(plan[20:30])
    np.testing.assert_array_equal(
        one.observation.joint_positions, other.observation.joint_positions
    )


def test_demonstrations_are_collected_so_and_lag_as_rlbenchs_do(tmp_path: Path) -> None:
    settings = CollectSettings(1, 16, speed="rlbench", tracking="rlbench")
    list(collect(tmp_path, ["push_button"], 2, settings))
    off = []
    for episode in iterate_episodes(tmp_path):
        demo = read_episode(episode.path, kinds=())
        for seen in demo[1:]:
            action = seen.misc["joint_position_action"]
            off.append(np.abs(action[:7] - seen.joint_positions).max())
    assert 0.02 < np.max(off) < 0.045  # radians; 0.02 to 0.03 in RLBench, 0.006 on the bench
    with pytest.raises(UserError, match="tracking"):
        list(collect(tmp_path, ["push_button"], 2, CollectSettings(1, 16, speed="rlbench")))


def test_sentences_from_a_file_ask_for_a_task_beside_our_own(tmp_path: Path) -> None:
    file = tmp_path / "said.json"
    file.write_text(json.dumps({"open_drawer": [["open bottom drawer"], [], ["open top drawer"]]}))
    env = bench("open_drawer", sentences=str(file))
    own = bench("open_drawer").instructions(0)
    assert env.instructions(0) == [*own, "open bottom drawer"]
    assert env.instructions(1) == bench("open_drawer").instructions(1)
    _, info = env.reset(seed=1)
    assert info["instruction"] == own[0]
    assert bench("lamp_on", sentences=str(file)).instructions(0) == bench("lamp_on").instructions(0)
    root = tmp_path / "demos"
    settings = CollectSettings(1, 16, (0,), sentences=str(file))
    list(collect(root, ["open_drawer"], 1, settings))
    said, _ = read_sentences(next(iterate_episodes(root)).path)
    assert said == [*own, "open bottom drawer"]
    file.write_text(json.dumps({"open_drawer": [["open it"], [], []]}))
    with pytest.raises(UserError, match="was made from sentences"):
        list(collect(root, ["open_drawer"], 1, settings))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"lamp_on": []}', "lamp_on has sentences for 0 variations, of 1 there are"),
        ('{"lamp_on": [[" "]]}', "lamp_on, variation 0: ' ' is no sentence"),
        ('{"lamp_on": [["on\\u001b[0m"]]}', "is no sentence"),
        ('{"lamp_on": ["on"]}', "expected `array`, got `str`"),
        ("[]", "said.json"),
        ("{", "said.json"),
    ],
)
def test_a_wrong_file_of_sentences_is_refused_by_name(
    tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "said.json"
    file.write_text(content)
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        bench("lamp_on", sentences=str(file))


def test_an_unknown_speed_is_refused() -> None:
    for make in (
        lambda: bench("lamp_on", speed="fast"),
        lambda: CollectSettings(speed="fast"),
    ):
        with pytest.raises(UserError, match="speed is 'fast': choose 'bench' or 'rlbench'"):
            make()
    for make in (
        lambda: bench("lamp_on", tracking="exact"),
        lambda: CollectSettings(tracking="exact"),
        lambda: Evaluation("expert", tracking="exact"),
    ):
        with pytest.raises(UserError, match="tracking is 'exact': choose 'bench' or 'rlbench'"):
            make()
