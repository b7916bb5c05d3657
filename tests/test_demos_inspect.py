"""Inspection: every fault that we plant is found, named with its file, and nothing else is."""

import io
import json
import pickle
import shutil
import sys
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from genima_lite.demos import (
    DatasetError,
    inspect_dataset,
    read_episode,
    render_report,
    write_episode,
)
from genima_lite.demos.images import write_image
from genima_lite.demos.pickler import dump_demo
from genima_lite.observation import Demo, Observation

SAMPLE = Path(__file__).parent / "data/sample_rlbench"
EPISODE = PurePosixPath("open_box/variation0/episodes/episode0")


@pytest.fixture
def root(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "data")
    return tmp_path / "data"


def problems(root):
    report = inspect_dataset(root)
    return [(entry["path"], entry["message"]) for entry in report["problems"]]


def only_problem(root):
    found = problems(root)
    assert len(found) == 1, found
    return found[0]


def test_the_sample_is_sound():
    report = inspect_dataset(SAMPLE)
    assert report["problems"] == []
    assert report["episodes"] == 1
    assert report["frames"] == {"total": 3, "min": 3, "max": 3}
    assert report["cameras"] == ["left_shoulder", "right_shoulder", "front", "wrist"]
    assert report["images"]["front_depth"] == {"episodes": 1, "images": 3, "sizes": ["32x32"]}
    assert len(report["images"]) == 12
    assert report["fields"]["missing"] == ["demo.scene_state"]
    assert "misc.joint_position_action" in report["fields"]["present"]
    variation = report["tasks"]["open_box"]["variation0"]
    assert (variation["episodes"], variation["frames"]) == (1, 3)
    assert variation["descriptions"][1] == "synthetic instruction two"
    assert ["overhead_rgb" in note["message"] for note in report["notes"]] == [True]
    assert json.loads(json.dumps(report)) == report


def test_our_own_data_is_sound_and_says_what_it_has(tmp_path):
    demo = read_episode(SAMPLE / EPISODE, kinds=("rgb", "depth", "mask"))
    for obs in demo:
        obs.overhead_rgb, obs.overhead_depth = obs.front_rgb, obs.front_depth
    demo.scene_state = {"box": 1}
    for task, episode in (("beat_the_buzz", 0), ("beat_the_buzz", 1), ("reach_target", 0)):
        write_episode(demo, tmp_path, task, 0, episode, [task])
    report = inspect_dataset(tmp_path)
    assert report["problems"] == report["notes"] == report["fields"]["missing"] == []
    assert report["episodes"] == 3
    assert list(report["tasks"]) == ["beat_the_buzz", "reach_target"]
    assert report["images"]["overhead_rgb"]["images"] == 9


def test_a_missing_frame(root):
    (root / EPISODE / "front_rgb/1.png").unlink()
    path, message = only_problem(root)
    assert path == f"{EPISODE}/front_rgb"
    assert message.startswith("2 images for 3 frames in low_dim_obs.pkl, 1.png is missing")


def test_a_frame_too_many(root):
    shutil.copy(root / EPISODE / "front_mask/1.png", root / EPISODE / "front_mask/3.png")
    assert "3.png is one too many" in only_problem(root)[1]


@pytest.mark.parametrize("name", ["front_rgb", "wrist_mask"])
def test_a_truncated_png(root, name):
    path = root / EPISODE / name / "2.png"
    path.write_bytes(path.read_bytes()[:60])
    found, message = only_problem(root)
    assert found == f"{EPISODE}/{name}/2.png"
    assert message.startswith("not a readable PNG")


def test_sizes_that_differ_among_frames(root):
    write_image(root / EPISODE / "front_depth/1.png", np.zeros((8, 16), np.float32), "depth")
    found = only_problem(root)
    assert found == (
        f"{EPISODE}/front_depth",
        "image sizes differ among frames: 16x8, 32x32",
    )


def test_a_foreign_pickle(root):
    (root / EPISODE / "low_dim_obs.pkl").write_bytes(pickle.dumps(io.StringIO))
    path, message = only_problem(root)
    assert path == f"{EPISODE}/low_dim_obs.pkl"
    assert message.startswith("refused '_io.StringIO'")


def test_a_truncated_pickle(root):
    path = root / EPISODE / "low_dim_obs.pkl"
    path.write_bytes(path.read_bytes()[:-100])
    assert only_problem(root)[1].startswith("not a readable pickle")


def test_a_half_written_episode(root):
    (root / EPISODE / "low_dim_obs.pkl").unlink()
    path, message = only_problem(root)
    assert path == str(EPISODE)
    assert "has no low_dim_obs.pkl: half-written; delete" in message


def test_an_episode_without_frames(root):
    (root / EPISODE / "low_dim_obs.pkl").write_bytes(dump_demo(Demo()))
    assert "has no frames" in only_problem(root)[1]


def test_an_episode_that_lacks_a_camera_others_have(root):
    second = root / EPISODE.parent / "episode1"
    shutil.copytree(root / EPISODE, second)
    shutil.rmtree(second / "wrist_rgb")
    path, message = only_problem(root)
    assert path == f"{EPISODE.parent}/episode1"
    assert "has no wrist_rgb, which 1 of 2 episodes have" in message


def test_descriptions_that_are_not_strings(root):
    path = root / "open_box/variation0/variation_descriptions.pkl"
    path.write_bytes(dump_demo(Demo([Observation()])))
    found, message = only_problem(root)
    assert found == "open_box/variation0/variation_descriptions.pkl"
    assert message == "should hold a list of strings, holds Demo"
    path.unlink()
    assert only_problem(root)[1].startswith("missing file")


