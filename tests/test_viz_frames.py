"""Frames, cameras, clouds and joint ranges as pictures."""

import numpy as np
import pytest

from genima_lite import panda
from genima_lite.cameras import mounted_camera
from genima_lite.observation import CAMERAS
from genima_lite.viz.arm_frames import (
    axes_conventions,
    camera_map,
    draw_frames,
    pinhole_from_above,
    where_seen,
)
from genima_lite.viz.joint_ranges import joint_ranges
from genima_lite.viz.point_clouds import side_views

PNG = b"\x89PNG"
PICTURE = np.full((64, 64, 3), 120, np.uint8)


@pytest.fixture
def arm():
    return panda.forward_kinematics(panda.HOME + np.array([0, 0, 0, -1.2, 0, 1.2, 0]))[0]


def test_frames_are_drawn_on_every_panel(arm):
    front = mounted_camera("front", 64, np.eye(4))
    panels = {str(k): (front, arm[: k + 1]) for k in range(4)}
    figure = draw_frames(PICTURE, panels, axis=0.1)
    assert [axes.get_title() for axes in figure.axes] == list(panels)
    assert figure.png().startswith(PNG)
    with pytest.raises(ValueError, match="no panels"):
        draw_frames(PICTURE, {})


def test_frames_have_names_and_a_window_beyond_the_picture(arm):
    front = mounted_camera("front", 64, np.eye(4))
    window = (10, 60, -10, 40)
    names = [str(k) for k in range(1, 8)]
    figure = draw_frames(PICTURE, {"": (front, arm)}, window=window, names=names, truth=arm)
    axes = figure.axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == ((10, 60), (40, -10))
    assert [text.get_text() for text in axes.texts] == ["1 and 2", "3", "4", "5 and 6", "7"]


def test_a_panel_says_what_is_not_to_be_seen(arm):
    front = mounted_camera("front", 64, np.eye(4))
    away = type(front)(front.intrinsics, front.to_opengl())
    lower = arm[[0, 1, 6]]
    assert where_seen(front, lower, PICTURE.shape) == ""
    assert "3 of 3 behind the camera" in where_seen(away, lower, PICTURE.shape)
    above = lower.copy()
    above[:, 2, 3] += 5
    assert where_seen(front, above, PICTURE.shape).startswith("3 of 3 outside")


def test_cameras_and_axes_are_drawn(arm):
    cameras = {name: mounted_camera(name, 64, arm[-1]) for name in CAMERAS}
    figure = camera_map(cameras, arm)
    assert len(figure.axes) == 2
    assert figure.png().startswith(PNG)
    assert pinhole_from_above().png().startswith(PNG)
    assert len(axes_conventions({"OpenCV": np.eye(3), "RLBench": -np.eye(3)}).axes) == 2


def test_a_cloud_says_how_far_it_is_off():
    cloud = np.random.default_rng(0).uniform(0, 1, (64, 64, 3))
    figure = side_views({"right": cloud, "high": cloud + [0, 0, 0.1]}, PICTURE)
    first, second = figure.axes
    assert not first.texts
    assert second.texts[0].get_text() == "10.0 cm off"
    with pytest.raises(ValueError, match="'flat' is"):
        side_views({"flat": cloud[0]}, PICTURE)


def test_joint_ranges_mark_what_is_outside():
    postures = {"zeros": np.zeros(7), "home": panda.HOME}
    figure = joint_ranges(panda.LOWER, panda.UPPER, panda.HOME[None], postures)
    outside = [len(marks.get_offsets()) for marks in figure.axes[0].collections][1::2]
    assert outside == [1, 0]
    with pytest.raises(ValueError, match="at most 4"):
        joint_ranges(panda.LOWER, panda.UPPER, panda.HOME[None], dict.fromkeys("abcde", panda.HOME))
