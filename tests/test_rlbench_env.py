"""The client of RLBench's process: what it asks for, what may go wrong there, what is left."""

import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from genima_lite import cli
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.replay import replay_demo
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.rlbench.client import RLBenchEnv
from genima_lite.envs.rlbench.process import Seconds, SimulatorError, worker_environment
from genima_lite.errors import Lost, NotReady, UserError
from genima_lite.evaluation.rollout import evaluate
from genima_lite.panda import HOME, UPPER, Unreachable
from genima_lite.policies.api import PolicyFactory
from genima_lite.seeds import training_seed
from genima_lite.targets.expert_targets import ExpertTargets
from tests.on_the_double import events, processes_of

TASK = "push_button"
HOLD = np.append(HOME, 1.0)[None]
QUICK = Seconds(start=60, reset=20, step=1.5, look=20, demonstration=20, close=5)


def made(cameras=(), **more) -> RLBenchEnv:
    return RLBenchEnv(EnvSpec(TASK, cameras, 16, backend="rlbench", **more), QUICK)


def group(env) -> int:
    return env._worker.pid


def test_pictures_are_taken_only_where_they_are_asked_for(double, tmp_path):
    with closing(made(("front",))) as env:
        env.reset(seed=1)
        env.execute(np.repeat(HOLD, 6, axis=0))
        assert not [each for each in events(tmp_path) if each.startswith("render")]
        first = env.observation.front_rgb
        assert env.observation.front_rgb is first
        assert events(tmp_path) == ["render cam_front"]
        assert env.observation.images().keys() == {"front_rgb"}
        assert first[0, 0, 0] < first[-1, 0, 0]  # red grows downwards
        assert first[0, 0, 1] < first[0, -1, 1]  # green to the right


def test_gripper_attaches_before_it_closes_and_drops_before_it_opens(double, tmp_path):
    with closing(made()) as env:
        env.reset(seed=1)
        events(tmp_path)
        env.execute(np.append(HOME, 0.0)[None])
        closing_events = events(tmp_path)
        assert closing_events[:4] == ["step", "tick", "task_step", "attach"]
        assert closing_events[4:] == ["actuate", "tick", "task_step"] * 4
        env.execute(np.append(HOME, 1.0)[None])
        opening = events(tmp_path)[3:]
        assert opening == [
            "detach",
            *["actuate", "tick", "task_step"] * 4,
            *["tick", "task_step"] * 10,
        ]
        env.execute(np.append(HOME, 1.0)[None])
        assert events(tmp_path) == ["step", "tick", "task_step"]  # no change of the gripper


def _four_steps(env):
    env.reset(seed=1)
    env.execute(np.repeat(HOLD, 4, axis=0))


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ("step 3 crash", Lost, "stopped with code 11 during 'step'"),
        ("step 3 abort", Lost, "killed by SIGABRT during 'step': .*no Qt platform plugin"),
        ("step 3 hang", Lost, "did not finish 'step' within 1.5 s"),
        ("step 3 nan", SimulatorError, "NotFinite: .*no numbers"),
        ("step 3 InvalidActionError", SimulatorError, "InvalidActionError: .*of the double"),
        ("step 3 IKError", SimulatorError, "IKError: Could not perform IK"),
        ("reset 2 BoundaryError", SimulatorError, "BoundaryError"),
        ("reset 2 TaskEnvironmentError", SimulatorError, "TaskEnvironmentError"),
    ],
)
def test_what_goes_wrong_ends_the_episode_and_the_next_one_runs(double, fault, kind, text):
    double(fault)
    with closing(made()) as env:
        with pytest.raises(kind, match=text):
            _four_steps(env)
        with pytest.raises(UserError, match="reset the environment first"):
            env.execute(HOLD)
        if fault == "step 3 crash":
            env.reset(seed=1)
            assert env.execute(HOLD).steps == 1


def test_nothing_is_left_running(double):
    env = made()
    env.reset(seed=1)
    worker = group(env)
    assert processes_of(worker)
    env.close()
    assert not processes_of(worker)
    env.reset(seed=1)  # it starts again
    worker = group(env)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(Lost, match="killed by SIGKILL"):
        env.execute(HOLD)
    assert not processes_of(worker)


XVFB = """#!{python}
import os, sys, time
number = sys.argv[sys.argv.index("-displayfd") + 1]
os.write(int(number), b"77\\n")
time.sleep(600)
"""


