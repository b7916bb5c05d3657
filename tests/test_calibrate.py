"""Calibration: boards rendered in the twin's cameras, poses found again, swapped cameras told."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

cv2 = pytest.importorskip("cv2")
pytest.importorskip("ruckig")

from PIL import Image

from genima_lite.calibrate import CalibrateConfig, _Guide, check_rig, make_stand, with_arm
from genima_lite.cameras import RIGS, intrinsics_of, mounted_camera
from genima_lite.envs.arm.calibration.board import Board, Corners
from genima_lite.envs.arm.calibration.coverage import Coverage
from genima_lite.envs.arm.calibration.hand_eye import apart, solve_hand_eye
from genima_lite.envs.arm.calibration.lens import Lens, for_opencv, solve_lens
from genima_lite.envs.arm.calibration.overlay import check_views, silhouette
from genima_lite.envs.arm.calibration.store import Calibration, CameraCalibration, read_calibration
from genima_lite.envs.arm.calibration.wrists import check_wrists
from genima_lite.envs.arm.settings import PERFECT, ArmSettings
from genima_lite.errors import UserError
from genima_lite.panda import HOME, forward_kinematics
from genima_lite.transforms import inverse

BOARD = Board()
LENS = Lens(
    np.array([[900.0, 0, 362], [0, 902, 358], [0, 0, 1]]),
    np.array([-0.1, 0.03, 0, 0, 0]),
    0.0,
    np.ones(4),
)
REAL = ArmSettings(driver="panda-py", address="robot", mode="slow", operator="console")
TWIN = CalibrateConfig(cameras=("front", "wrist"), arm=ArmSettings(twin=PERFECT))


@pytest.fixture(scope="module")
def stand():
    made = make_stand(replace(TWIN, cameras=("front", "wrist", "left_shoulder", "right_shoulder")))
    yield made
    made.close()


def nominal(*names, rig="rlbench"):
    """Return the twin's calibration as it truly is."""
    cameras = {}
    for name in names:
        mount = RIGS[rig][name]
        intrinsics = intrinsics_of(mount.opening_angle, 720).tolist()
        where = mount.pose.tolist(), mount.on_wrist
        known = 0.1, 0.1, np.eye(6).tolist()
        cameras[name] = CameraCalibration(name, (720, 720), intrinsics, [0.0] * 5, *where, *known)
    return Calibration("twin", "fer", "2026-05-01T00:00:00+00:00", cameras)


def seen(rng, pose, noise=0.3):
    """Return the corners of a board at a pose (4, 4) in the camera's frame."""
    pixels = LENS.project(BOARD.corners @ pose[:3, :3].T + pose[:3, 3])
    return Corners(np.arange(len(pixels)), pixels + rng.normal(0, noise, pixels.shape))


def board_at(rng, distance, tilt=35.0, aside=0.15):
    pose = np.eye(4)
    turn = Rotation.from_euler("xyz", rng.uniform(-tilt, tilt, 3), degrees=True)
    pose[:3, :3] = turn.as_matrix()
    pose[:3, 3] = [*rng.uniform(-aside, aside, 2), distance]
    pose[:3, 3] -= pose[:3, :3] @ BOARD.middle
    return pose


def pairs(count=14, on_wrist=False, seed=0):
    """Return X, tips and corners of a rig whose arm is off by 1 mm."""
    rng = np.random.default_rng(seed)
    camera, placed = forward_kinematics(HOME + 0.3)[1], board_at(rng, 0.1)
    tips, views = [], []
    for _ in range(count):
        view = board_at(rng, rng.uniform(0.6, 0.9))
        way = camera @ view @ inverse(placed)
        tip = inverse(way) if on_wrist else way
        tip[:3, 3] += 1e-3 * (error := rng.normal(size=3)) / np.linalg.norm(error)
        tips.append(tip)
        views.append(seen(rng, view))
    return camera, tips, views


