"""The twin and the environment over it: RobotEnv's contract, lag and noise, halts, operators."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ruckig")

from genima_lite import panda
from genima_lite.calibrate import CalibrateConfig, make_stand
from genima_lite.cameras import Camera
from genima_lite.envs.api import EnvSpec, make_env, task_names
from genima_lite.envs.arm.backend import make_backend
from genima_lite.envs.arm.env import ArmEnv
from genima_lite.envs.arm.operators import Console, Nobody
from genima_lite.envs.arm.preview import COLOURS, SIDE
from genima_lite.envs.arm.settings import PERFECT, ArmSettings, TwinSettings
from genima_lite.envs.arm.watchdog import Watchdog
from genima_lite.envs.contract import CONTRACT
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.evaluation.rollout import evaluate
from genima_lite.files import read_json
from genima_lite.policies.api import PolicyFactory
from tests.arm_contract import CONTRACT as ARM_CONTRACT

INSTANT = ArmSettings(think=0.0)


def spec(settings=INSTANT, task="push_button", cameras=(), size=48):
    return EnvSpec(task, cameras, size, backend="arm", arm=settings)


@pytest.fixture(scope="module")
def env():
    made = make_env(spec(cameras=("front", "wrist")))
    yield made
    made.close()


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.filterwarnings("ignore:.*outside its limit")
def test_the_twin_keeps_what_every_environment_must(env, check):
    check(env)


@pytest.mark.parametrize("check", ARM_CONTRACT, ids=lambda check: check.__name__)
def test_the_twins_arm_keeps_what_every_arm_must(check):
    backend = make_backend(spec(), INSTANT, Nobody())
    backend.table.reset(1, {})
    check(backend.arm, backend.clock)


def test_all_tasks_of_the_bench_are_there():
    assert set(task_names("arm")) > set(task_names())


def test_the_expert_solves_a_task_through_the_filter():
    make = PolicyFactory("expert", backend="arm", arm=replace(INSTANT, think=0.1))
    results = list(evaluate(make, ["push_button"], 2, 1000))
    assert [(each.success, each.error) for each in results] == [(True, None)] * 2


def lagging(settings):
    """Return how far an arm trails a ramp, in radians at joint 1."""
    made = ArmEnv(spec(replace(INSTANT, twin=settings)))
    made.reset(seed=1)
    turn = np.linspace(0, 0.4, 21)[1:, None] * np.eye(7)[0]
    rows = np.column_stack([panda.HOME + turn, np.ones(20)])
    behind = []
    made.execute(rows, lambda e: behind.append(rows[len(behind), 0] - joint(e)))
    made.close()
    return np.array(behind)[5:15].mean()


def joint(env):
    return env.observation.joint_positions[0]


def test_latency_and_lag_make_the_arm_trail_by_as_many_seconds():
    speed = 0.4  # rad/s
    assert abs(lagging(PERFECT)) < 0.002
    late = lagging(TwinSettings(latency=0.05, lag=0.0))
    assert late == pytest.approx(0.05 * speed, abs=0.003)
    slow = lagging(TwinSettings(latency=0.0, lag=0.05))
    assert slow == pytest.approx(0.05 * speed, abs=0.003)


def test_pictures_are_noisy_and_of_the_past():
    settings = replace(INSTANT, twin=TwinSettings(0, 0, image_noise=5.0, camera_lag=0.2))
    perfect = replace(INSTANT, twin=PERFECT)
    made, clean = (ArmEnv(spec(each, cameras=("front",))) for each in (settings, perfect))
    for each in (made, clean):
        each.reset(seed=3)
    noise = made.observation.image("front").astype(float) - clean.observation.image("front")
    assert 3 < noise.std() < 6
    turn = 0.05 * np.arange(1, 5)[:, None] * np.eye(7)[0]
    rows = np.column_stack([panda.HOME + turn, np.ones(4)])
    for each in (made, clean):
        each.execute(rows)
    late = made.observation.image("front").astype(float) - clean.observation.image("front")
    assert np.abs(late).max() > 60  # the arm is elsewhere in them
    clean.close()
    made.close()


def test_the_same_seed_gives_the_same_episode_with_noise():
    pictures = []
    for _ in range(2):
        made = ArmEnv(spec(cameras=("front",)))
        made.reset(seed=4)
        made.execute(np.append(panda.HOME + 0.02, 1.0)[None])
        pictures.append(made.observation.image("front"))
        made.close()
    assert (pictures[0] == pictures[1]).all()


class Scripted:
    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def allows(self, question):
        self.asked.append(question)
        return self.answers.pop(0)

    def tells(self, question):
        return ""


def jump():
    return np.append(panda.HOME + 1.0 * np.eye(7)[0], 1.0)[None]


def test_a_halt_ends_the_episode_unless_a_person_lets_the_arm_go_on():
    hold = np.append(panda.HOME, 1.0)[None]
    alone = ArmEnv(spec())
    alone.reset(seed=1)
    outcome = alone.execute(jump())
    assert (outcome.done, outcome.success) == (True, False)
    why = alone.halted
    assert "jumps by 1.000 rad" in why
    alone.reset(seed=1)
    assert alone.halted is None
    operator = Scripted(True)
    watched = ArmEnv(spec(), operator)
    watched.reset(seed=1)
    assert not watched.execute(jump()).done
    assert operator.asked == [f"The arm holds: {why}. May it go on?"]
    assert watched.execute(hold).steps == 1


def test_in_confirm_mode_each_chunk_is_asked_for_and_slow(tmp_path):
    log = tmp_path / "log.jsonl"
    settings = replace(INSTANT, mode="confirm", operator="console", log=str(log))
    operator = Scripted(True, False, False)
    made = ArmEnv(spec(settings), operator)
    made.reset(seed=1)
    before = made._parts.clock.now()
    row = np.append(panda.HOME + 0.002, 1.0)[None]
    assert not made.execute(row).done
    assert made._parts.clock.now() - before == pytest.approx(0.25, abs=0.02)
    assert made.execute(row).done
    assert made.halted == "a person refused the chunk"
    assert len(operator.asked) == 3
    made.close()
    events = [line.split('"event": "')[1].split('"')[0] for line in log.read_text().splitlines()]
    assert events == ["episode", "chunk", "chunk", "halt", "ended"]


def test_a_person_sees_where_a_chunk_leads_before_it_is_executed(tmp_path):
    path = tmp_path / "shown" / "way.png"
    settings = replace(INSTANT, mode="confirm", operator="console", preview=str(path))
    operator = Scripted(False, False)
    made = ArmEnv(spec(replace(settings, twin=PERFECT), cameras=("front", "wrist")), operator)
    seen = made.reset(seed=1)[0]
    turn = 0.03 * np.arange(1, 21)[:, None] * np.eye(7)[0]
    made.execute(np.column_stack([panda.HOME + turn, np.ones(20)]))
    assert operator.asked[0].startswith(f"See {path}. 20 rows, 0.57 rad at most")
    shown = np.asarray(Image.open(path))
    assert shown.shape == (SIDE, 2 * SIDE, 3)
    tip = panda.forward_kinematics(panda.HOME + turn[-1])[1][:3, 3]
    (pixel,), _ = Camera.from_observation(seen, "front").project(tip[None])
    column, row = np.round(pixel * SIDE / 48).astype(int)
    np.testing.assert_array_equal(shown[row, column], COLOURS["tip"])
    made.close()


def test_zones_of_a_file_stop_the_arm_in_every_command(tmp_path):
    """A wall beside the tip: the environment halts before it, and so does calibration's way."""
    wall = {"lower": [-0.5, 0.2, 0.75], "upper": [0.7, 0.3, 1.6], "name": "wall"}
    (tmp_path / "workspace.json").write_text(json.dumps({"keep_out": [wall]}))
    settings = replace(INSTANT, workspace=str(tmp_path / "workspace.json"))
    turn = 0.05 * np.arange(1, 21)[:, None] * np.eye(7)[0]
    rows = np.column_stack([panda.HOME + turn, np.ones(20)])
    made = ArmEnv(spec(settings))
    made.reset(seed=1)
    assert made.execute(rows).done
    assert "at the wall" in made.halted
    made.close()
    stand = make_stand(CalibrateConfig(cameras=("front",), arm=settings, size=200))
    assert not stand.go(rows[-1, :7])
    assert stand.go(panda.HOME)
    stand.close()