def test_an_episode_in_another_variation_s_folder(root):
    shutil.copytree(root / "open_box/variation0", root / "open_box/variation3")
    path, message = only_problem(root)
    assert path.startswith("open_box/variation3/")
    assert "was recorded as variation 0" in message
    shutil.move(root / "open_box/variation3", root / "open_box/all_variations")
    assert problems(root) == []
    (root / "open_box/all_variations/variation_descriptions.pkl").unlink()
    assert only_problem(root)[0] == "open_box/all_variations/variation_descriptions.pkl"


def test_a_broken_scene_state(root):
    (root / EPISODE / "scene_state.json").write_text("{")
    path, message = only_problem(root)
    assert path == f"{EPISODE}/scene_state.json"
    assert message.startswith("not readable as JSON")


def test_every_problem_is_reported_at_once(root):
    (root / EPISODE / "front_rgb/0.png").unlink()
    (root / EPISODE / "front_rgb/1.png").write_bytes(b"")
    (root / EPISODE / "wrist_rgb/1.png").write_bytes(b"")
    (root / "open_box/variation0/variation_descriptions.pkl").unlink()
    assert len(problems(root)) == 4


def test_gaps_black_pictures_leftovers_and_strangers_are_notes(root):
    second = root / EPISODE.parent / "episode5"
    shutil.copytree(root / EPISODE, second)
    for frame in range(3):
        write_image(second / f"front_rgb/{frame}.png", np.zeros((32, 32, 3), np.uint8), "rgb")
    (second / "sketches").mkdir()
    (root / ".partial/abc").mkdir(parents=True)
    (root / "empty_task/variation0").mkdir(parents=True)
    shutil.copy(
        root / "open_box/variation0/variation_descriptions.pkl", root / "empty_task/variation0"
    )
    report = inspect_dataset(root)
    assert report["problems"] == []
    notes = {entry["path"]: entry["message"] for entry in report["notes"]}
    assert "gaps: 1 is the first" in notes["open_box/variation0"]
    assert "left over" in notes[".partial"]
    assert "not one of RLBench's image folders" in notes[f"{EPISODE.parent}/episode5/sketches"]
    assert notes["empty_task/variation0"] == "holds no episodes"
    assert notes[f"{EPISODE.parent}/episode5/front_rgb/0.png"] == "is black"


def test_a_demonstration_under_another_name_is_a_note(root):
    (root / EPISODE).with_name("take1").symlink_to("episode0")
    notes = {entry["path"]: entry["message"] for entry in inspect_dataset(root)["notes"]}
    assert "not named episode" in notes[str(EPISODE.with_name("take1"))]


def test_a_link_to_the_root_of_the_disk_is_a_problem(root):
    (root / EPISODE).with_name("episode1").symlink_to("/")
    paths = [path for path, _ in problems(root)]
    assert str(EPISODE.with_name("episode1")) in paths


def test_genima_s_rendered_tree_is_sound(root):
    """It has tiles for frames 0 to T-2, no depth, no masks."""
    for folder in [*(root / EPISODE).glob("*_depth"), *(root / EPISODE).glob("*_mask")]:
        shutil.rmtree(folder)
    for name in ("tiled_rgb", "tiled_rgb_rendered"):
        (root / EPISODE / name).mkdir()
        for frame in range(2):
            image = np.zeros((64, 64, 3), np.uint8)
            write_image(root / EPISODE / name / f"{frame}.png", image, "rgb")
    (root / "render_data_config.yaml").touch()
    report = inspect_dataset(root)
    assert report["problems"] == []
    assert report["images"]["tiled_rgb"] == {"episodes": 1, "images": 2, "sizes": ["64x64"]}
    assert report["cameras"] == ["left_shoulder", "right_shoulder", "front", "wrist"]
    (root / EPISODE / "tiled_rgb/1.png").unlink()
    assert only_problem(root)[0] == f"{EPISODE}/tiled_rgb"


def test_old_data_misses_fields_and_is_sound(root):
    demo = read_episode(root / EPISODE, kinds=())
    demo.num_reset_attempts = None
    for obs in demo:
        del obs.misc["joint_poses"]
        obs.task_low_dim_state = None
    (root / EPISODE / "low_dim_obs.pkl").write_bytes(dump_demo(demo))
    report = inspect_dataset(root)
    assert report["problems"] == []
    assert report["fields"]["missing"] == [
        "demo.num_reset_attempts", "demo.scene_state", "task_low_dim_state", "misc.joint_poses",
    ]  # fmt: skip


def test_the_text_says_the_same(root):
    (root / EPISODE / "front_rgb/1.png").unlink()
    text = render_report(inspect_dataset(root))
    for part in (
        "episodes: 1, frames: 3",
        "open_box/variation0: episodes: 1, frames: 3, synthetic instruction one",
        "front_depth: 3 images, 32x32",
        "Fields missing: demo.scene_state",
        "Problems: 1",
        "1.png is missing",
    ):
        assert part in text
    assert "Problems: none" in render_report(inspect_dataset(SAMPLE))


def test_nothing_to_inspect(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: no such folder"):
        inspect_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="no episodes here; give the folder that holds <task>"):
        inspect_dataset(tmp_path)
    with pytest.raises(DatasetError, match="no episodes here"):
        inspect_dataset(SAMPLE / "open_box")


def test_the_progress_bar_stays_off_in_files_and_off_stdout(monkeypatch, capsys):
    inspect_dataset(SAMPLE)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    inspect_dataset(SAMPLE)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Reading episodes" in err