@pytest.mark.parametrize("name", ["front", "wrist"])
def test_poses_on_the_twin_are_recovered_within_2_mm_and_015_degrees(name, stand, tmp_path):
    """With 0.3 pixels of noise at each corner and the arm 1 mm beside where it says."""
    said, counts = [], {"front": (48, 28), "wrist": (24, 16)}[name]
    config = replace(TWIN, lens_views=counts[0], postures=counts[1])
    found = _Guide(stand, config, tmp_path, said.append, name).camera()
    truth, pose = stand.truth(name), np.array(found.pose)
    if found.on_wrist:
        pose = forward_kinematics(stand.joints())[1] @ np.array(found.pose)
    millimetres, degrees = apart(pose, truth.pose)
    assert millimetres < 2
    assert degrees < 0.15
    assert found.intrinsics[0][0] == pytest.approx(truth.intrinsics[0, 0], rel=3e-3)
    assert found.residual_pixels < 0.5
    assert 0.7 < found.residual_millimetres < 1.6
    doubt = 1e3 * np.sqrt(np.trace(np.array(found.covariance)[:3, :3]))
    assert 0.3 < doubt < 2
    assert "PARK and SHAH" in said[-1]
    for kind in ("lens", "arm"):
        assert Image.open(tmp_path / f"{kind}_{name}.png").size == (360, 360)


@pytest.mark.parametrize("on_wrist", [False, True])
def test_hand_eye_finds_the_camera_and_says_how_well(on_wrist):
    truth, tips, views = pairs(20, on_wrist)
    found = solve_hand_eye(BOARD, LENS, tips, views, on_wrist)
    millimetres, degrees = apart(found.pose, truth)
    assert millimetres < 2.5
    assert degrees < 0.2
    off = inverse(found.pose) @ truth
    error = np.concatenate([off[:3, 3], Rotation.from_matrix(off[:3, :3]).as_rotvec()])
    assert error @ np.linalg.solve(found.covariance, error) < 22.5  # 99.9 % of 6 numbers


def test_a_board_that_slipped_is_found_out():
    _, tips, views = pairs(20)
    slip = np.eye(4)
    slip[:3, 3] = 0.15
    slip[:3, :3] = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    tips[10:] = [tip @ slip for tip in tips[10:]]
    with pytest.raises(UserError, match="did the board slip"):
        solve_hand_eye(BOARD, LENS, tips, views, False)


def test_too_little_is_said():
    _, tips, views = pairs(9)
    with pytest.raises(UserError, match="9 postures with the board in view; 10 are needed"):
        solve_hand_eye(BOARD, LENS, tips, views, False)
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="3 pictures of the board; 12 are needed"):
        solve_lens(BOARD, [seen(rng, board_at(rng, 0.6)) for _ in range(3)], (720, 720))
    flat = [seen(rng, board_at(rng, 0.6 + 0.01 * i, tilt=2.0)) for i in range(12)]
    with pytest.raises(UserError, match="tilt it by 30"):
        solve_lens(BOARD, flat, (720, 720))
    still = [np.diag([1.0, 1, 1, 1]) + 0.01 * i * np.eye(4, k=3) for i in range(12)]
    with pytest.raises(UserError, match="turn it about two axes"):
        solve_hand_eye(BOARD, LENS, still, [seen(rng, board_at(rng, 0.6))] * 12, False)


def test_a_seed_below_0_is_refused():
    with pytest.raises(UserError, match="seed is -1"):
        CalibrateConfig(seed=-1)


def test_a_lens_projects_as_opencv_does():
    points = np.random.default_rng(0).uniform([-0.3, -0.3, 0.6], [0.3, 0.3, 1.0], (20, 3))
    lens = replace(LENS, distortion=np.array([-0.2, 0.05, 0.003, -0.002, 0.01]))
    still, intrinsics = np.zeros(3), for_opencv(lens.intrinsics)
    theirs, _ = cv2.projectPoints(points, still, still, intrinsics, lens.distortion)
    np.testing.assert_allclose(lens.project(points), theirs[:, 0] + 0.5, atol=1e-9)


