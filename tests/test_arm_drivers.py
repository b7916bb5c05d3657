"""Drivers against doubles of their packages, calibration files, a camera that is a film."""

import os
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ruckig")

from genima_lite.cameras import RLBENCH_MOUNTS, intrinsics_of, mounted_camera
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.api import ArmError
from genima_lite.envs.arm.backend import make_backend
from genima_lite.envs.arm.calibration.store import (
    Calibration,
    CameraCalibration,
    read_calibration,
    write_calibration,
)
from genima_lite.envs.arm.drivers import sources
from genima_lite.envs.arm.drivers.cameras import CalibratedCamera, Capture
from genima_lite.envs.arm.drivers.franky_arm import FrankyArm, FrankyGripper
from genima_lite.envs.arm.drivers.panda_py_arm import PandaPyArm
from genima_lite.envs.arm.drivers.parts import SetTable, make_driver
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.limits import FER, FR3
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.envs.arm.watchdog import Watchdog
from genima_lite.errors import UserError
from genima_lite.panda import HOME, to_franka
from tests.arm_contract import CONTRACT

NOW = datetime(2026, 5, 1, tzinfo=timezone.utc)


class SkippingClock(WallClock):
    """The wall's clock, without the waiting."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds

    def sleep_until(self, seconds):
        self.seconds = max(self.seconds, seconds)


class Double:
    """A robot that is where it was told; the doubles of both packages stand on it."""

    def __init__(self):
        self.q, self.dq, self.errors, self.recovered = to_franka(HOME), np.zeros(7), False, 0
        self.milliseconds, self.stuck = 0, False

    def state(self, **more):
        """A state a millisecond after the one before, until it is stuck."""
        self.milliseconds += not self.stuck
        time = SimpleNamespace(to_sec=lambda: self.milliseconds / 1000)
        return SimpleNamespace(time=time, q=self.q, dq=self.dq, tau_J=np.ones(7), **more)

    def obey(self, q, dq):
        if self.errors:
            raise RuntimeError("joint_velocity_violation")
        self.q, self.dq = np.array(q), np.array(dq)

    def recover(self):
        self.errors, self.recovered = False, self.recovered + 1


@pytest.fixture
def franky(monkeypatch):
    double, module = Double(), ModuleType("franky")

    class Robot:
        def __init__(self, address, realtime_config):
            if address == "nowhere":
                raise OSError("No route to host")
            if address == "panda":
                raise module.IncompatibleVersionException("server 5, library 10")

        set_collision_behavior = staticmethod(lambda *_: None)
        recover_from_errors = staticmethod(double.recover)
        has_errors = property(lambda _: double.errors)
        state = property(lambda _: double.state())

    class Tracker:
        def __init__(self, robot, stiffness, period):
            assert stiffness.shape == (7,)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        set_target = staticmethod(double.obey)

    module.IncompatibleVersionException = type("IncompatibleVersionException", (Exception,), {})
    module.RealtimeConfig = SimpleNamespace(Enforce=1, Ignore=0)
    module.Robot, module.JointImpedanceTracker = Robot, Tracker
    monkeypatch.setitem(sys.modules, "franky", module)
    return double


@pytest.fixture
def panda_py(monkeypatch):
    double, module = Double(), ModuleType("panda_py")
    double.upper = FER.upper

    class Panda:
        def __init__(self, address):
            if address == "nowhere":
                raise OSError("No route to host")

        get_joint_limits_upper = staticmethod(lambda: double.upper)
        refresh_state = staticmethod(lambda: None)
        start_controller = staticmethod(lambda _: None)
        stop_controller = staticmethod(lambda: None)
        teaching_mode = staticmethod(lambda on: setattr(double, "taught", on))
        recover = staticmethod(double.recover)

        def get_state(self):
            return double.state(current_errors=["reflex"] if double.errors else [])

    position = type("JointPosition", (), {"set_control": staticmethod(double.obey)})
    module.Panda, module.controllers = Panda, SimpleNamespace(JointPosition=position)
    monkeypatch.setitem(sys.modules, "panda_py", module)
    return double


ARMS = {"franky": FrankyArm, "panda_py": PandaPyArm}


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_drivers_keep_what_every_arm_must(name, check, request):
    request.getfixturevalue(name)
    clock = SkippingClock()
    arm = ARMS[name]("172.16.0.2", clock)
    arm.connect()
    check(arm, clock)
    arm.close()


@pytest.mark.parametrize("name", ARMS)
def test_a_robot_that_stops_raises_once_and_gets_nothing_more(name, request):
    double = request.getfixturevalue(name)
    arm = ARMS[name]("172.16.0.2", SkippingClock())
    arm.connect()
    arm.send(double.q, np.zeros(7))
    double.errors = True
    with pytest.raises(ArmError, match="the robot stopped"):
        arm.send(double.q, np.zeros(7))
    arm.send(double.q, np.zeros(7))  # in silence
    assert arm.read().fault
    arm.recover()
    assert double.recovered == 1
    assert arm.read().fault is None


@pytest.mark.parametrize("name", ARMS)
def test_a_state_that_the_robot_does_not_renew_grows_old(name, request):
    double, clock = request.getfixturevalue(name), SkippingClock()
    arm = ARMS[name]("172.16.0.2", clock)
    arm.connect()
    for stuck, at, age in ((False, 1.0, 0.0), (False, 2.0, 0.0), (True, 2.4, 0.4)):
        double.stuck, clock.seconds = stuck, at
        assert clock.seconds - arm.read().seconds == pytest.approx(age)
    assert "the arm's state is 0.400 s old" in Watchdog().state(arm.read().seconds, clock.now())


@pytest.mark.parametrize("name", ARMS)
def test_an_address_where_nobody_answers(name, request):
    request.getfixturevalue(name)
    with pytest.raises(UserError, match=r"nowhere: no .* answers \(No route to host"):
        ARMS[name]("nowhere", SkippingClock()).connect()


def test_a_driver_says_that_the_robot_is_another(franky, panda_py):
    with pytest.raises(UserError, match="for a Panda take driver panda-py"):
        FrankyArm("panda", SkippingClock()).connect()
    panda_py.upper = FR3.upper
    with pytest.raises(UserError, match="is it an FR3"):
        PandaPyArm("x", SkippingClock()).connect()


@pytest.mark.parametrize(
    ("made", "package"), [(FrankyArm, "franky-control"), (PandaPyArm, "panda-python")]
)
def test_a_missing_package_is_named(made, package, monkeypatch):
    monkeypatch.setitem(sys.modules, "franky", None)
    monkeypatch.setitem(sys.modules, "panda_py", None)
    with pytest.raises(UserError, match=f"pip install {package}"):
        made("x", SkippingClock()).connect()
    with pytest.raises(UserError, match="pip install franky-control"):
        FrankyGripper("x").connect()


def calibrated(name="front", device=0, size=(640, 480), **changed):
    mount = RLBENCH_MOUNTS[name]
    intrinsics = intrinsics_of(mount.opening_angle, 480)
    intrinsics[0, 2] += 80
    return CameraCalibration(
        device, size, intrinsics.tolist(), [0.0] * 5, mount.pose.tolist(), mount.on_wrist,
        **{"residual_pixels": 0.3, "residual_millimetres": 1.2, **changed},
        covariance=np.eye(6).tolist(),
    )  # fmt: skip


def calibration(**cameras):
    cameras = cameras or {"front": calibrated(), "wrist": calibrated("wrist", 1)}
    return Calibration("lab", "fr3", NOW.isoformat(), cameras)


def test_a_calibration_comes_back_from_its_file(tmp_path):
    write_calibration(tmp_path / "calibration.json", calibration())
    assert read_calibration(tmp_path / "calibration.json") == calibration()


@pytest.mark.parametrize("name", ["front", "wrist"])
def test_a_calibrated_camera_is_cut_square_and_scaled(name):
    tip = mounted_camera("front", 8, np.eye(4)).pose
    ours = calibration().cameras[name].camera(tip, 128)
    theirs = mounted_camera(name, 128, tip)
    np.testing.assert_allclose(ours.intrinsics, theirs.intrinsics, atol=1e-9)
    np.testing.assert_allclose(ours.pose, theirs.pose, atol=1e-9)


@pytest.mark.parametrize(
    ("changed", "days", "cameras", "what"),
    [
        ({}, 31, ("front",), "31 days old; 30 are allowed: calibrate"),
        ({}, -1, ("front",), "-1 days old"),
        ({}, 1, ("front", "overhead"), "camera 'overhead' is not calibrated"),
        ({"residual_pixels": 1.4}, 1, ("front",), "off by 1.40 pixels; 1.0 are allowed"),
        ({"residual_millimetres": float("nan")}, 1, ("front",), "off by nan mm"),
    ],
)
def test_a_stale_or_bad_calibration_is_refused(changed, days, cameras, what):
    found = calibration(front=calibrated(**changed))
    with pytest.raises(UserError, match=what):
        found.check("calibration.json", "fr3", cameras, NOW + timedelta(days=days))


def test_a_calibration_of_the_other_arm_is_refused():
    with pytest.raises(UserError, match="calibrated with a fr3, and the arm is a fer"):
        calibration().check("c.json", "fer", ("front",), NOW)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"pose": np.diag([1, 1, -1, 1]).tolist()}, "pose is no rigid transform"),
        ({"intrinsics": [[1.0]]}, "intrinsics is not 3 by 3"),
        ({"covariance": [[1.0], [1.0, 2.0]]}, "covariance is no matrix"),
        ({"latency": 1.0}, "latency is 1.0 s; give 0 to 0.5"),
    ],
)
def test_numbers_that_are_no_camera_are_refused(wrong, what):
    with pytest.raises(UserError, match=what):
        replace(calibrated(), **wrong)


def film(path, frames):
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20, (64, 48))
    for value in frames:
        picture = np.full((48, 64, 3), value, np.uint8)
        picture[:, :8] = (0, 0, 255)  # red in BGR; cut off by the square
        picture[:, 8:16] = (255, 0, 0)  # blue
        writer.write(picture)
    writer.release()


def test_a_camera_gives_square_rgb_pictures_and_says_when_no_more_come(tmp_path):
    film(tmp_path / "film.avi", [100] * 4)
    clock = SkippingClock()
    seen = calibrated(device=str(tmp_path / "film.avi"), size=(64, 48))
    camera = CalibratedCamera("front", replace(seen, distortion=[0.0] * 5), 24, clock)
    camera.connect()
    picture = camera.picture()
    assert picture.rgb.shape == (24, 24, 3)
    assert picture.rgb[12, 1, 2] > 200 > picture.rgb[12, 1, 0]  # blue, in RGB
    assert abs(int(picture.rgb[12, 12, 0]) - 100) < 5
    camera.close()
    clock.seconds = 3.0
    with pytest.raises(ArmError, match="camera 'front': no pictures any more"):
        camera.picture()


def test_a_missing_camera_and_one_of_another_size(tmp_path):
    film(tmp_path / "film.avi", [100] * 4)
    gone = calibrated(device=str(tmp_path / "gone.avi"), size=(64, 48))
    with pytest.raises(UserError, match="no such film or folder"):
        CalibratedCamera("front", gone, 24, SkippingClock()).connect()
    other = calibrated(device=str(tmp_path / "film.avi"))
    with pytest.raises(UserError, match="of 64 x 48, calibrated with 640 x 480"):
        CalibratedCamera("front", other, 24, SkippingClock()).connect()


def folder_of(path, count=3):
    path.mkdir()
    for k in range(count):
        Image.fromarray(np.full((48, 64, 3), 50 * (k + 1), np.uint8)).save(path / f"{k}.png")
    return str(path)


def test_a_folder_of_pictures_is_a_camera(tmp_path):
    clock = WallClock()
    camera = Capture("front", sources.source_of(folder_of(tmp_path / "films")), None, clock)
    camera.connect()
    first = camera.raw()
    assert first.rgb.shape == (48, 64, 3)
    while camera.raw().rgb[0, 0, 0] < 150:  # the last of three
        clock.sleep_until(clock.now() + 0.005)
    assert camera.raw().seconds - first.seconds == pytest.approx(2 / 30, abs=0.1)
    camera.close()
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="camera 'front': .*no pictures"):
        Capture("front", sources.source_of(str(tmp_path / "none")), None, clock).connect()


class Counted:
    """A device that counts its frames, or does not."""

    period, stamps = 0.1, "device"

    def __init__(self, clock, numbers, times):
        self.clock, self.left = clock, list(zip(numbers, times, strict=True))

    def open(self, size):
        pass

    def read(self):
        if not self.left:
            return None
        number, self.clock.seconds = self.left.pop(0)
        return sources.Frame(np.zeros((4, 4, 3), np.uint8), 0.02, number)

    def close(self):
        pass


@pytest.mark.parametrize(
    ("numbers", "times", "lost"),
    [
        ([7, 8, 11, 12], [0, 0.1, 0.2, 0.3], 2),
        ([None] * 4, [0, 0.1, 0.4, 0.5], 2),
        ([None] * 4, [0, 0.1, 0.22, 0.3], 0),
    ],
)
def test_lost_frames_are_counted_and_frames_stamped_when_exposed(numbers, times, lost):
    clock = SkippingClock()
    camera = Capture("front", Counted(clock, numbers, times), None, clock, latency=0.03)
    camera.connect()
    camera._thread.join(1.0)
    assert camera.dropped == camera.raw().dropped == lost
    assert camera.raw().seconds == pytest.approx(times[-1] - 0.02 - 0.03)
    assert camera.told() == {"stamps": "device", "latency": 0.03, "dropped": lost}


def realsense(monkeypatch, plugged=True, domain="global", age=0.02):
    """Put a double of pyrealsense2 in place; return the options that were set."""
    options, module = {}, ModuleType("pyrealsense2")
    names = ("enable_auto_exposure", "enable_auto_white_balance", "exposure")
    module.option = SimpleNamespace(**{name: name for name in names})
    module.stream, module.format = SimpleNamespace(color=1), SimpleNamespace(rgb8=2)
    module.timestamp_domain = SimpleNamespace(hardware_clock="hardware", global_time="global")
    sensor = SimpleNamespace(set_option=options.__setitem__)
    device = SimpleNamespace(first_color_sensor=lambda: sensor)
    color = SimpleNamespace(
        get_timestamp=lambda: 1000 * (time.time() - age),
        get_frame_timestamp_domain=lambda: domain,
        get_data=lambda: np.full((48, 64, 3), 9, np.uint8),
        get_frame_number=lambda: 1,
    )

    class Pipeline:
        def start(self, config):
            if not plugged:
                raise RuntimeError("No device connected")
            return SimpleNamespace(get_device=lambda: device)

        def wait_for_frames(self, milliseconds):
            time.sleep(0.01)
            return SimpleNamespace(get_color_frame=lambda: color)

        def stop(self):
            options["stopped"] = True

    module.pipeline = Pipeline
    module.config = lambda: SimpleNamespace(
        enable_device=lambda serial: options.__setitem__("serial", serial),
        enable_stream=lambda *_: None,
    )
    monkeypatch.setitem(sys.modules, "pyrealsense2", module)
    return options


def test_a_realsense_is_locked_and_tells_when_frames_were_exposed(monkeypatch):
    options, clock = realsense(monkeypatch), WallClock()
    camera = Capture("front", sources.source_of("realsense:123", 90.0), (64, 48), clock)
    camera.connect()
    picture = camera.raw()
    assert 0.015 < clock.now() - picture.seconds < 0.3
    assert picture.rgb[0, 0, 0] == 9
    camera.close()
    assert options == {
        "serial": "123", "enable_auto_exposure": 0, "enable_auto_white_balance": 0,
        "exposure": 90.0, "stopped": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "age", "seen", "stamps"),
    [("global", 1.5, 1.5, "device"), ("hardware", 1e6, 0.0, "arrival")],
)
def test_an_old_frame_of_a_realsense_is_told_as_old(monkeypatch, domain, age, seen, stamps):
    realsense(monkeypatch, domain=domain, age=age)
    source = sources.source_of("realsense:123")
    source.open((64, 48))
    assert source.read().age == pytest.approx(seen, abs=0.3)
    assert source.stamps == stamps


class Stamping:
    """A double of OpenCV's capture, whose frames bear stamps in milliseconds."""

    def __init__(self, *stamps):
        self.stamps, self.now = list(stamps), 0.0

    def read(self):
        self.now = self.stamps.pop(0)
        return True, np.zeros((4, 4, 3), np.uint8)

    def get(self, number):
        assert number == 0  # CAP_PROP_POS_MSEC
        return self.now