def test_a_policy_that_takes_too_long_halts_the_arm():
    slow = replace(INSTANT, think=3.0, watchdog=Watchdog(policy_deadline=2.0))
    made = ArmEnv(spec(slow))
    made.reset(seed=1)
    made.execute(np.append(panda.HOME, 1.0)[None])
    assert "the policy's answer is 3.000 s old" in made.halted


def test_old_pictures_end_the_episode_and_not_the_run(tmp_path):
    late = replace(INSTANT, twin=TwinSettings(camera_lag=0.3), watchdog=Watchdog(picture_age=0.2))
    late = replace(late, log=str(tmp_path / "log.jsonl"))
    made = ArmEnv(spec(late, cameras=("front",)))
    made.reset(seed=1)
    hold = np.repeat(np.append(panda.HOME, 1.0)[None], 10, axis=0)
    assert not made.execute(hold).done  # the first picture is of the episode's start
    made.execute(hold)
    assert made.observation.image("front").shape == (48, 48, 3)
    assert "the picture of 'front' is 0.3" in made.halted
    outcome = made.execute(hold)
    assert (outcome.done, outcome.success, outcome.steps) == (True, False, 1)
    made.reset(seed=2)
    assert made.halted is None
    made.close()
    assert '"event": "halt", "why": "the picture of' in (tmp_path / "log.jsonl").read_text()


