"""Which frame is drawn on which view, and the labels that come with it."""

import numpy as np
import pytest
from targets_scenes import make_demo

from genima_lite.cameras import Camera
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.targets import (
    HORIZON,
    RandomBackdrop,
    draw_targets,
    draw_targets_of,
    joint_targets,
    target_frame,
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
