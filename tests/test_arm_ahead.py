"""A robot that moves while the policy thinks, in the wall's time: a double that notes when it was
sent what.
"""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("ruckig")

from genima_lite import panda
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.drivers.base import DriverArm
from genima_lite.envs.arm.drivers.parts import SetTable
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.env import ArmEnv
from genima_lite.envs.arm.meanwhile import Meanwhile
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.errors import UserError

ROWS = np.column_stack([panda.HOME + 0.01 * np.arange(1, 61)[:, None] * np.eye(7)[0], np.ones(60)])
"""(60, 8): the first joint turns by 0.01 rad a row."""


class Noted(DriverArm):
    """A robot that is where it was told, and notes when it was."""

    model, period = "fer", 0.01

    def __init__(self, clock):
        super().__init__("robot", clock)
        self.q, self.sent, self.broken, self.held_up = panda.to_franka(panda.HOME), [], False, 0.0

    def connect(self):
        pass

    def guide(self, on):
        raise UserError("no")

    def _state(self):
        errors = "reflex" if self.broken else None
        return self._clock.now(), self.q, np.zeros(7), np.zeros(7), errors

    def _set_target(self, joints, velocities):
        if self.broken:
            raise RuntimeError("reflex")
        time.sleep(self.held_up)
        self.held_up, self.q = 0.0, joints
        self.sent.append((self._clock.now(), joints[0], velocities[0]))

    def _end_loop(self):
        pass

    def _clear_errors(self):
        self.broken = False

    def since(self, number):
        """Return times, joint 1 and its velocity, (n, 3), sent from a number on."""
        return np.array(self.sent[number:])


@pytest.fixture
def env(request, tmp_path):
    ahead = getattr(request, "param", 10)
    settings = ArmSettings(
        "panda-py", "normal", address="robot", operator="console", ahead=ahead,
        log=str(tmp_path / "log.jsonl"),
    )  # fmt: skip
    operator = SimpleNamespace(allows=lambda asked: "go on" not in asked, tells=lambda _: "")
    clock, gripper = WallClock(), SimpleNamespace(width=lambda: 0.08)
    gripper.connect = gripper.close = lambda: None
    table = SetTable("push_button", operator)
    parts = Backend(clock, Noted(clock), gripper, (), table, None, live=True)
    made = ArmEnv(
        EnvSpec("push_button", (), 48, backend="arm", arm=settings), operator, parts=parts
    )
    made.reset()
    yield made
    made.close()


def robot(env):
    return env._parts.arm


def turned(env):
    """Return how many rows far the first joint is."""
    return (robot(env).q[0] - panda.to_franka(panda.HOME)[0]) / 0.01


def test_it_moves_on_while_the_policy_thinks_and_what_has_passed_is_dropped(env):
    assert env.execute(ROWS[:20]).steps == 10
    assert env.observation is not None
    time.sleep(0.23)  # within the fifth row
    before = len(robot(env).sent)
    assert 3 < turned(env) - 10 < 7
    outcome = env.execute(ROWS[10:30])
    assert not outcome.done
    assert outcome.steps == pytest.approx(10, abs=1)  # up to row 20, where ten are left
    assert turned(env) == pytest.approx(20, abs=1.5)
    sent = robot(env).since(0)
    assert np.abs(np.diff(sent[:, 1])).max() < 0.004, "it jumps where chunks meet"
    assert sent[before - 10 : before + 10, 2].min() > 0.1, "it rests where chunks meet"


def test_a_policy_that_never_answers_leaves_it_at_rest(env):
    env.execute(ROWS[:20])
    time.sleep(0.8)
    assert turned(env) == pytest.approx(20, abs=0.1)
    assert abs(robot(env).since(-1)[0, 2]) < 0.01
    before = len(robot(env).sent)
    assert env.execute(ROWS[10:30]).steps == 11  # ten passed, one is new, nine are left
    sent = robot(env).since(before)
    assert np.abs(np.diff(sent[:, 1])).max() < 0.004


def test_an_episode_that_ends_early_brings_it_to_rest_within_a_row(env):
    env.execute(ROWS[:20])
    env.reset()
    assert turned(env) < 14
    assert abs(robot(env).since(-1)[0, 2]) < 1e-6


def test_a_fault_meanwhile_ends_the_episode_and_nothing_more_is_sent(env, tmp_path):
    env.execute(ROWS[:20])
    robot(env).broken = True
    time.sleep(0.15)
    before = len(robot(env).sent)
    outcome = env.execute(ROWS[10:30])
    assert outcome.done
    assert "reflex" in env.halted
    assert len(robot(env).sent) == before
    events = [
        json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text().splitlines()
    ]
    assert events[-2:] == ["halt", "ended"]


@pytest.mark.parametrize("env", [0], indirect=True)
def test_what_was_missed_is_not_made_up_for_in_haste(env):
    """Neither after a rest nor where the process is held up for a moment."""
    time.sleep(0.3)
    begun = time.monotonic()
    env.execute(ROWS[:10])
    assert time.monotonic() - begun > 0.45
    time.sleep(0.3)
    robot(env).held_up, before = 0.2, len(robot(env).sent)
    env.execute(ROWS[10:20])
    sent = robot(env).since(before)
    assert sent[-1, 0] - sent[0, 0] > 0.4
    assert (sent[20:, 0] - sent[:-20, 0]).min() > 0.1, "0.2 s worth of samples within 0.1 s"


def test_steps_end_when_told_and_errors_are_kept():
    def steps():
        for k in range(3):
            yield np.full(8, k)
        raise ValueError("wrong")

    meanwhile = Meanwhile()
    assert meanwhile.end() == ([], None)
    meanwhile.begin(steps())
    meanwhile._thread.join()
    rows, wrong = meanwhile.end()
    assert [int(row[0]) for row in rows] == [0, 1, 2]
    assert "wrong" in str(wrong)
    assert meanwhile.end() == ([], None)