def test_ahead_the_arm_moves_while_the_policy_thinks():
    """With 10 rows left and 0.25 s of thought, five rows pass, and five new ones are dropped."""
    made = ArmEnv(spec(replace(INSTANT, ahead=10, think=0.25)))
    made.reset(seed=1)
    turn = 0.01 * np.arange(1, 41)[:, None] * np.eye(7)[0]
    rows = np.column_stack([panda.HOME + turn, np.ones(40)])
    assert made.execute(rows[:20]).steps == 10
    seen = joint(made)
    assert 0.05 < seen < 0.1
    assert np.abs(made.observation.joint_velocities[0]) > 0.1
    outcome = made.execute(rows[10:30])
    assert outcome.steps == 5 + 20 - 5 - 10
    assert joint(made) == pytest.approx(0.01 * 20, abs=0.02)
    made.reset(seed=1)  # what is left is let go of
    assert np.abs(made.observation.joint_velocities).max() < 0.05


@pytest.mark.parametrize("think", [0.4, 0.6])
def test_ahead_a_chunk_that_lies_behind_fades_in_without_a_jump(think):
    """Policies see no velocities: their chunk begins at rest, half a radian behind the old one."""
    made = ArmEnv(spec(replace(INSTANT, ahead=10, think=think)))
    made.reset(seed=1)
    turn = 0.05 * np.arange(1, 21)[:, None] * np.eye(7)[0]
    made.execute(np.column_stack([panda.HOME + turn, np.ones(20)]))
    seen = made.observation.joint_positions
    assert not made.execute(np.tile(np.append(seen, 1.0), (20, 1))).done
    assert made.halted is None
    made.close()


def test_the_command_evaluates_on_the_twin(monkeypatch, tmp_path, capsys):
    pytest.importorskip("torch")
    from genima_lite import cli

    out = tmp_path / "results.json"
    words = ["eval", "--backend", "arm", "--tasks", "push_button", "--episodes", "1"]
    words += ["--arm.think", "0", "--arm.twin.latency", "0.05", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["genima-lite", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    document = read_json(out)
    assert document["settings"]["arm"]["twin"]["latency"] == 0.05
    assert document["summary"]["push_button"]["successes"] == 1


def test_console_takes_only_a_clear_yes(monkeypatch):
    for typed, said in (("y", True), ("YES", True), ("", False), ("yeah", False)):
        monkeypatch.setattr("builtins.input", lambda _, t=typed: t)
        assert Console().allows("?") is said
    monkeypatch.setattr("builtins.input", lambda _: (_ for _ in ()).throw(EOFError))
    assert not Console().allows("?")


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"driver": "ur5"}, "driver is 'ur5': choose from twin, franky"),
        ({"mode": "fast"}, "mode is 'fast'"),
        ({"driver": "franky"}, "driver franky is for the fr3: set model to it"),
        ({"driver": "panda-py", "model": "fr3"}, "driver panda-py is for the fer"),
        ({"driver": "panda-py", "mode": "slow", "operator": "console"}, "robot's address"),
        ({"driver": "panda-py", "mode": "slow", "address": "1.2.3.4"}, "needs operator console"),
        ({"mode": "confirm"}, "needs operator console"),
        (
            {
                "driver": "panda-py",
                "mode": "confirm",
                "address": "x",
                "operator": "console",
                "ahead": 5,
            },
            "the arm rests while a person looks at a chunk",
        ),
        ({"ahead": -1}, "ahead from 0 rows"),
        ({"preview": "way.jpg"}, r"a file that ends in \.png"),
        ({"think": float("nan")}, "think from 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong, what):
    with pytest.raises(UserError, match=what):
        ArmSettings(**wrong)


def test_what_the_arm_lacks_is_said():
    with pytest.raises(UserError, match="leave depth and mask away"):
        make_env(replace(spec(), depth=True))
    with pytest.raises(UserError, match="leave ahead away"):
        list(make_env(spec(replace(INSTANT, ahead=3))).expert_stretches())
    with pytest.raises(UserError, match="latency is 2"):
        TwinSettings(latency=2)
    with pytest.raises(UserError, match="add --backend arm"):
        Evaluation(arm=ArmSettings(mode="normal"))


def test_what_a_person_notes_is_in_the_log(tmp_path):
    log = tmp_path / "log.jsonl"
    operator = Scripted()
    operator.tells = lambda question: "the lid wobbled" if "note" in question else ""
    made = ArmEnv(spec(replace(INSTANT, log=str(log))), operator)
    made.reset(seed=1)
    made.happened(True)
    made.close()
    last = json.loads(log.read_text().splitlines()[-1])
    assert (last["event"], last["success"], last["note"]) == ("ended", True, "the lid wobbled")


def test_without_a_twin_the_film_is_what_the_front_camera_sees():
    made = ArmEnv(spec(replace(INSTANT, twin=PERFECT), cameras=("wrist", "front"), size=48))
    made.reset(seed=1)
    seen = made.observation.front_rgb
    made._parts = replace(made._parts, extra=None)
    np.testing.assert_array_equal(made.film_frame(48), seen)
    made._parts = replace(made._parts, cameras=())
    assert not made.film_frame(32).any()