def test_xvfb_is_started_where_there_is_no_display_and_ends_with_its_worker(
    double, tmp_path, monkeypatch
):
    program = tmp_path / "bin/Xvfb"
    program.parent.mkdir()
    program.write_text(XVFB.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("DISPLAY", ":4711")  # nobody listens there
    with closing(made()) as env:
        env.reset(seed=1)
        worker = group(env)
        assert len(processes_of(worker)) == 2
        os.kill(worker, signal.SIGKILL)  # not its group
        ended = time.monotonic() + 5
        while processes_of(worker) and time.monotonic() < ended:
            time.sleep(0.05)
        assert not processes_of(worker)
    program.unlink()
    with closing(made()) as env, pytest.raises(UserError, match=r":4711 does not answer.*xvfb"):
        env.reset(seed=1)


def test_the_simulator_ends_when_its_client_is_killed(double):
    code = (
        "import time; from tests.test_rlbench_env import made; env = made(); env.reset(seed=1);"
        "print(env._worker.pid, flush=True); time.sleep(600)"
    )
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join([root, os.environ["PYTHONPATH"]])
    client = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        cwd=root,
    )
    worker = int(client.stdout.readline())
    assert processes_of(worker)
    client.kill()
    client.wait()
    ended = time.monotonic() + 5
    while processes_of(worker) and time.monotonic() < ended:
        time.sleep(0.05)
    assert not processes_of(worker)


def test_what_is_missing_is_named(double, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(UserError, match=r"No module named 'rlbench'.*doctor"):
        made().reset(seed=1)
    with pytest.raises(NotReady):  # not an error of each of its episodes
        list(evaluate(PolicyFactory("random", backend="rlbench"), [TASK], 2, 7, keep_going=True))


def test_another_rlbench_is_named_once(double):
    double("launch 1 TypeError")
    with pytest.raises(NotReady, match=r"unexpected keyword.*doctor"):
        made().reset(seed=1)


def test_what_coppeliasim_needs_is_set_for_the_worker(tmp_path, monkeypatch):
    given = {"COPPELIASIM_ROOT": "/sim", "LD_LIBRARY_PATH": "/a", "QT_QPA_PLATFORM": "offscreen",
             "QT_QPA_PLATFORM_PLUGIN_PATH": "/cv2/qt/plugins"}  # fmt: skip
    wanted = {"COPPELIASIM_ROOT": "/sim", "LD_LIBRARY_PATH": "/a:/sim",
              "QT_QPA_PLATFORM_PLUGIN_PATH": "/sim"}  # fmt: skip
    assert worker_environment(given) == wanted
    assert worker_environment(wanted) == wanted
    assert worker_environment({"A": "b", "QT_QPA_PLATFORM": "wayland"}) == {"A": "b"}
    monkeypatch.chdir(tmp_path)  # the worker runs elsewhere
    assert worker_environment({"COPPELIASIM_ROOT": "sim"})["COPPELIASIM_ROOT"] == f"{tmp_path}/sim"


def test_a_spec_that_rlbench_cannot_have_is_refused():
    with pytest.raises(UserError, match="unknown camera 'back'"):
        make_env(EnvSpec(TASK, ("back",), backend="rlbench"))
    with pytest.raises(UserError, match="unknown task 'push_buton': did you mean 'push_button'"):
        make_env(EnvSpec("push_buton", backend="rlbench"))
    with pytest.raises(UserError, match="8 to 2048"):
        make_env(EnvSpec(TASK, image_size=4, backend="rlbench"))


def test_an_expert_that_fails_is_a_refusal_with_rlbenchs_reason(double):
    double(*(f"demo {number} fails" for number in range(1, 6)))
    with closing(made()) as env:
        env.reset(seed=1)
        with pytest.raises(Unreachable, match=r"Could not get a path for waypoint 1.*5 attempts"):
            env.demonstration()
        assert env.execute(HOLD).steps == 1  # the episode goes on
        with pytest.raises(UserError, match="from an episode's start alone"):
            env.demonstration()
        env.reset(seed=1)
        assert len(env.demonstration()) > 3


def test_a_call_that_coppeliasim_refuses_is_no_refusal_of_the_expert(double):
    double("reset 1 TaskEnvironmentError", "reset 3 RuntimeError")  # the first one nobody asked for
    with closing(made()) as env:
        env.reset(seed=1)
        with pytest.raises(SimulatorError, match="RuntimeError of the double"):
            env.demonstration()


def test_a_scene_that_took_several_attempts_is_drawn_as_it_was_recorded(double, tmp_path):
    with closing(made()) as env:
        for seed in range(20):
            env.reset(seed=seed)
            demo = env.demonstration()
            if demo.num_reset_attempts > 1:
                break
        recorded = demo[0].task_low_dim_state
        np.testing.assert_array_equal(env.observation.task_low_dim_state, recorded)
        env.reset(seed=seed + 1)
        env.reset(options={"demo": demo})
        np.testing.assert_array_equal(env.observation.task_low_dim_state, recorded)
        for state in (recorded + 0.02, recorded[:-1], None):  # another scene: RLBench's own way
            demo[0].task_low_dim_state = state
            env.reset(options={"demo": demo})
            drawn = env.observation.task_low_dim_state
            np.testing.assert_array_equal(drawn[:-1], recorded[:-1])
            assert drawn[-1] > recorded[-1] + 0.1, "pieces were moved at each attempt"


def test_targets_are_the_postures_of_the_demonstration(double):
    with closing(made()) as env:
        env.reset(seed=2)
        targets = ExpertTargets(env)
        demo = env.demonstration()
        reached = np.stack([frame.joint_positions for frame in demo])
        np.testing.assert_array_equal(targets.plan[:, :7], reached)
        assert set(targets.plan[:, 7]) == {0.0, 1.0}
        assert np.abs(demo.actions()[:, :7] - reached[1:]).max() > 0.005  # commands differ
        assert demo.actions()[-1, 7] == 0.1  # as RLBench says; the expert's commands say 0.0
        (commands,) = env.expert_stretches()
        assert commands[-1, 7] == 0.0


def test_demonstrations_are_collected_and_read(double, tmp_path):
    settings = CollectSettings(image_size=16, variations=(0, 2), backend="rlbench")
    made = list(collect(tmp_path / "set", [TASK], 3, settings))
    assert [(each.job.variation, each.job.episode) for each in made] == [(0, 0), (2, 0), (0, 1)]
    assert list(collect(tmp_path / "set", [TASK], 3, settings)) == [None] * 3
    report = inspect_dataset(tmp_path / "set")
    assert (report["episodes"], report["problems"]) == (3, [])
    demo = read_episode(
        next(iterate_episodes(tmp_path / "set")).path, kinds=("rgb", "depth", "mask")
    )
    assert (len(demo[0].images()), demo[0].front_mask[0, 0]) == (15, 17)
    with closing(RLBenchEnv(settings.spec(TASK), QUICK)) as env:
        env.reset(options={"demo": demo})
        scene = env.observation
        np.testing.assert_array_equal(scene.task_low_dim_state, demo[0].task_low_dim_state)
        assert env.demonstration() is demo
        assert env.execute(np.vstack(list(env.expert_stretches()))).success
        success, deviation = replay_demo(env, demo, tmp_path)
        assert success
        assert deviation < 1e-3


def test_seeds_of_a_collection_may_be_wide(double):
    wide = training_seed(3000, 0)
    with closing(RLBenchEnv(EnvSpec(TASK, ("front",), 16, backend="rlbench"), QUICK)) as env:
        drawn = []
        for seed in (wide, wide, wide + 2**32, wide % 2**32):
            env.reset(seed=seed)
            drawn.append(env.observation.task_low_dim_state)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[3])


