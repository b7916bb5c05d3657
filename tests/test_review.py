"""Demonstrations cut shorter and put aside, by function and by widget."""

import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ipywidgets")

from genima_lite import panda
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.trim import ASIDE, put_aside, trim, trimmed
from genima_lite.demos.write import write_episode
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation, Recording
from genima_lite.viz.review import Review


def frame(t):
    joints = panda.HOME + 0.02 * t
    _, tip = panda.forward_kinematics(joints)
    picture = np.full((16, 16, 3), 10 * t, np.uint8)
    misc = {"variation_index": 0, "joint_position_action": np.append(joints, 1.0)}
    return Observation(
        joint_positions=joints, gripper_open=1.0, gripper_matrix=tip,
        front_rgb=picture, misc=misc,
    )  # fmt: skip


@pytest.fixture
def root(tmp_path):
    for episode in range(2):
        demo = Demo([frame(t) for t in range(12)], None, 1, {"task": "lamp_on"})
        seconds = [0.05 * t for t in range(12)]
        told = ("fer", "twin", "keyboard", "light", "2026-11-27T12:00:00+00:00", seconds)
        demo.recording = Recording(*told)
        write_episode(demo, tmp_path, "lamp_on", 0, episode, ["light"])
    return tmp_path


def episodes(root):
    return list(iterate_episodes(root))


def test_a_cut_demonstration_begins_and_ends_elsewhere(root):
    demo = read_episode(episodes(root)[0].path)
    cut = trimmed(demo, 3, 8)
    assert len(cut) == 6
    assert cut.scene_state is None
    assert cut.recording.seconds == demo.recording.seconds[3:9]
    np.testing.assert_array_equal(cut.actions(), demo.actions()[3:8])
    assert "joint_position_action" not in cut[0].misc
    assert trimmed(demo, 0, 8).scene_state == demo.scene_state
    for ends in ((3, 3), (-1, 5), (4, 12)):
        with pytest.raises(UserError, match="give two of 0 to 11"):
            trimmed(demo, *ends)


def test_on_the_disk_the_whole_one_stays_aside(root):
    first, second = episodes(root)
    old = trim(root, first, 2, 7)
    assert old == root / ASIDE / "lamp_on/variation0/episodes/episode0"
    assert (len(read_episode(first.path)), len(read_episode(old))) == (6, 12)
    assert (read_episode(first.path)[0].front_rgb == 20).all()
    again = trim(root, first, 0, 3)
    assert again.name == "episode1"
    put_aside(root, second)
    assert [each.episode for each in episodes(root)] == [0]
    assert inspect_dataset(root)["problems"] == []


def test_the_widget_does_the_same_from_any_thread(root):
    shown = Review(root)
    assert "12 frames, 0.6 s, keyboard on twin" in shown.text.value
    shown.ends.value = (2, 9)
    picture = np.asarray(Image.open(BytesIO(shown.image.value)))
    assert picture[8, 8, 0] == 20
    assert picture[8, -8, 0] == 90
    click = threading.Thread(target=shown.cut.click)
    click.start()
    click.join()
    assert len(read_episode(episodes(root)[0].path)) == 8
    assert shown.ends.value == (0, 7)
    shown.aside.click()
    shown.aside.click()
    assert shown.text.value == "no episode is left" or "put aside" in shown.text.value
    assert episodes(root) == []
    with pytest.raises(UserError, match="no episodes to review"):
        Review(root)


def test_what_cannot_be_cut_is_said_in_the_widget(root):
    shown = Review(root)
    shown.ends.value = (5, 5)
    shown.cut.click()
    assert "give two of" in shown.text.value
    assert len(read_episode(episodes(root)[0].path)) == 12