@pytest.mark.parametrize(
    ("stamps", "ages", "who"),
    [
        ([99_960, 97_000], [0.04, 3.0], "driver"),  # a later one is believed, however old
        ([0, 99_960], [0.0, 0.0], "arrival"),  # no stamps
        ([1.7e12, 1.7e12], [0.0, 0.0], "arrival"),  # of the wall's clock
    ],
)
def test_a_v4l2_frame_is_as_old_as_its_drivers_stamp(monkeypatch, stamps, ages, who):
    monkeypatch.setattr(sources, "time", SimpleNamespace(monotonic=lambda: 100.0))
    camera = sources.source_of("/dev/video0")
    camera._capture = Stamping(*stamps)
    assert [camera.read().age for _ in stamps] == pytest.approx(ages)
    assert camera.stamps == who


def test_a_realsense_that_is_not_there(monkeypatch):
    realsense(monkeypatch, plugged=False)
    with pytest.raises(UserError, match="camera 'front': no RealSense 123 with colour of 64 x 48"):
        Capture("front", sources.source_of("realsense:123"), (64, 48), WallClock()).connect()
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(UserError, match="pip install pyrealsense2"):
        Capture("front", sources.source_of("realsense:123"), (64, 48), WallClock()).connect()


def test_a_v4l2_camera_that_is_not_there():
    pytest.importorskip("cv2")
    with pytest.raises(UserError, match="device '/dev/video99' cannot be opened"):
        Capture("front", sources.source_of("/dev/video99"), None, WallClock()).connect()