def test_commands_that_are_rounded_beyond_a_limit_need_no_warning(double):
    beyond = HOLD.copy()
    with closing(made()) as env:
        env.reset(seed=1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            beyond[0, 6] = UPPER[6] + 1e-6
            env.execute(beyond)
        beyond[0, 6] = UPPER[6] + 0.1
        with pytest.warns(UserWarning, match="outside the arm's limits"):
            env.execute(beyond)


def outcomes(results):
    return [(each.seed, each.success, each.steps, each.error) for each in results]


def test_an_episode_whose_simulator_is_lost_is_run_again_and_counted_once(double, tmp_path):
    make = PolicyFactory("expert", backend="rlbench")
    calm = outcomes(evaluate(make, [TASK], 3, 7))
    assert [each[1] for each in calm] == [True] * 3
    double("step 20 crash", "launch 1 abort")
    events(tmp_path)
    assert outcomes(evaluate(make, [TASK], 3, 7)) == calm
    assert events(tmp_path).count("launch") == 3


def test_rlbenchs_own_error_is_an_error_and_the_next_episode_runs(double):
    double("step 2 InvalidActionError")
    make = PolicyFactory("random", backend="rlbench")
    found = outcomes(evaluate(make, [TASK], 2, 7, keep_going=True))
    assert [each[3] is None for each in found] == [False, True]
    assert "InvalidActionError" in found[0][3]


@pytest.mark.parametrize(
    "words",  # a size that no other test collects with: an environment of theirs may still be there
    [("eval", "--policy", "expert"), ("collect", "--image-size", "20", "--out", "set")],
)
def test_the_commands_know_env(double, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    given = ("--env", "rlbench", "--tasks", TASK, "--episodes", "1")
    monkeypatch.setattr(sys, "argv", ["genima-lite", *words, *given])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert events(tmp_path).count("launch") == 1