def test_a_lens_is_found_from_boards_held_before_it():
    rng = np.random.default_rng(3)
    views = [seen(rng, board_at(rng, rng.uniform(0.5, 0.7), aside=0.1)) for _ in range(30)]
    found = solve_lens(BOARD, views, (720, 720))
    np.testing.assert_allclose(found.intrinsics, LENS.intrinsics, atol=4)
    assert found.pixels == pytest.approx(0.3 * np.sqrt(2), rel=0.1)
    assert (found.deviations > 0.1).all()


def test_corners_are_found_where_the_twin_renders_them(stand):
    stand.hold("front", 0)
    found = BOARD.find(stand.picture("front"))
    assert len(found.ids) > 30
    assert BOARD.find(np.zeros((100, 100, 3), np.uint8)) is None


@pytest.mark.parametrize(
    ("one", "two"), [("left_shoulder", "right_shoulder"), ("front", "left_shoulder")]
)
def test_two_swapped_cameras_are_found_by_the_overlay(one, two, stand, tmp_path):
    right = nominal("front", "wrist", "left_shoulder", "right_shoulder")
    said = []
    check_rig(stand, right, tmp_path, said.append)
    assert len(said) == 4
    assert "wrist: a board that lies still moves by" in said[-1]
    assert len(list(tmp_path.glob("overlay_*.png"))) == 4
    cameras = {**right.cameras, one: right.cameras[two], two: right.cameras[one]}
    with pytest.raises(UserError, match=f"(?=.*'{one}')(?=.*'{two}').* are swapped"):
        check_rig(stand, replace(right, cameras=cameras), tmp_path, said.append)


def test_a_camera_that_moved_is_found_by_the_overlay(stand, tmp_path):
    right = nominal("front", "left_shoulder")
    pose = np.array(right.cameras["front"].pose)
    pose[:3, :3] = Rotation.from_euler("z", 15, degrees=True).as_matrix() @ pose[:3, :3]
    cameras = {**right.cameras, "front": replace(right.cameras["front"], pose=pose.tolist())}
    with pytest.raises(UserError, match="camera 'front': the arm is not where"):
        check_rig(stand, replace(right, cameras=cameras), tmp_path, print)


@pytest.fixture(scope="module")
def two_on_wrist():
    arm = ArmSettings(twin=PERFECT, rig="two-on-wrist")
    made = make_stand(replace(TWIN, cameras=("front", "wrist", "right_shoulder"), arm=arm))
    yield made
    made.close()


def test_two_swapped_cameras_on_the_wrist_are_found_by_a_board(two_on_wrist, tmp_path):
    right, said = nominal("front", "wrist", "right_shoulder", rig="two-on-wrist"), []
    check_rig(two_on_wrist, right, tmp_path, said.append)
    assert [line.split(":")[0] for line in said] == ["front", "wrist", "right_shoulder"]
    one, two = right.cameras["wrist"], right.cameras["right_shoulder"]
    swapped = replace(right, cameras={"wrist": two, "right_shoulder": one})
    with pytest.raises(UserError, match="(?=.*'wrist')(?=.*'right_shoulder').* are swapped"):
        check_rig(two_on_wrist, swapped, tmp_path, said.append)
    pose = np.array(one.pose)
    pose[:3, :3] = Rotation.from_euler("x", 15, degrees=True).as_matrix() @ pose[:3, :3]
    moved = replace(right, cameras={"wrist": replace(one, pose=pose.tolist())})
    with pytest.raises(UserError, match="camera 'wrist': .* did the camera move on the hand"):
        check_rig(two_on_wrist, moved, tmp_path, said.append)


def test_a_board_that_was_hardly_seen_tells_nothing():
    found = nominal("wrist").cameras
    with pytest.raises(UserError, match="saw the board from 0 postures, 3 are needed"):
        check_wrists(BOARD, {"wrist": []}, found)
    rng = np.random.default_rng(0)
    same = [(np.eye(4), seen(rng, board_at(rng, 0.5)))] * 3
    with pytest.raises(UserError, match="the hand hardly moved"):
        check_wrists(BOARD, {"wrist": same}, found)


