"""A recorded episode in the place of an arm: its joints and pictures, whatever is commanded.

Nothing moves. The arm is where it was then, cameras show what they showed, and each command is
compared with the one that was given at that time: by how much a policy would have done otherwise,
on pictures of a real rig, without the rig. Time goes on while commands are sent and not while a
policy thinks; a stop stops the playing, too. From a command on that lies too far from the recorded
one nothing more is played, since what the arm would have seen is not known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from genima_lite import panda
from genima_lite.cameras import Camera as Pinhole
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.api import ArmError, ArmState, Picture
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.envs.arm.twin.tasks import load_task
from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD, Demo, Observation

PERIOD = 0.01
"""Seconds between two commands."""

_GRIP = 1.0
"""Seconds by which the gripper may be moved before it moved in the recording."""

_SPARE = 20
"""Rows more than were recorded until an episode ends."""

_SAME = 1e-6
"""Seconds that are nothing."""


def make_replay(spec: EnvSpec, settings: ArmSettings) -> Backend:
    """Return the parts of an arm that plays recorded episodes."""
    tape = Tape(settings.replay.tolerance)
    return Backend(
        tape,
        ReplayArm(tape, settings.model),
        ReplayGripper(tape),
        tuple(ReplayCamera(tape, name, spec.image_size) for name in spec.cameras),
        ReplayTable(tape, spec.task),
        lambda name, _: tape.camera(name, spec.image_size),
        told=tape.told,
    )


class Tape:
    """What was recorded, as time goes on; it is the clock, too.

    Args:
        tolerance: radians between commands and the recorded ones.

    Attributes:
        fault: why it stands; `None` while it may go on.
    """

    def __init__(self, tolerance: float):
        self._tolerance, self._now, self._start = tolerance, 0.0, 0.0
        self._frames: list[Observation] = []
        self._joints = self._commands = panda.to_franka(panda.HOME)[None]
        self._seconds = np.zeros(1)
        self._off: list[float] = []
        self.fault: str | None = None

    def now(self) -> float:
        """Return seconds since the tape was made."""
        return self._now

    def sleep_until(self, seconds: float) -> None:
        """Let it be that late; nobody waits."""
        later = max(self._now, float(seconds))
        if self.fault is not None:
            self._start += later - self._now
        self._now = later

    def insert(self, demo: Demo) -> None:
        """Begin to play a demonstration.

        Raises:
            UserError: there is nothing to play.
        """
        if len(demo) < 2:
            raise UserError("a recording of less than two frames: there is nothing to play")
        self._frames = list(demo)
        self._joints = panda.to_franka(np.array([seen.joint_positions for seen in demo]))
        self._commands = np.vstack([self._joints[:1], panda.to_franka(demo.actions()[:, :7])])
        even = CONTROL_PERIOD * np.arange(len(demo))
        times = even if demo.recording is None else np.array(demo.recording.seconds)
        self._seconds, self._start = times - times[0], self._now
        self.fault, self._off = None, []

    @property
    def played(self) -> float:
        """Seconds since the demonstration began."""
        return self._now - self._start

    @property
    def over(self) -> bool:
        """Whether all was played."""
        return bool(self._frames) and self.played > float(self._seconds[-1]) - _SAME

    @property
    def frame(self) -> Observation | None:
        """What was seen last; `None`: nothing is played."""
        return self._frames[self._number] if self._frames else None

    def state(self) -> ArmState:
        """Return what was measured."""
        joints, frame = self._between(self._joints), self.frame
        speeds, load = _numbers(frame, "joint_velocities"), _numbers(frame, "joint_forces")
        return ArmState(self._now, joints, speeds, load, self.fault)

    def compare(self, joints: np.ndarray) -> None:
        """Compare commanded joints (7,), Franka's, with those that were commanded then.

        Raises:
            ArmError: they are too far apart.
        """
        if self.fault is not None:
            return
        then = self._between(self._commands)
        apart = np.abs(joints - then)
        self._off.append(float(apart.max()))
        if apart.max() > self._tolerance:
            joint = int(apart.argmax())
            self.fault = (
                f"the recording goes another way from {self.played:.2f} s on: joint {joint + 1} "
                f"is sent to {joints[joint]:.3f} rad and was sent to {then[joint]:.3f}; "
                f"{self._tolerance} rad are allowed between them"
            )
            raise ArmError(self.fault)

    def grip(self, opens: bool) -> None:
        """Go on to where the gripper was open, or closed.

        Raises:
            ArmError: that is not soon.
        """
        for k in range(self._number, len(self._frames)):
            wait = self._seconds[k] - self.played
            if _opened(self._frames[k]) == opens and wait < _GRIP:
                self.sleep_until(self._now + wait)
                return
        if self._frames and self.fault is None:
            does = "opens" if opens else "closes"
            self.fault = f"the gripper {does} at {self.played:.2f} s, and did not in the recording"
            raise ArmError(self.fault)

    def picture(self, camera: str, size: int) -> Picture:
        """Return the newest picture of a camera, scaled.

        Raises:
            ArmError: nothing is played, or the camera was not recorded.
        """
        rgb = getattr(self.frame, f"{camera}_rgb", None)
        if rgb is None:
            raise ArmError(f"the recording has no pictures of camera '{camera}'")
        age = 0.0 if self.over else self.played - self._seconds[self._number]
        if len(rgb) != size:
            rgb = np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.BOX))
        return Picture(self._now - max(age, 0.0), rgb)

    def camera(self, name: str, size: int) -> Pinhole:
        """Return where a camera was, for pictures of a size.

        Raises:
            UserError: the recording does not say.
        """
        frame = self.frame or Observation()
        camera = Pinhole.from_observation(frame, name)
        scale = size / len(frame.image(name))
        intrinsics = camera.intrinsics * np.array([[scale], [scale], [1.0]])
        return Pinhole(intrinsics, camera.pose, camera.near, camera.far)

    def told(self) -> dict[str, Any]:
        """Return how far commands were off, in radians, and how much was played."""
        off = self._off or [0.0]
        return {
            "deviation": {"largest": max(off), "mean": float(np.mean(off))},
            "played": min(self.played, float(self._seconds[-1])),
            "recorded": float(self._seconds[-1]),
        }

    @property
    def _number(self) -> int:
        """Of the last frame."""
        number = int(np.searchsorted(self._seconds, self.played + _SAME, "right")) - 1
        return min(max(number, 0), len(self._seconds) - 1)

    def _between(self, values: np.ndarray) -> np.ndarray:
        """Return values (T, 7) of the frames as they were now, (7,)."""
        k = self._number
        if k + 1 == len(self._seconds):
            return np.array(values[k])
        share = (self.played - self._seconds[k]) / (self._seconds[k + 1] - self._seconds[k])
        return values[k] + max(share, 0.0) * (values[k + 1] - values[k])


class ReplayArm:
    """The recorded joints behind the protocol `Arm`."""

    period = PERIOD

    def __init__(self, tape: Tape, model: str):
        self._tape, self.model = tape, model

    def connect(self) -> None:
        """Nothing needs to be reached."""

    def read(self) -> ArmState:
        """Return what was measured."""
        return self._tape.state()

    def send(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Compare joints (7,) in radians with those that were sent then.

        Raises:
            ArmError: they are too far apart.
        """
        self._tape.compare(joints)

    def stop(self) -> None:
        """Play no more until `recover`."""
        self._tape.fault = self._tape.fault or "stopped"

    def recover(self) -> None:
        """Go on."""
        self._tape.fault = None

    def guide(self, on: bool) -> None:
        """Refuse."""
        raise UserError("a recording cannot be guided: nothing moves")

    def close(self) -> None:
        """Nothing is to be let go of."""