@pytest.mark.parametrize("device", ["http://127.0.0.1:1/x", "videotestsrc ! appsink", "/dev/zero"])
def test_what_opencv_would_open_too_is_no_camera(device):
    with pytest.raises(UserError, match="is no camera: give a number"):
        Capture("front", sources.source_of(device), None, WallClock()).connect()


def test_pipes_and_broken_pictures_in_a_folder_are_refused(tmp_path):
    folder_of(tmp_path / "a", 1)
    (tmp_path / "a/0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 50)
    with pytest.raises(UserError, match=r"0\.png: no picture"):
        Capture("front", sources.source_of(str(tmp_path / "a")), None, WallClock()).connect()
    os.mkfifo(tmp_path / "film.avi")
    with pytest.raises(UserError, match="a pipe, socket or device"):
        Capture("front", sources.source_of(str(tmp_path / "film.avi")), None, WallClock()).connect()
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile film.avi\n")
    with pytest.raises(UserError, match="no film"):
        Capture("front", sources.source_of(str(tmp_path / "list.mp4")), None, WallClock()).connect()


def test_a_person_sets_the_table_and_judges():
    answers = iter([True, False, True])
    operator = SimpleNamespace(allows=lambda _: next(answers))
    table = SetTable("push_button", operator)
    assert table.reset(None, {"variation": 1}) == 1
    with pytest.raises(UserError, match="not ready"):
        table.reset(None, {})
    assert table.ended(False)
    with pytest.raises(UserError, match="give a variation from 0 to"):
        table.reset(None, {"variation": 999})


def test_a_real_arm_wants_a_calibration(franky):
    settings = ArmSettings("franky", "slow", "fr3", "172.16.0.2", "console")
    with pytest.raises(UserError, match="give a calibration"):
        make_driver(EnvSpec("push_button", ("front",)), settings, None)


def test_the_log_says_who_stamped_frames_and_how_many_were_lost(franky, tmp_path):
    seen = calibrated(device=folder_of(tmp_path / "film"), size=(64, 48), latency=0.04)
    made = replace(calibration(front=seen), made=datetime.now(timezone.utc).isoformat())
    write_calibration(tmp_path / "calibration.json", made)
    settings = ArmSettings(
        "franky", "slow", "fr3", "172.16.0.2", "console",
        calibration=str(tmp_path / "calibration.json"),
    )  # fmt: skip
    backend = make_driver(EnvSpec("push_button", ("front",)), settings, None)
    backend.cameras[0].connect()
    backend.cameras[0].close()
    told = backend.told()["cameras"]["front"]
    assert (told["stamps"], told["latency"]) == ("arrival", 0.04)


def test_a_rehearsal_refuses_the_calibration_that_the_robot_would_refuse(tmp_path):
    path = tmp_path / "calibration.json"
    write_calibration(path, replace(calibration(), made="2020-01-01T00:00:00+00:00"))
    settings = ArmSettings("franky", model="fr3", calibration=str(path))
    with pytest.raises(UserError, match="days old; 30 are allowed"):
        make_backend(EnvSpec("push_button", ("front",)), settings, None)
