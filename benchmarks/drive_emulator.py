"""Drive an emulated FR3 with our driver: connect, home, stream chunks, stop, recover, kill.

    python benchmarks/drive_emulator.py --server 'franky-sim -s mujoco' --seconds 60 --agent LOG

With `--agent` chunks are those that an agent decided on, from an arm's log (`--arm.log`), again and
again; else random ones. Runs where `franky-control` and the emulator are installed, `franky-sim` or
`franka-sim`. Time is the robot's own: an emulator on a busy machine is slower than the wall, and
targets sent by the wall's clock would run away from it. `--abort` also sends what no filter lets
through, a jump, to an emulator that refuses it (`run-franka-sim-server --enforce-motion-limits`).
Ends with exit code 1 if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from genima_lite.envs.arm.api import ArmError
from genima_lite.envs.arm.drivers.franky_arm import FrankyArm
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.limits import FR3
from genima_lite.envs.arm.safety import SafetyFilter, Stream
from genima_lite.errors import UserError

JUMP = np.array([0.0, 0.0, 0.0, 0.6, 0.0, 0.0, 0.0])
"""Radians that no robot jumps by."""

THINK = 0.1
"""Seconds that an agent thinks, the arm at rest."""

READY = np.array([0.0, -0.5, 0.0, -2.0, 0.0, 1.6, 0.785])


class RobotClock(WallClock):
    """Seconds of the robot's own clock, once it is connected."""

    robot = None

    def now(self) -> float:
        return time.monotonic() if self.robot is None else self.robot.state.time.to_sec()

    def sleep_until(self, seconds: float) -> None:
        last, since = self.now(), time.monotonic()
        while (now := self.now()) < seconds:
            time.sleep(0.0005)
            if now > last:
                last, since = now, time.monotonic()
            if time.monotonic() - since > 10:
                raise ArmError("the emulator stands still")


def connected(address: str) -> tuple[FrankyArm, RobotClock]:
    """Return the arm as soon as the emulator answers."""
    for _ in range(60):
        clock = RobotClock()
        arm = FrankyArm(address, clock, realtime=False)
        try:
            arm.connect()
        except UserError as error:
            wrong = error
            time.sleep(1)
            continue
        clock.robot = arm._robot
        return arm, clock
    raise wrong


class Track:
    """What was sent, and where the arm was.

    Attributes:
        off: radians by which each row was missed at its end.
    """

    def __init__(self) -> None:
        self.off: list[float] = []
        self._sent: list[np.ndarray] = []
        self._seen: list[np.ndarray] = []

    def sent(self, seconds: float, joints: np.ndarray) -> None:
        self._sent.append(np.append(seconds, joints))

    def seen(self, seconds: float, joints: np.ndarray, row: np.ndarray) -> None:
        self._seen.append(np.append(seconds, joints))
        self.off.append(float(np.abs(joints - row).max()))

    def lag(self) -> tuple[float, float]:
        """Return the seconds by which the arm trails what it was sent, those that fit best, and the
        mean of the largest joints' radians that it is off when they are taken out.
        """
        sent, seen = np.array(self._sent), np.array(self._seen)
        mean = {}
        for shift in np.arange(0.0, 0.3, 0.002):
            then = [np.interp(seen[:, 0] - shift, sent[:, 0], each) for each in sent[:, 1:].T]
            mean[shift] = float(np.abs(np.array(then).T - seen[:, 1:]).max(axis=1).mean())
        best = min(mean, key=lambda shift: mean[shift])
        return float(best), mean[best]


def follow(
    arm: FrankyArm, clock: RobotClock, found: SafetyFilter, way: np.ndarray, track: Track
) -> None:
    """Send joints (n, 7), 50 ms each, through the filter."""
    rows = found.check(np.column_stack([way, np.ones(len(way))]), arm.read().joints)
    stream, start = Stream(arm.period), clock.now()
    for k, row in enumerate(rows):
        motion = found.follow(row[:7], rows[k + 1, :7] if k + 1 < len(rows) else None)
        times, states = stream.samples(motion)
        for at, state in zip(times, states, strict=True):
            clock.sleep_until(start + at)
            arm.send(state[0], state[1])
            track.sent(start + at, state[0])
        start += motion.seconds
        clock.sleep_until(start)
        track.seen(clock.now(), arm.read().joints, row[:7])


