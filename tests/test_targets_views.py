"""Which frame is drawn on which view, and the labels that come with it."""

import numpy as np
import pytest
from targets_scenes import make_demo

from genima_lite.cameras import Camera
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.planner import plan
from genima_lite.targets import (
    HORIZON,
    RandomBackdrop,
    decision_frames,
    draw_targets,
    draw_targets_of,
    find_keyframes,
    joint_targets,
    target_frame,
    target_frames,
)
from genima_lite.targets.joints import COLORS
from genima_lite.tiling import TILE_ORDER


@pytest.fixture(scope="module")
def demo():
    return make_demo(length=30)


def test_the_horizon_is_the_papers():
    assert HORIZON == 20


@pytest.mark.parametrize(
    ("frame", "target"), [(0, 20), (9, 29), (10, 29), (27, 29), (28, 29), (29, 29)]
)
def test_the_target_is_twenty_frames_on_and_stays_at_the_last(frame, target):
    assert target_frame(frame, length=30) == target


def test_a_short_episode_aims_at_its_end():
    assert [target_frame(t, length=3) for t in range(3)] == [2, 2, 2]
    assert target_frame(0, length=1) == 0


def test_only_the_end_differs_from_the_reference_code():
    length = 60
    differing = [t for t in range(length) if target_frame(t, length) != min(t + 20, length - 2)]
    assert differing == list(range(length - 21, length))


def test_another_horizon():
    assert target_frame(3, 30, horizon=5) == 8


@pytest.mark.parametrize("frame", [-1, 30])
def test_a_frame_outside_the_episode(frame):
    with pytest.raises(ValueError, match=f"no frame {frame} in an episode of 30"):
        target_frame(frame, 30)


def test_no_horizon_below_one():
    with pytest.raises(ValueError, match="at least one frame ahead"):
        target_frame(0, 30, horizon=0)


def test_targets_are_cut_where_the_arm_rests_or_the_gripper_changes():
    """Two minimum-jerk motions of 30 frames, then the gripper closes, then another motion."""
    u = np.linspace(0, 1, 31)[1:]
    ramp = u**3 * (10 - 15 * u + 6 * u**2)
    way = np.concatenate([[0], ramp, 1 + ramp, [2], 2 + ramp])
    joints = np.outer(way, np.linspace(0.2, 1, 7))
    opening = np.r_[np.ones(61), np.zeros(31)]
    changes, rests = find_keyframes(joints, opening)
    assert (changes.tolist(), rests.tolist()) == ([61], [30, 90])
    targets = target_frames(joints, opening)
    assert targets[[0, 9, 10, 26]].tolist() == [20, 29, 30, 30]
    assert targets[[27, 30, 40, 41, 60]].tolist() == [47, 50, 60, 61, 61]
    assert targets[[61, 70, 91]].tolist() == [81, 90, 91]
    assert decision_frames(targets) == [0, 20, 30, 50, 61, 81, 90, 91]


def test_without_stops_the_rule_is_the_papers():
    joints, opening = np.zeros((30, 7)), np.r_[np.ones(5), np.zeros(25)]
    plain = [target_frame(t, 30) for t in range(30)]
    assert target_frames(joints, opening, keyframes=False).tolist() == plain
    assert target_frames(joints, opening)[:5].tolist() == [5] * 5
    with pytest.raises(ValueError, match="without frames"):
        target_frames(np.zeros((0, 7)), np.zeros(0))


def test_an_experts_stops_are_found():
    """The planner's own stretches, each from rest to rest, are the truth."""
    env = BenchEnv("open_drawer", cameras=())
    env.reset(seed=3)
    waypoints = env.task.waypoints(env.scene)
    start = env.observation.joint_positions
    ends = [len(plan(waypoints[: i + 1], start)) for i in range(len(waypoints))]
    rows = np.vstack([np.append(start, 1.0), plan(waypoints, start)])
    changes, rests = find_keyframes(rows[:, :7], rows[:, 7])
    assert changes.tolist() == [ends[2]], "the third waypoint closes the gripper"
    assert np.abs(rests[:2] - ends[:2]).max() <= 1
    env.close()


