"""Recordings in an arm's place: the arm's contract, what is compared, what ends it."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("ruckig")

from genima_lite import panda
from genima_lite.demos.layout import DatasetError, iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.record import RecordConfig, Recorder
from genima_lite.demos.replay import replay
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.backend import make_backend
from genima_lite.envs.arm.env import ArmEnv
from genima_lite.envs.arm.operators import Nobody
from genima_lite.envs.arm.settings import ArmSettings, ReplaySettings
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.observation import Demo, Observation, Recording
from tests.arm_contract import CONTRACT

CAMERAS = ("front", "wrist")
PLAYED = ArmSettings(driver="replay")


def spec(settings=PLAYED, cameras=CAMERAS, size=32):
    return EnvSpec("push_button", cameras, size, backend="arm", arm=settings)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    root = tmp_path_factory.mktemp("recorded")
    list(Recorder(root, RecordConfig(("push_button",), 1, image_size=32, cameras=CAMERAS)).run())
    return root


@pytest.fixture(scope="module")
def demo(recorded):
    (found,) = iterate_episodes(recorded)
    return read_episode(found.path)


class Filmed:
    """The twin's clock, which keeps what arm and commands were every 10 ms."""

    def __init__(self, backend):
        self._backend, self.frames, self.seconds = backend, [], []
        self._sent = backend.arm.read().joints
        self._keep()

    def sent(self, joints):
        self._sent = joints

    def now(self):
        return self._backend.clock.now()

    def sleep_until(self, seconds):
        while self.now() < seconds - 1e-9:
            self._backend.clock.sleep_until(min(seconds, self.now() + 0.01))
            self._keep()

    def _keep(self):
        state = self._backend.arm.read()
        misc = {"joint_position_action": np.append(panda.from_franka(self._sent), 1.0)}
        joints = panda.from_franka(state.joints)
        self.frames.append(Observation(joint_positions=joints, gripper_open=1.0, misc=misc))
        self.seconds.append(self.now())

    def demo(self):
        made = Recording("fer", "twin", "none", "move", "2026-05-01T00:00:00+00:00", self.seconds)
        return Demo(self.frames, recording=made)


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_a_recording_of_an_arm_keeps_what_every_arm_must(check, monkeypatch):
    """The twin is put through the check and recorded; then the recording is."""
    twin = make_backend(spec(ArmSettings(), cameras=()), ArmSettings(), Nobody())
    twin.table.reset(1, {})
    film, send = Filmed(twin), twin.arm.send
    monkeypatch.setattr(twin.arm, "send", lambda q, v: (film.sent(q), send(q, v)))
    check(twin.arm, film)
    film.sleep_until(film.now() + 0.05)
    played = make_backend(spec(cameras=()), PLAYED, Nobody())
    for device in played.devices:
        device.connect()
    played.table.restore(film.demo())
    check(played.arm, played.clock)
    assert played.told()["deviation"]["largest"] < 0.06


def test_joints_pictures_and_cameras_are_those_of_the_recording(demo):
    env = ArmEnv(spec(size=16))
    env.reset_to(demo)
    assert not env.success
    number = 0

    def compare(now):
        nonlocal number
        number += 1
        seen, then = now.observation, demo[number]
        np.testing.assert_allclose(seen.joint_positions, then.joint_positions, atol=1e-3)
        assert seen.gripper_open == then.gripper_open
        small = then.front_rgb.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
        assert np.abs(seen.front_rgb - small).max() <= 1
        for name, scale in (("extrinsics", 1), ("intrinsics", [[0.5], [0.5], [1]])):
            key = f"wrist_camera_{name}"
            np.testing.assert_allclose(seen.misc[key], then.misc[key] * np.array(scale))

    outcome = env.execute(demo.actions(), compare)
    assert (outcome.success, outcome.done, outcome.steps) == (True, True, len(demo) - 1)
    assert number == len(demo) - 1
    env.close()


def test_a_command_that_differs_too_much_ends_it_and_the_log_says_by_how_much(demo, tmp_path):
    log = tmp_path / "log.jsonl"
    settings = replace(PLAYED, log=str(log), replay=ReplaySettings(0.04))
    env = ArmEnv(spec(settings))
    env.reset(options={"demo": demo})
    rows = demo.actions()[:10]
    rows[:, 0] += np.minimum(0.01 * np.arange(10), 0.06)
    outcome = env.execute(rows)
    assert (outcome.success, outcome.done) == (False, True)
    assert "the recording goes another way from 0." in env.halted
    assert "joint 1 is sent to" in env.halted
    env.close()
    told = json.loads(log.read_text().splitlines()[-1])
    assert 0.04 < told["deviation"]["largest"] < 0.06
    assert told["played"] < told["recorded"]


def test_a_gripper_that_was_not_moved_ends_it(demo):
    env = ArmEnv(spec())
    env.reset_to(demo)
    open_then = demo[0].gripper_open
    row = np.append(demo[0].joint_positions, 1 - open_then)
    env.execute(row[None])
    assert "and did not in the recording" in env.halted
    env.close()


def test_recordings_are_replayed_and_evaluated_without_arm_or_simulation(
    recorded, tmp_path, monkeypatch, capsys
):
    (found,) = replay(recorded, "arm", PLAYED)
    assert found.success
    assert found.deviation < 1e-3
    with pytest.raises(DatasetError, match="recorded on a fer, and this arm is a fr3"):
        list(replay(recorded, "arm", replace(PLAYED, model="fr3")))
    pytest.importorskip("torch")
    from genima_lite import cli

    out = tmp_path / "results.json"
    words = ["eval", "--backend", "arm", "--tasks", "push_button", "--episodes", "1"]
    words += ["--arm.driver", "replay", "--scenes", str(recorded), "--json", str(out)]
    words += ["--policy", "random"]
    monkeypatch.setattr(sys, "argv", ["genima-lite", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, capsys.readouterr()
    assert json.loads(out.read_text())["summary"]["push_button"]["successes"] == 0


def test_what_cannot_be_played_is_said(demo, recorded, tmp_path):
    env = ArmEnv(spec(cameras=("overhead",)))
    with pytest.raises(UserError, match="give their folder as scenes"):
        env.reset(seed=1)
    with pytest.raises(UserError, match="less than two frames"):
        env.reset_to(Demo([demo[0]]))
    env.close()
    with pytest.raises(UserError, match="give their folder as scenes"):
        Evaluation(backend="arm", arm=PLAYED)
    with pytest.raises(UserError, match="moves nothing: leave mode"):
        ArmSettings(driver="replay", mode="slow", operator="console", address="x")
    with pytest.raises(UserError, match="tolerance is 0 rad"):
        ReplaySettings(0)
    with pytest.raises(UserError, match="for the twin"):
        list(Recorder(tmp_path / "new", RecordConfig(("push_button",), 1, arm=PLAYED)).run())


def test_on_the_twin_an_evaluation_starts_in_recorded_scenes(recorded, demo):
    env = ArmEnv(spec(ArmSettings(think=0.0), cameras=()))
    _, info = env.reset(options={"demo": demo})
    assert info["variation"] == 0
    for name, value in env.scene_state().items():
        if name in ("task", "variation"):
            assert value == demo.scene_state[name]
    np.testing.assert_allclose(env.observation.joint_positions, demo[0].joint_positions, atol=1e-3)
    env.close()
