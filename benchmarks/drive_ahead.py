"""Let an emulated FR3 move on while a policy thinks: the arm's whole environment over our driver.

    python benchmarks/drive_ahead.py --server 'franky-sim -s mujoco' --ahead 10

The policy knows a smooth path in time, and takes `--think` seconds to say where it leads from what
it sees on. With `--ahead 0` the arm rests meanwhile. See `drive_emulator.py` for what is needed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
from drive_emulator import READY, RobotClock, Track, connected, follow, straight

from genima_lite import panda
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.drivers.franky_arm import FrankyArm
from genima_lite.envs.arm.drivers.parts import SetTable
from genima_lite.envs.arm.env import ArmEnv
from genima_lite.envs.arm.limits import FR3
from genima_lite.envs.arm.safety import SafetyFilter
from genima_lite.envs.arm.settings import ArmSettings

SWING, PERIODS = np.array([0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3]), np.arange(4.0, 11.0)
"""Radians and seconds with which joints swing around the ready posture."""


class Person:
    """Allows what is asked, but not to go on after a halt."""

    def allows(self, question: str) -> bool:
        return "go on" not in question

    def tells(self, question: str) -> str:
        return ""


class Watched:
    """An arm that notes when it was sent what; everything else is the driver's."""

    def __init__(self, arm: FrankyArm, clock: RobotClock):
        self._arm, self._clock = arm, clock
        self.sent: list[np.ndarray] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arm, name)

    def connect(self) -> None:
        """It is connected."""

    def send(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        self._arm.send(joints, velocities)
        self.sent.append(np.concatenate([[self._clock.now()], joints, velocities]))


def path(seconds: np.ndarray) -> np.ndarray:
    """Return joints (n, 7), Franka's, at times (n,)."""
    return READY + SWING * np.sin(2 * np.pi * np.asarray(seconds)[:, None] / PERIODS)


def environment(arm: Watched, clock: RobotClock, ahead: int) -> ArmEnv:
    """Return the environment, without cameras, its gripper a double."""
    settings = ArmSettings("franky", "normal", "fr3", "127.0.0.1", operator="console", ahead=ahead)
    none = SimpleNamespace(connect=int, close=int, width=lambda: 0.08)
    table = SetTable("push_button", Person())
    parts = Backend(clock, arm, none, (), table, lambda *_: None, live=True)
    spec = EnvSpec("push_button", (), 48, backend="arm", arm=settings)
    made = ArmEnv(spec, Person(), parts=parts)
    table.time_limit = 10**6
    return made


def drive(env: ArmEnv, clock: RobotClock, seconds: float, think: float) -> dict[str, Any]:
    """Run the policy; return how far it came and why it ended."""
    env.reset()
    begun, wrong, waited = clock.now(), [], 0.0
    while env.halted is None and clock.now() - begun - waited < seconds:
        seen = clock.now()
        there = panda.to_franka(env.observation.joint_positions)
        wrong.append(np.abs(there - path(np.array([seen - begun - waited]))).max())
        clock.sleep_until(seen + think)
        rows = path(seen - begun - waited + 0.05 * np.arange(1, 21))
        if not env.settings.ahead or len(wrong) == 1:  # the arm rested meanwhile
            waited += clock.now() - seen
        env.execute(np.column_stack([panda.from_franka(rows), np.ones(20)]))
    env.close()
    return {
        "seconds": clock.now() - begun, "decisions": len(wrong), "halted": env.halted,
        "off mean": float(np.mean(wrong)), "off max": float(np.max(wrong)),
        "held up": env.log.counts.get("late", 0), "slowed": env.log.counts.get("slowed", 0),
    }  # fmt: skip


def motion(sent: np.ndarray) -> dict[str, float]:
    """Return what was sent, (n, 15): the longest time without anything, and the share of time in
    which the arm was to rest.
    """
    gaps, slow = np.diff(sent[:, 0]), np.abs(sent[:-1, 8:]).max(axis=1) < 0.005
    return {
        "longest gap": float(gaps.max()), "late by 10 ms": float((gaps > 0.02).mean()),
        "share at rest": float(gaps[slow].sum() / gaps.sum()),
        "largest stride": float(np.abs(np.diff(sent[:, 1:8], axis=0)).max()),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="franky-sim -s mujoco")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the robot's time")
    parser.add_argument("--think", type=float, default=0.4, help="seconds of the policy")
    parser.add_argument("--ahead", type=int, default=10, help="rows left when it is asked")
    chosen = parser.parse_args()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(shlex.split(chosen.server), **quiet)
    try:
        arm, clock = connected("127.0.0.1")
        found = SafetyFilter(FR3)
        found.begin(arm.read().joints)
        follow(arm, clock, found, straight(found.state.joints, READY), Track())
        watched = Watched(arm, clock)
        result = drive(
            environment(watched, clock, chosen.ahead), clock, chosen.seconds, chosen.think
        )
    finally:
        server.kill()
    result |= motion(np.array(watched.sent))
    print(json.dumps(result, indent=1))
    return 0 if result["halted"] is None and result["largest stride"] < 0.05 else 1


if __name__ == "__main__":
    sys.exit(main())