def straight(here: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return rows (n, 7) that lead slowly from joints (7,) to others."""
    count = int(np.ceil(np.abs(goal - here).max() / 0.03)) + 1
    return np.linspace(here, goal, count + 1)[1:]


def random_chunks(seed: int) -> Iterator[np.ndarray]:
    """Yield chunks (20, 7) around the ready posture without end."""
    rng, here, ease = np.random.default_rng(seed), READY, np.linspace(0, 1, 21)[1:, None]
    while True:
        goal = READY + rng.uniform(-0.3, 0.3, 7)
        yield here + (10 - 15 * ease + 6 * ease**2) * ease**3 * (goal - here)
        here = goal


def agent_chunks(log: Path) -> Iterator[np.ndarray]:
    """Yield the chunks (n, 7) of an arm's log, again and again."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    chunks = [np.array(each["asked"])[:, :7] for each in lines if each["event"] == "chunk"]
    if not chunks:
        raise UserError(f"{log}: no chunks; make it with --arm.log")
    return cycle(chunks)


def drive(
    arm: FrankyArm, clock: RobotClock, seconds: float, chunks: Iterator[np.ndarray]
) -> dict[str, float]:
    """Go to the ready posture, stream chunks, stop once and recover."""
    found, track, faults = SafetyFilter(FR3), Track(), 0
    found.begin(arm.read().joints)
    follow(arm, clock, found, straight(found.state.joints, READY), Track())
    begun, wall = clock.now(), time.monotonic()
    while clock.now() - begun < seconds:
        chunk = next(chunks)
        if np.abs(chunk[0] - found.state.joints).max() > 0.1:  # another episode begins
            follow(arm, clock, found, straight(found.state.joints, chunk[0]), track)
        follow(arm, clock, found, chunk, track)
        clock.sleep_until(clock.now() + THINK)
        faults += arm.read().fault is not None
    lasted = clock.now() - begun
    speed = lasted / (time.monotonic() - wall)
    arm.stop()
    stopped = arm.read().fault is not None
    arm.recover()
    found.begin(arm.read().joints)
    again, (lag, rest) = Track(), track.lag()
    follow(arm, clock, found, np.repeat(found.state.joints[None], 3, axis=0), again)
    return {
        "rows": len(track.off), "seconds": lasted, "of real time": speed, "faults": faults,
        "tracking mean": float(np.mean(track.off)), "tracking max": float(np.max(track.off)),
        "lag": lag, "tracking without lag": rest,
        "stopped": float(stopped), "after recovery": max(again.off),
    }  # fmt: skip


def aborted(arm: FrankyArm, clock: RobotClock) -> str:
    """Send a jump past the filter until the robot stops by itself, and recover; return its words.

    Raises:
        ArmError: it does not recover.
    """
    jump, begun, words = arm.read().joints + JUMP, clock.now(), ""
    while not words and clock.now() - begun < 2:
        try:
            arm.send(jump, np.zeros(7))
            words = arm.read().fault or ""
            clock.sleep_until(clock.now() + arm.period)
        except ArmError as error:
            words = str(error)
    arm.stop()
    arm.recover()
    return words if arm.read().fault is None else ""


def killed(arm: FrankyArm, server: subprocess.Popen) -> tuple[float, str]:
    """Kill the emulator; return after how many seconds of the wall the driver says so, and how."""
    held = arm.read().joints
    server.kill()
    since = time.monotonic()
    while time.monotonic() - since < 20:
        try:
            arm.send(held, np.zeros(7))
            arm.read()
        except ArmError as error:
            return time.monotonic() - since, str(error)
        time.sleep(0.02)
    return float("nan"), "no error within 20 s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="franky-sim -s mujoco")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the robot's time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--agent", type=Path, help="an arm's log, whose chunks are sent")
    parser.add_argument("--abort", action="store_true", help="the emulator refuses jumps")
    chosen = parser.parse_args()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(shlex.split(chosen.server), **quiet)
    try:
        arm, clock = connected(chosen.address)
        found = random_chunks(chosen.seed) if chosen.agent is None else agent_chunks(chosen.agent)
        result = drive(arm, clock, chosen.seconds, found)
        abort = aborted(arm, clock) if chosen.abort else "not tried"
        after, words = killed(arm, server)
    finally:
        server.kill()
    print(json.dumps({**result, "abort": abort, "told after": after, "words": words}, indent=1))
    good = result["faults"] == 0 and result["stopped"] and abort and after < 20
    return 0 if good and result["tracking max"] < 0.2 and result["after recovery"] < 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
