"""Recording by hand, on the twin: what is stored, what a kill leaves, which hands there are."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ruckig")

from genima_lite import panda
from genima_lite.commands import COMMANDS
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.journal import About, Journal
from genima_lite.demos.layout import DatasetError, iterate_episodes
from genima_lite.demos.read import read_episode, read_sentences
from genima_lite.demos.record import UNFINISHED, RecordConfig, Recorder
from genima_lite.demos.replay import replay
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.api import ArmState
from genima_lite.envs.arm.env import ArmEnv
from genima_lite.envs.arm.hands.api import Discarded, HandSettings, make_hand
from genima_lite.envs.arm.hands.gamepad import Gamepad
from genima_lite.envs.arm.hands.guiding import Guiding
from genima_lite.envs.arm.hands.keyboard import Keyboard
from genima_lite.envs.arm.hands.leader import Leader, leader_arm
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD, Observation, Recording

EASY = RecordConfig(("push_button",), 1, image_size=32, cameras=("front",))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    root = tmp_path_factory.mktemp("recorded")
    list(Recorder(root, EASY).run())
    return root


@pytest.fixture
def env():
    made = ArmEnv(EnvSpec("push_button", (), 32, backend="arm"))
    made.reset(seed=1)
    yield made
    made.close()


def episode(root):
    (found,) = iterate_episodes(root)
    return found.path


def test_a_recording_says_who_led_which_arm_and_when(recorded):
    demo = read_episode(episode(recorded))
    told = demo.recording
    assert (told.arm, told.driver, told.hand) == ("fer", "twin", "expert")
    assert told.instruction == read_sentences(episode(recorded))[0][0]
    assert np.diff(told.seconds).min() > 0.99 * CONTROL_PERIOD
    assert len(told.seconds) == len(demo)
    assert demo[0].front_rgb.shape == (32, 32, 3)


def test_what_the_twins_expert_led_is_replayed_on_the_twin(recorded):
    (found,) = replay(recorded, "arm")
    assert found.success
    assert found.deviation < 1e-6


def test_an_episode_that_is_there_is_not_recorded_again(recorded):
    before = episode(recorded).stat().st_mtime_ns
    assert list(Recorder(recorded, EASY).run()) == [episode(recorded)]
    assert episode(recorded).stat().st_mtime_ns == before
    with pytest.raises(UserError, match="image_size"):
        list(Recorder(recorded, replace(EASY, image_size=48)).run())


def test_pushed_by_hand_the_commands_are_where_the_arm_was(tmp_path):
    config = replace(EASY, lead=HandSettings("guiding"))
    list(Recorder(tmp_path, config).run())
    demo = read_episode(episode(tmp_path))
    assert demo.recording.hand == "guiding"
    reached = np.array([seen.joint_positions for seen in demo])[1:]
    np.testing.assert_allclose(demo.actions()[:, :7], reached, atol=1e-9)


def test_another_arms_demonstration_is_not_replayed(recorded, tmp_path):
    with pytest.raises(DatasetError, match="recorded on a fer, and this arm is a fr3"):
        list(replay(recorded, "arm", ArmSettings(model="fr3")))
    shutil.copytree(recorded, tmp_path / "copy")
    (episode(tmp_path / "copy") / "recording.json").unlink()
    env = ArmEnv(EnvSpec("push_button", (), 32, backend="arm", arm=ArmSettings(model="fr3")))
    demo = read_episode(episode(tmp_path / "copy"), kinds=())
    for seen in demo:  # joint 6 near 0: legal on a FER only
        seen.joint_positions = seen.joint_positions * [1, 1, 1, 1, 1, 0, 1]
    with pytest.raises(UserError, match="joint 6 goes .* beyond what a fr3 allows"):
        env.reset_to(demo)
    env.close()


def test_a_broken_recording_is_refused(recorded, tmp_path):
    shutil.copytree(recorded, tmp_path / "copy")
    path = episode(tmp_path / "copy") / "recording.json"
    content = json.loads(path.read_text())
    for change, words in (
        ({"seconds": [0.0, 0.1]}, "seconds should be"),
        ({"seconds": content["seconds"][::-1]}, "ascending"),
        ({"arm": "ur5"}, "choose from fer, fr3"),
        ({"hand": 3}, "hand"),
    ):
        path.write_text(json.dumps(content | change))
        with pytest.raises(DatasetError, match=words):
            read_episode(path.parent)
        (problem,) = inspect_dataset(tmp_path / "copy")["problems"]
        assert re.search(words, problem["message"])


def seen(joints, picture=0):
    _, tip = panda.forward_kinematics(joints)
    misc = {"variation_index": 0, "joint_position_action": np.append(joints, 1.0)}
    return Observation(
        joint_positions=joints, gripper_open=1.0, gripper_matrix=tip,
        front_rgb=np.full((8, 8, 3), picture, np.uint8), misc=misc,
    )  # fmt: skip


def test_what_a_kill_cut_off_is_rescued(tmp_path):
    recording = Recording("fer", "twin", "expert", "press", "2026-11-27T12:00:00+00:00", [])
    journal = Journal(tmp_path, About("push_button", 2, ["press", "push"], recording, {"a": 1}))
    for t in range(4):
        journal.add(0.05 * t, seen(panda.HOME + 0.01 * t, t))
    journal._thread.shutdown()  # as far as a killed process came
    last = tmp_path / ".recording/3.npz"
    last.write_bytes(last.read_bytes()[:-30])
    (tmp_path / UNFINISHED / ".partial/push_button/0123/episode0").mkdir(parents=True)
    (path,) = Recorder(tmp_path, EASY).rescued()
    assert path == tmp_path / UNFINISHED / "push_button/variation2/episodes/episode0"
    demo = read_episode(path)
    assert len(demo) == 3
    assert not (tmp_path / UNFINISHED / ".partial").exists()
    np.testing.assert_array_equal(demo[2].joint_positions, panda.HOME + 0.02)
    assert (demo[2].front_rgb == 2).all()
    assert demo.recording.seconds == [0.0, 0.05, 0.1]
    assert list(Recorder(tmp_path, EASY).rescued()) == []


def test_what_a_kill_left_broken_is_refused_by_name(tmp_path):
    recording = Recording("fer", "twin", "expert", "press", "2026-11-27T12:00:00+00:00", [])
    with (
        suppress(RuntimeError),
        Journal(tmp_path, About("../../evil", 0, ["press"], recording, None)) as journal,
    ):
        journal.add(0.0, seen(panda.HOME))
        raise RuntimeError
    with pytest.raises(UserError, match=r"\.recording: broken .*move it elsewhere"):
        list(Recorder(tmp_path, EASY).rescued())
    assert (tmp_path / ".recording/0.npz").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_command_loses_nothing(tmp_path):
    command = [sys.executable, "-m", "genima_lite", "record", "--out", str(tmp_path)]
    command += ["--tasks", "push_button", "--image-size", "32", "--cameras", "front"]
    command += ["--episodes", "1", "--arm.twin.real-time"]
    root = Path(__file__).parents[1]
    process = subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / ".recording/5.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    (path,) = Recorder(tmp_path, EASY).rescued()
    assert len(read_episode(path)) >= 6
    assert not list(iterate_episodes(tmp_path))


class Script:
    """Keys as pressed from call to call; then enter."""

    def __init__(self, *pressed):
        self.left = list(pressed)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def pressed(self):
        return self.left.pop(0) if self.left else "\n"


def tip(env):
    return np.array(env.observation.gripper_pose[:3])


def test_keys_move_the_tip_and_the_gripper(env):
    start, frames = tip(env), []
    keys = Script(*["s"] * 10, "", "", "", "", " ", *[""] * 4)
    outcome = env.stream(Keyboard(keys).rows(env), frames.append)
    assert not outcome.done
    moved = tip(env) - start
    assert -0.1 < moved[0] < -0.07
    assert np.abs(moved[1:]).max() < 0.01
    assert env.observation.gripper_open == 0
    assert len(frames) == 19


def test_backspace_throws_the_demonstration_away(env):
    with pytest.raises(Discarded):
        env.stream(Keyboard(Script("s", "s", "\x7f")).rows(env))
    assert not env._filter.state.velocities.any()  # it came to rest all the same


def test_a_gamepad_moves_the_tip(env, tmp_path):
    device = tmp_path / "js0"
    os.mkfifo(device)
    hand = Gamepad(str(device))
    rows = hand.rows(env)

    def event(value, kind, number):
        return struct.pack("IhBB", 0, value, kind, number)

    hand._open()
    with device.open("wb", buffering=0) as pad:
        pad.write(event(0, 0x81, 0) + event(32767, 2, 1))
        start = next(rows)
        for _ in range(9):
            last = next(rows)
        pad.write(event(1, 1, 0))
        assert next(rows)[7] != last[7]
        pad.write(event(1, 1, 7))
        assert next(rows, None) is None
    before, after = (panda.forward_kinematics(each[:7])[1][:3, 3] for each in (start, last))
    assert before[0] - after[0] == pytest.approx(9 * 0.15 * 0.05, rel=0.1)
    hand.close()
    with pytest.raises(UserError, match="no gamepad"):
        next(Gamepad(str(tmp_path / "none")).rows(env))


class LeaderArm:
    """An arm that somebody turns at joint 1."""

    def __init__(self, off=0.0):
        self.joints, self.said = panda.to_franka(panda.HOME) + off, []

    def connect(self):
        self.said.append("connect")

    def guide(self, on):
        self.said.append(on)

    def read(self):
        self.joints = self.joints + 0.01 * np.eye(7)[0]
        return ArmState(0.0, self.joints, np.zeros(7), np.zeros(7))

    def close(self):
        self.said.append("close")


def test_a_follower_goes_where_its_leader_is(env):
    leader = LeaderArm()
    hand = Leader(leader, Script(*[""] * 20))
    env.stream(hand.rows(env))
    hand.close()
    assert env.observation.joint_positions[0] == pytest.approx(leader.joints[0], abs=0.01)
    assert leader.said == ["connect", True, False, "close"]
    with pytest.raises(UserError, match=r"leader's joint \d is \+0\.\d+ rad"):
        env.stream(Leader(LeaderArm(0.5), Script()).rows(env))


def test_a_hand_that_jumps_halts_the_arm(env):
    jump = np.append(panda.HOME + 0.9 * np.eye(7)[0], 1.0)
    assert env.stream(iter([np.append(panda.HOME, 1.0), jump])).done
    assert "jumps by" in env.halted


def test_guiding_sends_nothing(env):
    sent = []
    env._parts.arm.send = lambda *given: sent.append(given)
    env._parts.extra.push = lambda joints: None
    env.guide(Guiding(Script("", " ", "")).rows(env))
    assert sent == []
    assert env.observation.gripper_open == 0


def test_hands_and_settings_that_do_not_go_together_are_refused():
    for words, make in (
        ("choose from expert", lambda: HandSettings("foot")),
        ("needs it", lambda: HandSettings("leader")),
        ("leader is for hand leader", lambda: HandSettings("expert", leader="franky:1")),
        ("hand expert is for the twin", lambda: make_hand(HandSettings(), on_twin=False)),
        ("give panda-py: and its address", lambda: leader_arm("franky:1.2.3.4")),
        ("ahead is for policies", lambda: replace(EASY, arm=ArmSettings(ahead=3))),
        ("unknown task", lambda: RecordConfig(("dance",))),
    ):
        with pytest.raises(UserError, match=words):
            make()


def test_folder_and_cameras_are_checked_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match="no camera 'nose'"):
        RecordConfig(("push_button",), cameras=("nose",))
    for cameras, words in (((), "at least one camera"), (("front", "front"), "name each once")):
        with pytest.raises(UserError, match=words):
            RecordConfig(("push_button",), cameras=cameras)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is no folder"):
        Recorder(tmp_path / "file", RecordConfig(("push_button",)))


@pytest.mark.parametrize(
    ("hand", "words"),
    [
        (HandSettings("keyboard"), "keys are read from a terminal"),
        (HandSettings("leader", leader="panda-py:1.2.3.4"), "keys are read from a terminal"),
        (HandSettings("gamepad", gamepad="/dev/input/none"), "no gamepad"),
        (HandSettings("gamepad", gamepad="/dev/zero"), "no gamepad"),
        (HandSettings("gamepad", gamepad=__file__), "no gamepad"),
    ],
)
def test_a_hand_without_its_device_leaves_no_folder(tmp_path, monkeypatch, hand, words):
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UserError, match=words):
            Recorder(tmp_path / "out", replace(EASY, lead=hand))
    assert not (tmp_path / "out").exists()


def test_the_command_records(tmp_path, monkeypatch):
    monkeypatch.setattr("genima_lite.commands.stopped", lambda _: nullcontext())
    assert COMMANDS["record"]([])(tmp_path, EASY) == 0
    assert len(list(iterate_episodes(tmp_path))) == 1
