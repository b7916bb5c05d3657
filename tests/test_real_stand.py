"""A real rig calibrated by the command: a double of the robot, and what its cameras would see."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("ruckig")

from genima_lite import calibrate as command
from genima_lite import panda
from genima_lite.calibrate import CalibrateConfig, make_stand
from genima_lite.envs.arm.api import ArmError
from genima_lite.envs.arm.calibration.board import Board
from genima_lite.envs.arm.calibration.hand_eye import apart
from genima_lite.envs.arm.calibration.store import read_calibration
from genima_lite.envs.arm.drivers import parts, stand, wall
from genima_lite.envs.arm.drivers.base import DriverArm
from genima_lite.envs.arm.drivers.sources import Frame
from genima_lite.envs.arm.drivers.stand import RealStand, named_devices
from genima_lite.envs.arm.limits import FER
from genima_lite.envs.arm.settings import PERFECT, ArmSettings
from genima_lite.envs.arm.twin.stand import TwinStand
from genima_lite.errors import UserError

SIZE = 480
ROBOT = ArmSettings(driver="panda-py", address="robot", mode="slow", operator="console")


class Room:
    """The twin as the room around a robot: what it shows is where the double of the robot is."""

    def __init__(self):
        self.twin = TwinStand(Board(), ("front",), SIZE, PERFECT)
        self.joints, self.broken, self.asked = panda.to_franka(panda.HOME), False, []
        self.held, self.seconds = 0, 0.0

    def sent(self, joints):
        if self.broken:
            raise RuntimeError("reflex")
        self.joints = joints

    def frame(self, camera):
        scene = self.twin._world.scene
        scene.robot.stand(panda.from_franka(self.joints), 1.0)
        self.twin._world.freeze()
        self.twin._world._begin_clock()
        return Frame(self.twin.picture(camera))

    def allows(self, question):
        """A person who does as asked."""
        self.asked.append(question)
        if question.startswith("For camera"):
            self.twin.fasten("front")
        if question.startswith("Take the board"):
            self.twin.put_away()
        return True

    def now(self):
        return self.seconds

    def sleep_until(self, seconds):
        if seconds - self.seconds > 0.9 * stand.PAUSE:  # the person moves the board
            self.twin.hold("front", self.held)
            self.held += 1
        self.seconds = max(self.seconds, seconds)


class Looking:
    """A camera without a thread: it looks when it is asked."""

    def __init__(self, room, name):
        self._room, self._name = room, name

    def connect(self):
        pass

    def raw(self):
        return self._room.frame(self._name)

    def close(self):
        pass


class Robot(DriverArm):
    """A driver of a robot that is where it is sent."""

    model, period = FER.model, 0.01

    def __init__(self, room):
        super().__init__("robot", room)
        self._room = room

    def connect(self):
        pass

    def guide(self, on):
        pass

    def _state(self):
        return self._room.now(), self._room.joints, np.zeros(7), np.zeros(7), None

    def _set_target(self, joints, velocities):
        self._room.sent(joints)

    def _end_loop(self):
        pass

    def _clear_errors(self):
        pass


@pytest.fixture
def room(monkeypatch):
    made = Room()
    monkeypatch.setattr(parts, "arm_of", lambda settings, clock: (Robot(made), None))
    monkeypatch.setattr(wall, "WallClock", lambda: made)
    monkeypatch.setattr(stand, "Capture", lambda name, *_: Looking(made, name))
    monkeypatch.setattr(command, "operator_of", lambda name: made)
    yield made
    made.twin.close()


def test_the_command_calibrates_a_robot_with_a_person_and_cameras(
    room, tmp_path, monkeypatch, capsys
):
    from genima_lite import cli

    out = tmp_path / "calibration.json"
    words = ["calibrate", "--cameras", "front", "--devices", "front=/dev/video7"]
    words += ["--latencies", "front=0.04"]
    words += ["--out", str(out), "--pictures", str(tmp_path / "pictures"), "--rig", "lab"]
    words += ["--lens-views", "24", "--postures", "12", "--arm.driver", "panda-py"]
    words += ["--arm.address", "robot", "--arm.mode", "slow", "--arm.operator", "console"]
    monkeypatch.setattr(sys, "argv", ["genima-lite", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, capsys.readouterr()
    found = read_calibration(out)
    camera = found.cameras["front"]
    assert (found.rig, found.model, camera.device) == ("lab", "fer", "/dev/video7")
    assert camera.latency == 0.04
    millimetres, degrees = apart(np.array(camera.pose), room.twin.truth("front").pose)
    assert millimetres < 4
    assert degrees < 0.2
    told = " ".join(room.asked)
    for part in ("Hold the board", "into the hand", "Take the board out"):
        assert part in told


def test_a_person_who_says_no_and_a_robot_that_stops_end_it(room, monkeypatch):
    made = make_stand(CalibrateConfig(cameras=("front",), devices=("front=0",), arm=ROBOT))
    assert isinstance(made, RealStand)
    assert made.device("front") == 0
    room.broken = True
    with pytest.raises(UserError, match="the arm stopped on its way: robot: the robot stopped"):
        made.go(panda.HOME + 0.05)
    monkeypatch.setattr(room, "allows", lambda _: False)
    with pytest.raises(UserError, match="the operator said no"):
        made.put_away()
    asking = RealStand(Board(), Robot(room), room, {}, SimpleNamespace(allows=lambda _: False), 0.2,
                       "rlbench", asks=True)  # fmt: skip
    assert not asking.go(panda.HOME)

    class Dark(Looking):
        def raw(self):
            raise ArmError("camera 'front': no pictures any more")

    monkeypatch.setattr(stand, "Capture", lambda name, *_: Dark(room, name))
    dark = make_stand(CalibrateConfig(cameras=("front",), devices=("front=0",), arm=ROBOT))
    with pytest.raises(UserError, match="no pictures any more"):
        dark.picture("front")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (("front",), "'front' is no CAMERA=VALUE"),
        (("side=0",), "'side=0' is no CAMERA=VALUE with one of front, wrist"),
        (("front=0", "front=1"), "'front=1' is no CAMERA=VALUE"),
        (("front=0",), "none for camera 'wrist'; give wrist=DEVICE"),
    ],
)
def test_devices_that_are_none_are_refused(given, what):
    with pytest.raises(UserError, match=what):
        named_devices(given, ("front", "wrist"))


def test_devices_are_numbers_or_names():
    given = ("wrist=realsense:12", "front=2")
    assert named_devices(given, ("front", "wrist")) == {"front": 2, "wrist": "realsense:12"}
    with pytest.raises(UserError, match="recordings cannot be calibrated"):
        make_stand(CalibrateConfig(arm=ArmSettings(driver="replay")))
