"""Reading RLBench's sample: what it holds is known from geometry, not from our code."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from genima_lite.demos import DatasetError, iterate_episodes, read_descriptions, read_episode
from genima_lite.demos.images import write_image
from genima_lite.demos.layout import episode_folder, natural_key, variation_folder

ROOT = Path(__file__).parent / "data/sample_rlbench"
SAMPLE = ROOT / "open_box/variation0/episodes/episode0"
FOUR_CAMERAS = ("left_shoulder", "right_shoulder", "front", "wrist")
CYAN, YELLOW = (0, 255, 255), (255, 255, 0)


@pytest.fixture
def episode(tmp_path):
    """Return a copy of the sample to break."""
    shutil.copytree(ROOT, tmp_path / "data")
    return tmp_path / "data" / SAMPLE.relative_to(ROOT)


@pytest.fixture(scope="module")
def demo():
    return read_episode(SAMPLE, kinds=("rgb", "depth", "mask"))


def camera_matrices(obs, camera):
    extrinsics = obs.misc[f"{camera}_camera_extrinsics"]
    return extrinsics, obs.misc[f"{camera}_camera_intrinsics"]


@pytest.mark.parametrize("camera", FOUR_CAMERAS)
def test_depth_shows_the_table_plane(demo, camera):
    for obs in demo:
        extrinsics, intrinsics = camera_matrices(obs, camera)
        near, far = (obs.misc[f"{camera}_camera_{name}"] for name in ("near", "far"))
        depth = obs.image(camera, "depth").astype(np.float64)
        rows, columns = np.nonzero(depth < 1.0)
        metres = near + depth[rows, columns] * (far - near)
        rays = np.linalg.inv(intrinsics) @ np.stack([columns, rows, np.ones(len(rows))])
        world = extrinsics[:3, :3] @ (rays * metres) + extrinsics[:3, 3:]
        assert len(rows) > 800
        np.testing.assert_allclose(world[2], 0.75, atol=1e-6)


@pytest.mark.parametrize("camera", ["left_shoulder", "right_shoulder", "wrist"])
def test_the_tip_is_marked_where_it_projects_to(demo, camera):
    for obs in demo:
        extrinsics, intrinsics = camera_matrices(obs, camera)
        tip = np.linalg.inv(extrinsics) @ np.append(obs.gripper_pose[:3], 1.0)
        column, row = np.round((intrinsics @ tip[:3])[:2] / tip[2]).astype(int)
        colour = CYAN if obs.gripper_open else YELLOW
        assert tuple(obs.image(camera)[row, column]) == colour


def test_states_and_commands(demo):
    assert [obs.gripper_open for obs in demo] == [1.0, 1.0, 0.0]
    assert "joint_position_action" not in demo[0].misc
    assert demo.actions().shape == (2, 8)
    np.testing.assert_allclose(demo.actions()[1, [0, 7]], [0.041, 0.0])
    np.testing.assert_allclose(demo[2].gripper_matrix[:3, 3], demo[2].gripper_pose[:3])
    assert len(demo[1].misc["joint_poses"]) == 7


def test_images_have_their_types_and_own_size(demo):
    for camera in FOUR_CAMERAS:
        assert demo[0].image(camera).dtype == np.uint8
        assert demo[0].image(camera, "depth").dtype == np.float32
        assert demo[0].image(camera, "mask").dtype == np.int32
        assert demo[0].image(camera, "depth").shape == (32, 32)
    assert demo[0].overhead_rgb is None


def test_only_what_is_asked_for_is_read():
    demo = read_episode(SAMPLE, cameras=["wrist"], kinds=["rgb", "mask"], frames=[2])
    assert demo[0].images() == {}
    assert set(demo[2].images()) == {"wrist_rgb", "wrist_mask"}
    assert len(demo) == 3
    assert read_episode(SAMPLE, kinds=())[2].images() == {}


def test_folders_that_are_not_asked_for_may_be_missing_or_broken(episode):
    """Genima's rendered trees have no depth and no masks."""
    for folder in episode.glob("*_depth"):
        shutil.rmtree(folder)
    (episode / "front_mask/1.png").write_bytes(b"broken")
    assert len(read_episode(episode)[0].images()) == 4


def test_a_camera_that_is_not_there(episode):
    with pytest.raises(DatasetError, match=r"no overhead_rgb \(present: .*front_rgb.*wrist_mask"):
        read_episode(episode, cameras=["front", "overhead"])


def test_a_kind_that_is_not_there(episode):
    for folder in episode.glob("*_depth"):
        shutil.rmtree(folder)
    with pytest.raises(DatasetError, match=r"no \*_depth \(present: left_shoulder_rgb"):
        read_episode(episode, kinds=("rgb", "depth"))
    with pytest.raises(DatasetError, match=r"no front_point_cloud"):
        read_episode(episode, cameras=["front"], kinds=["point_cloud"])