def test_a_second_camera_on_the_wrist_is_calibrated_as_one(two_on_wrist, tmp_path):
    config = replace(TWIN, lens_views=24, postures=16)
    found = _Guide(two_on_wrist, config, tmp_path, print, "right_shoulder").camera()
    assert found.on_wrist
    pose = forward_kinematics(two_on_wrist.joints())[1] @ np.array(found.pose)
    millimetres, degrees = apart(pose, two_on_wrist.truth("right_shoulder").pose)
    assert millimetres < 2
    assert degrees < 0.15


def test_a_calibration_of_cameras_that_are_mounted_otherwise_is_refused():
    found = nominal("front", "wrist", "right_shoulder", rig="two-on-wrist")
    found.check_rig("c.json", "two-on-wrist", tuple(found.cameras))
    with pytest.raises(UserError, match="'right_shoulder' was calibrated as on the wrist, and"):
        found.check_rig("c.json", "rlbench", tuple(found.cameras))


def test_a_camera_on_the_wrist_in_a_fixed_ones_place_is_told():
    fixed, nothing = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    fixed[20:40, 20:40] = True
    with pytest.raises(UserError, match="cameras 'front' and 'wrist' are swapped"):
        check_views({"front": nothing, "wrist": fixed}, {"front": fixed})


def test_the_overlays_spheres_land_on_the_joints():
    camera = mounted_camera("front", 256, np.eye(4))
    picture = with_arm(np.full((256, 256, 3), 255, np.uint8), camera, HOME, "front")
    poses, tip = forward_kinematics(HOME)
    for point in (tip[:3, 3], poses[3, :3, 3]):  # tip and elbow
        (column, row), _ = camera.project(point)
        assert picture[int(row), int(column)].min() < 250
    mask = silhouette(camera, HOME, 256)
    assert mask[(picture < 250).any(axis=-1)].mean() > 0.9
    assert 0.02 < mask.mean() < 0.3


def test_coverage_says_what_is_missing():
    coverage = Coverage((80, 80), 4)
    coverage.add(Corners(np.arange(2), np.array([[5.0, 5.0], [75.0, 5.0]])))
    assert coverage.share == 2 / 64
    drawn = np.asarray(coverage.draw(np.zeros((80, 80, 3), np.uint8), None, "front"))
    assert drawn[60, 40].sum() == 0
    assert coverage.views == 1


def test_the_command_calibrates_the_twin_and_checks_it(tmp_path, monkeypatch, capsys):
    from genima_lite import cli

    out, pictures = tmp_path / "calibration.json", tmp_path / "pictures"
    words = ["calibrate", "--cameras", "front", "--out", str(out), "--pictures", str(pictures)]
    words += ["--lens-views", "24", "--postures", "10", "--size", "480", "--rig", "ours"]
    for more in ([], ["--check"]):
        monkeypatch.setattr(sys, "argv", ["genima-lite", *words, *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0, capsys.readouterr()
    found = read_calibration(out)
    assert (found.rig, found.model, list(found.cameras)) == ("ours", "fer", ["front"])
    assert sorted(Path(path).name for path in pictures.iterdir()) == [
        "arm_front.png", "lens_front.png", "overlay_front.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"cameras": ("side",)}, "no camera 'side'"),
        ({"cameras": ("front", "front")}, "name each once"),
        ({"postures": 3}, "postures from 10"),
        ({"devices": ("front=/dev/video0",)}, "of a real rig"),
        ({"latencies": ("front=0.1",)}, "of a real rig"),
        ({"latencies": ("front=soon",), "arm": REAL}, "'soon' of camera 'front' is no number"),
        ({"latencies": ("front=40",), "arm": REAL}, "latency is 40.0 s; give 0 to 0.5"),
        ({"size": 20}, "size is 20"),
        ({"twin_metres": 1.0}, "twin_metres from 0"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused(wrong, what):
    with pytest.raises(UserError, match=what):
        CalibrateConfig(**wrong)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [({"columns": 3}, "give 4 x 4"), ({"square": 40.0, "marker": 30.0}, "in metres")],
)
def test_a_board_that_cannot_be_is_refused(wrong, what):
    with pytest.raises(UserError, match=what):
        Board(**wrong)