class ReplayGripper:
    """The recorded fingers behind the protocol `Gripper`."""

    def __init__(self, tape: Tape):
        self._tape = tape

    def connect(self) -> None:
        """Nothing needs to be reached."""

    def set(self, opening: float) -> None:
        """Go on to where they were open, above 0.5, or closed.

        Raises:
            ArmError: that is not soon.
        """
        self._tape.grip(opening > 0.5)

    def width(self) -> float:
        """Return the metres that were between the fingers."""
        frame = self._tape.frame
        if frame is not None and frame.gripper_joint_positions is not None:
            return float(np.sum(frame.gripper_joint_positions))
        return 2 * panda.FINGER_STROKE if frame is None or _opened(frame) else 0.0

    def close(self) -> None:
        """Nothing is to be let go of."""


class ReplayCamera:
    """Recorded pictures behind the protocol `Camera`."""

    def __init__(self, tape: Tape, name: str, size: int):
        self._tape, self.name, self._size = tape, name, size

    def connect(self) -> None:
        """Nothing needs to be opened."""

    def picture(self) -> Picture:
        """Return what was seen.

        Raises:
            ArmError: nothing is played, or this camera was not recorded.
        """
        return self._tape.picture(self.name, self._size)

    def close(self) -> None:
        """Nothing is to be let go of."""


class ReplayTable:
    """The scene of a recording. An episode that was followed to its end is a success."""

    random_state = None

    def __init__(self, tape: Tape, task: str):
        rules = load_task(task)
        self._tape, self.variations, self.time_limit = tape, rules.variations, rules.time_limit
        self._sentences = [rules.instructions(v) for v in range(rules.variations)]

    def reset(self, seed: int | None, options: dict[str, Any]) -> int:
        """Refuse: there is no scene but a recorded one."""
        raise UserError("driver replay plays recordings: give their folder as scenes")

    def restore(self, demo: Demo) -> int:
        """Begin to play a demonstration.

        Raises:
            UserError: there is nothing to play, or a variation that the task does not have.
        """
        variation = int(demo[0].misc.get("variation_index", 0))
        if not 0 <= variation < self.variations:
            raise UserError(f"variation {variation}: the task has 0 to {self.variations - 1}")
        self._tape.insert(demo)
        self.time_limit = len(demo) + _SPARE
        return variation

    def instructions(self, variation: int) -> list[str]:
        """Return the task's sentences."""
        return list(self._sentences[variation])

    def success(self) -> bool:
        """Return whether all was played."""
        return self._tape.over and self._tape.fault is None

    def ended(self, success: bool) -> bool:
        """Return what was known before."""
        return success

    def thinks(self, seconds: float) -> float:
        """Return that a recording waits."""
        return 0.0


def _opened(frame: Observation) -> bool:
    return bool((frame.gripper_open or 0.0) > 0.5)


def _numbers(frame: Observation | None, name: str) -> np.ndarray:
    """Return a field (7,) of a frame; zeros where it was not recorded."""
    value = getattr(frame, name, None)
    return np.zeros(7) if value is None else np.array(value, np.float64)