def test_a_missing_frame(episode):
    (episode / "front_rgb/1.png").unlink()
    with pytest.raises(DatasetError, match=r"front_rgb: 2 images for 3 frames.*1\.png is missing"):
        read_episode(episode)


def test_a_frame_under_another_number(episode):
    (episode / "front_rgb/1.png").rename(episode / "front_rgb/7.png")
    with pytest.raises(DatasetError, match=r"front_rgb: 3 images for 3 frames.*1\.png is missing"):
        read_episode(episode, cameras=["front"])


def test_pictures_of_keyframes_alone_are_read_when_they_are_asked_for(episode):
    for camera in FOUR_CAMERAS:
        (episode / f"{camera}_rgb/1.png").unlink()
    demo = read_episode(episode, frames=[0, 2])
    assert [len(obs.images()) for obs in demo] == [4, 0, 4]
    with pytest.raises(DatasetError, match=r"rgb/1\.png: missing image"):
        read_episode(episode, frames=[1])


def test_a_frame_too_many(episode):
    shutil.copy(episode / "wrist_rgb/1.png", episode / "wrist_rgb/3.png")
    with pytest.raises(DatasetError, match=r"wrist_rgb: 4 images for 3 .*3\.png is one too many"):
        read_episode(episode)


def test_padded_frame_names_are_not_rlbench_s(episode):
    (episode / "front_rgb/1.png").rename(episode / "front_rgb/0001.png")
    with pytest.raises(DatasetError, match=r"1\.png is missing"):
        read_episode(episode)


def test_a_frame_number_outside_the_episode():
    for frame in (3, -1):
        with pytest.raises(DatasetError, match=rf"no frame {frame}; it has 0 to 2"):
            read_episode(SAMPLE, frames=[0, frame])


def test_an_episode_that_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match=r"episode9.low_dim_obs\.pkl: missing file"):
        read_episode(tmp_path / "episode9")


def test_the_scene_state_beside_an_episode(episode):
    (episode / "scene_state.json").write_text(json.dumps({"box": [0.25, 0.0]}))
    assert read_episode(episode, kinds=()).scene_state == {"box": [0.25, 0.0]}
    for text in ("{", "[1]"):
        (episode / "scene_state.json").write_text(text)
        with pytest.raises(DatasetError, match=r"scene_state\.json: "):
            read_episode(episode, kinds=())


def test_descriptions_of_a_variation(tmp_path):
    descriptions, problem = read_descriptions(ROOT / "open_box/variation0")
    assert descriptions[0] == "synthetic instruction one"
    assert problem is None
    descriptions, problem = read_descriptions(tmp_path)
    assert descriptions is None
    assert "variation_descriptions.pkl: missing" in problem


def test_mixed_image_sizes_are_read_as_they_are(episode):
    write_image(episode / "front_rgb/1.png", np.zeros((8, 16, 3), np.uint8), "rgb")
    demo = read_episode(episode, cameras=["front"])
    assert [obs.front_rgb.shape for obs in demo] == [(32, 32, 3), (8, 16, 3), (32, 32, 3)]


def test_episodes_come_in_natural_order(tmp_path):
    for task, variation, episode in [("b", 0, 10), ("b", 0, 2), ("a", 11, 0), ("a", 2, 0)]:
        episode_folder(tmp_path, task, variation, episode).mkdir(parents=True)
    episode_folder(tmp_path, "b", -1, 0).mkdir(parents=True)
    (tmp_path / "b/variation0/episodes/notes").mkdir()
    (tmp_path / ".partial/variation0/episodes/episode0").mkdir(parents=True)
    (tmp_path / "readme.txt").touch()
    found = [(e.task, e.variation, e.episode) for e in iterate_episodes(tmp_path)]
    assert found == [("a", 2, 0), ("a", 11, 0), ("b", -1, 0), ("b", 0, 2), ("b", 0, 10)]
    assert [e.episode for e in iterate_episodes(tmp_path, "b", 0)] == [2, 10]
    assert variation_folder(tmp_path, "b", -1).name == "all_variations"
    assert all(e.path.is_dir() for e in iterate_episodes(tmp_path))


def test_natural_key_sorts_mixed_names():
    names = ["episode10", "episode2", "10", "9", "episode", "a1b10", "a1b9"]
    expected = ["9", "10", "a1b9", "a1b10", "episode", "episode2", "episode10"]
    assert sorted(names, key=natural_key) == expected


def test_a_root_that_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: no such folder"):
        list(iterate_episodes(tmp_path / "nowhere"))