def test_the_joints_are_of_the_later_frame_and_the_cameras_of_this_one(demo):
    drawn = draw_targets(demo, 4)
    assert (drawn.frame, drawn.target) == (4, 24)
    tip = demo[24].gripper_pose[:3]
    np.testing.assert_allclose(drawn.joints.positions[0], tip)
    for camera, labels in drawn.labels.items():
        pixel, depth = Camera.from_observation(demo[4], camera).project(tip)
        np.testing.assert_allclose(labels.pixels[0], pixel)
        assert labels.depths[0] == pytest.approx(depth)


def test_joints_are_the_base_the_elbow_and_the_wrist(demo):
    poses = joint_targets(demo[7]).positions
    for row, index in ((1, 1), (2, 3), (3, 5)):
        np.testing.assert_allclose(poses[row], demo[7].misc["joint_poses"][index][:3])


def test_the_gripper_that_closes_in_the_last_frame_is_drawn_closed(demo):
    assert draw_targets(demo, 8).joints.gripper_open
    closing = draw_targets(demo, 9)
    assert not closing.joints.gripper_open
    pixels = closing.views["front"].reshape(-1, 3)
    assert (np.abs(pixels.astype(int) - COLORS["gripper_closed"]).max(-1) < 40).any()


def test_views_come_in_the_order_of_tiles_and_only_spheres_change(demo):
    drawn = draw_targets(demo, 0)
    assert tuple(drawn.views) == TILE_ORDER
    for camera, view in drawn.views.items():
        assert (view.dtype, view.shape) == (np.uint8, (32, 32, 3))
        changed = (view != demo[0].image(camera)).any(-1)
        shares = drawn.labels[camera].shares
        assert changed.any() == bool((shares > 0).any())
        assert changed.mean() < 0.6


def test_labels_say_what_shows(demo):
    labels = draw_targets(demo, 0, cameras=("front", "overhead")).labels
    assert labels["front"].visible.tolist() == [True] * 4
    assert (labels["overhead"].shares[1:] == 0).all()
    assert not labels["overhead"].visible[1:].any()
    assert labels["front"].radii[0] == pytest.approx(
        Camera.from_observation(demo[0], "front").intrinsics[0, 0]
        * 0.08
        / labels["front"].depths[0],
        rel=0.01,
    )


def test_frames_in_a_batch_are_drawn_like_one_by_one(demo):
    batch = draw_targets_of(demo, [3, 25])
    for drawn, frame in zip(batch, (3, 25), strict=True):
        alone = draw_targets(demo, frame)
        assert (drawn.frame, drawn.target) == (alone.frame, alone.target)
        for camera in TILE_ORDER:
            np.testing.assert_array_equal(drawn.views[camera], alone.views[camera])
            np.testing.assert_array_equal(drawn.labels[camera].shares, alone.labels[camera].shares)


def test_on_a_backdrop_the_spheres_are_the_same_and_opaque(demo):
    plain = draw_targets(demo, 0)
    mixed = draw_targets(demo, 0, backdrop=RandomBackdrop(np.random.default_rng(0)))
    for camera in TILE_ORDER:
        np.testing.assert_array_equal(mixed.labels[camera].shares, plain.labels[camera].shares)
    same = (plain.views["front"] == mixed.views["front"]).all(-1)
    labels = plain.labels["front"]
    shown = (labels.shares * np.pi * labels.radii**2).sum()
    assert 0.5 * shown < same.sum() < 1.2 * shown, "alike where there is a sphere, and only there"


def test_the_demo_is_left_as_it_was(demo):
    before = demo[0].front_rgb.copy()
    draw_targets(demo, 0)
    np.testing.assert_array_equal(demo[0].front_rgb, before)


def test_an_observation_without_joint_poses_is_refused():
    bare = Observation(gripper_pose=np.array([0, 0, 1, 0, 0, 0, 1.0]), gripper_open=1.0)
    with pytest.raises(UserError, match="targets need joint_positions"):
        draw_targets(Demo([bare]), 0)
    bare.joint_positions = np.zeros(7)
    with pytest.raises(UserError, match="targets need misc\\['joint_poses'\\]"):
        draw_targets(Demo([bare]), 0)


def test_a_missing_image_is_named(demo):
    demo = make_demo(length=2)
    demo[0].wrist_rgb = None
    with pytest.raises(KeyError, match="no image 'wrist_rgb'"):
        draw_targets(demo, 0)


def test_nothing_to_draw(demo):
    with pytest.raises(ValueError, match="no frames or no cameras"):
        draw_targets_of(demo, [])
    with pytest.raises(ValueError, match="no frames or no cameras"):
        draw_targets(demo, 0, cameras=())
