"""LeRobot's format: what goes there comes back, and LeRobot's own class reads it.

GENIMA_LEROBOT_PYTHON=DIR/bin/python python -m pytest tests/test_lerobot.py

for the tests with LeRobot in an environment of its own (0.6 or newer reads videos through PyAV).
"""

import json
import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from genima_lite import locks, panda
from genima_lite.cameras import mounted_camera
from genima_lite.commands import COMMANDS
from genima_lite.demos.convert import Conversion
from genima_lite.demos.layout import DatasetError, episode_folder, iterate_episodes
from genima_lite.demos.lerobot.export import to_lerobot
from genima_lite.demos.lerobot.films import Film, frames_of
from genima_lite.demos.lerobot.take import to_rlbench
from genima_lite.demos.read import read_episode, read_sentences
from genima_lite.demos.write import write_episode
from genima_lite.envs.arm.calibration.store import (
    Calibration,
    CameraCalibration,
    write_calibration,
)
from genima_lite.errors import UserError
from genima_lite.observation import STATE_FIELDS, Demo, Observation, Recording
from genima_lite.transforms import pose_vector

LEROBOT = os.environ.get("GENIMA_LEROBOT_PYTHON")
missing = pytest.mark.skipif(LEROBOT is None, reason="GENIMA_LEROBOT_PYTHON is not set")
VIEWS, SIZE = ("front", "wrist"), 32
PLACES = [("open_drawer", 1, 0), ("open_drawer", 1, 1), ("push_button", 0, 0)]
FIRST = Path("open_drawer/variation1/episodes/episode0")


def frame(rng, t, count, blurred):
    """One observation of an arm that waves, with a smooth picture or noise."""
    joints = panda.HOME + 0.3 * np.sin(0.05 * t + np.arange(7))
    poses, tip = panda.forward_kinematics(joints)
    misc = {"joint_poses": list(pose_vector(poses)), "variation_index": 0}
    if t:
        misc["joint_position_action"] = np.append(
            joints + 0.001 * rng.normal(size=7), t < count / 2
        )
    for name in VIEWS:
        camera = mounted_camera(name, SIZE, tip)
        values = [*camera.to_rlbench(), camera.near, camera.far]
        words = ("extrinsics", "intrinsics", "near", "far")
        misc |= {f"{name}_camera_{w}": v for w, v in zip(words, values, strict=True)}
    rows, columns = np.indices((SIZE, SIZE))
    smooth = np.stack([rows * 7, columns * 7, np.full((SIZE, SIZE), 8 * (t % 32))], axis=-1)
    pictures = {
        f"{name}_rgb": (smooth if blurred else rng.integers(0, 256, smooth.shape)).astype(np.uint8)
        for name in VIEWS
    }
    return Observation(
        joint_positions=joints, joint_velocities=0.3 * np.cos(0.05 * t + np.arange(7)),
        joint_forces=rng.normal(size=7), gripper_open=float(t < count / 2),
        gripper_pose=pose_vector(tip), gripper_matrix=tip,
        gripper_joint_positions=np.full(2, 0.04), gripper_touch_forces=rng.normal(size=6),
        task_low_dim_state=rng.normal(size=5), misc=misc, **pictures,
    )  # fmt: skip


def write_demos(root, blurred=False, robot="fer"):
    for number, (task, variation, episode) in enumerate(PLACES):
        rng, count = np.random.default_rng(number), 12 + number
        demo = Demo([frame(rng, t, count, blurred) for t in range(count)])
        for seen in demo:
            seen.misc["variation_index"] = variation
        demo.random_seed, demo.num_reset_attempts = np.random.RandomState(number).get_state(), 2
        demo.scene_state = {"task": task, "numbers": [0.1, number]}
        seconds = [0.05 * t for t in range(count)]
        what = (robot, "twin", "expert", "do it", "2026-11-27T12:00:00+00:00", seconds)
        demo.recording = Recording(*what)
        write_episode(demo, root, task, variation, episode, [f"do {task}", f"{task}, please"])
    return root


@pytest.fixture
def demos(tmp_path):
    return write_demos(tmp_path / "demos")


def there_and_back(demos, folder, pictures):
    list(to_lerobot(demos, folder / "lerobot", pictures))
    list(to_rlbench(folder / "lerobot", folder / "back"))
    return folder / "back"


def test_with_png_everything_comes_back_as_it_was(demos, tmp_path):
    back = there_and_back(demos, tmp_path, "png")
    episodes = list(iterate_episodes(demos))
    assert [e.path.relative_to(back) for e in iterate_episodes(back)] == [
        e.path.relative_to(demos) for e in episodes
    ]
    for each in episodes:
        before, after = (
            read_episode(root / each.path.relative_to(demos)) for root in (demos, back)
        )
        np.testing.assert_equal(after.random_seed, before.random_seed)
        assert after.scene_state == before.scene_state
        assert after.recording == before.recording
        for now, was in zip(after, before, strict=True):
            np.testing.assert_equal(vars(now), vars(was))
        assert read_sentences(each.path) == read_sentences(back / each.path.relative_to(demos))


def test_with_video_pictures_are_close_and_joints_exact(tmp_path):
    demos = write_demos(tmp_path / "demos", blurred=True)
    back = there_and_back(demos, tmp_path, "video")
    for each in iterate_episodes(demos):
        before, after = (
            read_episode(root / each.path.relative_to(demos)) for root in (demos, back)
        )
        for now, was in zip(after, before, strict=True):
            for name in STATE_FIELDS:
                np.testing.assert_array_equal(getattr(now, name), getattr(was, name))
            np.testing.assert_equal(now.misc, was.misc)
            for name in VIEWS:
                off = now.image(name).astype(float) - was.image(name)
                assert np.abs(off).mean() < 6
                assert not np.array_equal(now.image(name), was.image(name))


def test_tables_say_what_lerobot_wants_to_know(demos, tmp_path):
    list(to_lerobot(demos, tmp_path / "l"))
    info = json.loads((tmp_path / "l/meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert info["robot_type"] == "franka_fer"
    assert (info["fps"], info["total_episodes"], info["total_frames"]) == (20, 3, 12 + 13 + 14)
    assert info["features"]["action"]["names"][3::4] == ["joint_4.pos", "gripper.pos"]
    rows = pq.read_table(tmp_path / "l/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [each["dataset_from_index"] for each in rows] == [0, 12, 25]
    assert rows[1]["videos/observation.images.front/from_timestamp"] == pytest.approx(12 / 20)
    frames = pq.read_table(tmp_path / "l/data/chunk-000/file-000.parquet").to_pydict()
    demo = read_episode(demos / FIRST, kinds=())
    franka = panda.to_franka(demo[3].joint_positions)
    np.testing.assert_allclose(frames["observation.state"][3][:7], franka, atol=1e-6)
    command = demo[4].misc["joint_position_action"]
    np.testing.assert_allclose(frames["action"][3][:7], panda.to_franka(command[:7]), atol=1e-6)
    assert frames["action"][11] == frames["action"][10]  # nothing leads on from the last frame
    stats = json.loads((tmp_path / "l/meta/stats.json").read_text())
    every = np.array(frames["observation.state"])
    np.testing.assert_allclose(stats["observation.state"]["mean"], every.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(stats["observation.state"]["std"], every.std(axis=0), atol=1e-6)
    np.testing.assert_allclose(stats["action"]["max"], np.array(frames["action"]).max(axis=0))


def foreign(tmp_path, **changes):
    """A dataset as somebody else recorded it: nothing of ours beside, names of their own."""
    list(to_lerobot(write_demos(tmp_path / "demos"), tmp_path / "l", "png"))
    shutil.rmtree(tmp_path / "l/rlbench")
    path = tmp_path / "l/meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return tmp_path / "l"


def calibration(tmp_path):
    """Where RLBench's cameras stand, measured on a real arm."""
    found = {}
    for name in VIEWS:
        camera = mounted_camera(name, SIZE, np.eye(4))
        values = (camera.intrinsics.tolist(), [0.0] * 5, camera.pose.tolist(), name == "wrist")
        found[name] = CameraCalibration(0, (SIZE, SIZE), *values, 0.1, 0.5, np.eye(6).tolist())
    path = tmp_path / "calibration.json"
    write_calibration(path, Calibration("lab", "fer", "2026-11-27T12:00:00+00:00", found))
    return path


def test_what_others_recorded_gets_poses_from_a_calibration(tmp_path):
    list(to_rlbench(foreign(tmp_path), tmp_path / "back", calibration(tmp_path)))
    found = list(iterate_episodes(tmp_path / "back"))
    assert [(each.task, each.episode) for each in found] == [
        ("do_open_drawer", 0), ("do_open_drawer", 1), ("do_push_button", 0),
    ]  # fmt: skip
    before, after = read_episode(tmp_path / "demos" / FIRST), read_episode(found[0].path)
    for now, was in zip(after, before, strict=True):
        np.testing.assert_allclose(now.joint_positions, was.joint_positions, atol=1e-6)
        np.testing.assert_allclose(now.gripper_matrix, was.gripper_matrix, atol=1e-6)
        np.testing.assert_array_equal(now.front_rgb, was.front_rgb)
        for name in VIEWS:
            field = f"{name}_camera_extrinsics"
            np.testing.assert_allclose(now.misc[field], was.misc[field], atol=1e-6)
    np.testing.assert_allclose(after.actions(), before.actions(), atol=1e-6)


def test_faster_recordings_are_thinned_out(tmp_path):
    source = foreign(tmp_path, fps=40)
    frames("timestamp", lambda seconds: [each / 2 for each in seconds])(source)
    slow = list(to_rlbench(source, tmp_path / "back", calibration(tmp_path)))
    before, after = read_episode(tmp_path / "demos" / FIRST), read_episode(slow[0])
    assert len(after) == 6
    joints = [seen.joint_positions for seen in after]
    np.testing.assert_allclose(joints, [before[2 * k].joint_positions for k in range(6)], atol=1e-6)
    np.testing.assert_allclose(after.actions()[0], before.actions()[1], atol=1e-6)


def test_killed_and_started_again_it_goes_on(demos, tmp_path):
    list(to_lerobot(demos, tmp_path / "l", "png"))
    begun = to_rlbench(tmp_path / "l", tmp_path / "back")
    next(begun)
    begun.close()
    assert len(list(iterate_episodes(tmp_path / "back"))) == 1
    assert len(list(to_rlbench(tmp_path / "l", tmp_path / "back"))) == 3
    assert len(list(iterate_episodes(tmp_path / "back"))) == 3
    begun = to_lerobot(demos, tmp_path / "other")
    next(begun)
    begun.close()
    assert not (tmp_path / "other").exists()
    assert len(list(to_lerobot(demos, tmp_path / "other"))) == 3


def test_what_a_killed_conversion_left_half_built_is_removed(whole, tmp_path):
    left = tmp_path / "back/.partial/open_drawer/0123/episode0"
    list(to_rlbench(whole, tmp_path / "back"))
    left.mkdir(parents=True)
    list(to_rlbench(whole, tmp_path / "back"))
    assert [path.name for path in (tmp_path / "back").iterdir() if path.name[0] == "."] == []


@pytest.mark.parametrize(
    ("to", "words"),
    [("rlbench", "1 whole episodes are kept; the same"), ("lerobot", "nothing was written; the")],
)
def test_a_stopped_conversion_says_what_is_kept(whole, demos, tmp_path, monkeypatch, to, words):
    def stop(items, *_):
        yield next(items)
        raise KeyboardInterrupt

    monkeypatch.setattr("genima_lite.commands.progress", stop)
    source, out = {"rlbench": whole, "lerobot": demos}[to], tmp_path / "out"
    with pytest.raises(KeyboardInterrupt, match=words):
        COMMANDS["convert"]([])(source, Conversion(to, out))
    assert [path for path in tmp_path.iterdir() if path.name[0] == "."] == []
    assert out.exists() == (to == "rlbench")


def changed_info(folder, change):
    path = folder / "meta/info.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_cannot_be_read_says_why(tmp_path):
    source = foreign(tmp_path)
    known = calibration(tmp_path)

    def refused(words, change=lambda _: None, *arguments):
        broken = tmp_path / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(source, broken)
        changed_info(broken, change)
        with pytest.raises(UserError, match=words):
            list(to_rlbench(broken, tmp_path / "out", *(arguments or (known,))))
        shutil.rmtree(tmp_path / "out", ignore_errors=True)

    refused("give a calibration", lambda _: None, None)
    refused("only v3 is read", lambda i: i.update(codebase_version="v2.1"))
    refused("data_path", lambda i: i.update(data_path="../../{chunk_index}"))
    refused("at least 20", lambda i: i.update(fps=10))
    joints = ["shoulder.pos", "elbow.pos", "gripper.pos"]
    refused("only Franka's", lambda i: i["features"]["action"].update(names=joints))
    refused("2 episodes|3 episodes, 2", lambda i: i.update(total_episodes=2))
    refused("with a fer, and .*'Franka FR3'", lambda i: i.update(robot_type="Franka FR3"))
    refused("no OURS=THEIRS", lambda _: None, known, ["front"])
    refused("has cameras front, wrist", lambda _: None, known, ["overhead=top"])
    with pytest.raises(DatasetError, match=r"no meta/info.json"):
        list(to_rlbench(tmp_path / "demos", tmp_path / "out"))


def test_a_list_of_further_files_is_no_video(tmp_path):
    film = Film(tmp_path / "whole.mp4", 20)
    film.add([np.zeros((SIZE, SIZE, 3), np.uint8)] * 3)
    film.close()
    assert len(list(frames_of(film.path, (SIZE, SIZE)))) == 3
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile whole.mp4\n")
    with pytest.raises(DatasetError, match="no readable video"):
        list(frames_of(tmp_path / "list.mp4", (SIZE, SIZE)))
    content = film.path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: content.index(b"stsd")].ljust(len(content), b"\0"))
    with pytest.raises(DatasetError, match="no readable video .unknown codec"):
        list(frames_of(tmp_path / "cut.mp4", (SIZE, SIZE)))


def test_damaged_tables_are_refused(demos, tmp_path):
    list(to_lerobot(demos, tmp_path / "l", "png"))
    table = tmp_path / "l/data/chunk-000/file-000.parquet"
    whole = table.read_bytes()
    for damage in (b"", whole[:-9], whole[:100] + b"x" * 50 + whole[150:]):
        table.write_bytes(damage)
        with pytest.raises(DatasetError):
            list(to_rlbench(tmp_path / "l", tmp_path / f"out{len(damage)}"))
    action = pq.ParquetFile(table).metadata.row_group(0).column(1)
    flipped = bytearray(whole)
    flipped[action.data_page_offset + action.total_compressed_size - 5] ^= 1
    table.write_bytes(flipped)
    with pytest.raises(DatasetError, match="no Parquet"):
        list(to_rlbench(tmp_path / "l", tmp_path / "flipped"))
    pq.write_table(pa.table({"episode_index": [0]}), table)
    with pytest.raises(DatasetError, match=r"no column 'observation.state'"):
        list(to_rlbench(tmp_path / "l", tmp_path / "out"))


def test_what_lies_beside_must_be_of_the_same_episode(demos, tmp_path):
    list(to_lerobot(demos, tmp_path / "l", "png"))
    for suffix in ("json", "parquet"):
        one, other = (tmp_path / f"l/rlbench/episode-00000{k}.{suffix}" for k in (0, 1))
        one.write_bytes(other.read_bytes())
    with pytest.raises(DatasetError, match="which was changed since"):
        list(to_rlbench(tmp_path / "l", tmp_path / "back"))


def changed_table(path, name, values):
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(name), name, pa.array(values)), path)


def beside(change):
    def damage(root):
        path = root / "rlbench/episode-000000.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def frames(name, change):
    def damage(root):
        path = root / "data/chunk-000/file-000.parquet"
        changed_table(path, name, change(pq.read_table(path).column(name).to_pylist()))

    return damage


def huge_table(root):
    count = 2_000_000
    zeros = pa.array(np.zeros(count, np.int64))
    names = ("episode_index", "frame_index", "task_index")
    rows = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(8 * count, np.float32)), 8)
    table = pa.table({"observation.state": rows, "action": rows, **dict.fromkeys(names, zeros)})
    pq.write_table(table, root / "data/chunk-000/file-000.parquet", compression="zstd")


def huge_sentences(root):
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2000, np.int32)), ["x" * 100_000])
    table = pa.table({"task_index": np.arange(2000), "task": words.cast(pa.large_string())})
    pq.write_table(table, root / "meta/tasks.parquet", compression="zstd")


def huge_pictures(root):
    content = BytesIO()
    Image.new("RGB", (4096, 4096)).save(content, "png")
    frames("observation.images.front", lambda p: [{"bytes": content.getvalue()}] * len(p))(root)
    front = "observation.images.front"
    changed_info(root, lambda i: i["features"][front].update(shape=[4096, 4096, 3]))


def others(mode, kind):
    content = BytesIO()
    Image.new(mode, (SIZE, SIZE)).save(content, kind)
    return lambda pictures: [{"bytes": content.getvalue()}] * len(pictures)


transparent, grey_jpegs = others("RGBA", "png"), others("L", "jpeg")

DAMAGES = {
    "total_episodes": (
        lambda r: changed_info(r, lambda i: i.update(total_episodes=10**18)), "3 episodes, 10000"
    ),
    "huge table": (huge_table, "far too many values"),
    "huge sentences": (huge_sentences, "unpacks to far more"),
    "huge pictures": (huge_pictures, "file-000.parquet|4096x4096 pixels in"),
    "path": (beside(lambda b: b.update(task="../../../evil")), "task is '../../../evil'"),
    "hidden": (beside(lambda b: b.update(variation=-1)), "variation is no number"),
    "unfindable": (beside(lambda b: b.update(episode=10**9)), "episode is no number"),
    "no sentences": (beside(lambda b: b.update(sentences=[])), "sentences: should hold"),
    "control": (beside(lambda b: b.update(sentences=["\x1b[2J"])), "sentences: .*no instruction"),
    "no cameras": (beside(lambda b: b.update(cameras={})), "no misc.wrist_camera_intrinsics"),
    "seed": (beside(lambda b: b.update(random_seed=["MT19937", [1, 2], 0])), "not what we write"),
    "arm": (beside(lambda b: b["recording"].update(arm="kuka")), "recording: robot is 'kuka'"),
    "times": (beside(lambda b: b["recording"].update(seconds=[])), "seconds should be 12"),
    "date": (beside(lambda b: b["recording"].update(began="now")), "began is 'now'"),
    "action": (frames("action", lambda a: [[0.0] * 8] * len(a)), "was changed since"),
    "ragged": (
        lambda r: changed_table(
            r / "rlbench/episode-000000.parquet",
            "joint_positions",
            [[0.0] * (7 - k % 2) for k in range(12)],
        ),
        "was changed since",
    ),
    "text": (frames("action", lambda a: ["a"] * len(a)), "column 'action' holds string"),
    "NaN": (frames("observation.state", lambda s: [[np.nan] * 8] * len(s)), "state holds NaN"),
    "task": (frames("task_index", lambda t: [9] * len(t)), "episode 0: has no sentence"),
    "late": (frames("timestamp", lambda t: [1.2 * each for each in t]), "frame 1 of .*0.06 s"),
    "NaN time": (frames("timestamp", lambda t: [np.nan] * len(t)), "'timestamp' holds NaN"),
    "no time": (frames("timestamp", lambda t: ["x"] * len(t)), "'timestamp' holds string"),
    "backwards": (frames("timestamp", lambda t: t[::-1]), "frame 0 of episode 0 is at 0.65 s"),
    "robot": (lambda r: changed_info(r, lambda i: i.update(robot_type="fr3")), "was changed since"),
    "two columns": (
        lambda r: pq.write_table(
            pq.read_table(r / "meta/tasks.parquet").append_column("task", [["a", "b"]]),
            r / "meta/tasks.parquet",
        ),
        "column 'task' is in it twice",
    ),
    "transparent": (frames("observation.images.front", transparent), "0: a rgb image must"),
    "grey JPEG": (frames("observation.images.front", grey_jpegs), "frame 0: not readable .32x32 L"),
    "no picture": (
        frames("observation.images.front", lambda p: [{"bytes": None}] * len(p)),
        "images.front, frame 0: no picture",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damages_are_refused_by_name_and_write_nothing(whole, tmp_path, name):
    damage, words = DAMAGES[name]
    shutil.copytree(whole, tmp_path / "l")
    damage(tmp_path / "l")
    with pytest.raises(UserError, match=words):
        list(to_rlbench(tmp_path / "l", tmp_path / "a/b/back"))
    left = [each for each in (tmp_path / "a").rglob("*") if each.is_file()]
    assert [each.name for each in left] in ([], ["provenance.json"])


def test_two_episodes_of_one_place_are_refused(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "l")
    beside(lambda content: content.update(episode=1))(tmp_path / "l")
    with pytest.raises(UserError, match="episodes 0 and 1 are both episode 1"):
        list(to_rlbench(tmp_path / "l", tmp_path / "back"))


def test_a_dataset_is_not_converted_into_itself(demos):
    with pytest.raises(UserError, match="lies in the dataset"):
        next(to_lerobot(demos, demos / "lerobot"))
    assert not (demos / "lerobot").exists()


def test_nothing_is_written_into_the_source_or_through_a_link(whole, demos, tmp_path):
    for out in (whole, whole / "x"):
        with pytest.raises(UserError, match="lies in the dataset that is read"):
            list(to_rlbench(whole, out))
    left = tmp_path / ".o.partial"
    left.mkdir()
    (left / "link").symlink_to(demos)
    assert len(list(to_lerobot(demos, tmp_path / "o", "png"))) == 3
    assert len(list(iterate_episodes(demos))) == 3
    assert not (tmp_path / "o/link").is_symlink()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    list(to_lerobot(write_demos(folder / "demos"), folder / "l", "png"))
    return folder / "l"


@pytest.mark.parametrize(
    ("shape", "words"),
    [([], "no height, width"), ([2**40, 2**40, 3], "no height, width"), ([16, 16, 3], "16x16")],
)
def test_pictures_must_have_the_size_that_is_said(whole, tmp_path, shape, words):
    shutil.copytree(whole, tmp_path / "l")
    front = "observation.images.front"
    changed_info(tmp_path / "l", lambda i: i["features"][front].update(shape=shape))
    with pytest.raises(UserError, match=words):
        list(to_rlbench(tmp_path / "l", tmp_path / "back"))


def test_a_name_that_leads_to_another_folder_is_refused(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "l")

    def rename(content):
        views = content["features"]
        views["observation.images.../../../x"] = views.pop("observation.images.front")

    changed_info(tmp_path / "l", rename)
    with pytest.raises(UserError, match="leads to another folder"):
        list(to_rlbench(tmp_path / "l", tmp_path / "back"))


def test_a_conversion_goes_on_only_with_the_same_calibration(tmp_path):
    source, known = foreign(tmp_path), calibration(tmp_path)
    next(to_rlbench(source, tmp_path / "back", known))
    content = json.loads(known.read_text())
    content["cameras"]["front"]["pose"][0][3] += 1.0
    known.write_text(json.dumps(content))
    with pytest.raises(UserError, match="calibration = "):
        next(to_rlbench(source, tmp_path / "back", known))


@pytest.mark.parametrize(
    "cameras", [["front=front", "front=wrist"], ["front=wrist", "wrist=wrist"]]
)
def test_each_camera_is_named_once(whole, tmp_path, cameras):
    with pytest.raises(UserError, match="name each once"):
        list(to_rlbench(whole, tmp_path / "back", cameras=cameras))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("size", [0, 0], "no picture"),
        ("intrinsics", (-np.eye(3)).tolist(), "no focal lengths"),
        ("distortion", [1e300] * 5, "coefficients"),
        ("distortion", [-0.2, 0.05, 0, 0, 0], "straighten them"),
        ("residual_pixels", 99, "off by 99.00 pixels"),
        ("on_wrist", True, "'front' stands still"),
    ],
)
def test_a_bad_calibration_is_refused(tmp_path, name, value, words):
    source, known = foreign(tmp_path), calibration(tmp_path)
    content = json.loads(known.read_text())
    content["cameras"]["front"][name] = value
    known.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"calibration\.json.*{words}"):
        list(to_rlbench(source, tmp_path / "back", known))


def test_a_video_that_ends_early_is_refused(tmp_path):
    demos = write_demos(tmp_path / "demos", blurred=True)
    list(to_lerobot(demos, tmp_path / "l"))
    films = sorted((tmp_path / "l/videos").rglob("*.mp4"))
    films[0].write_bytes(films[0].read_bytes()[:2000])
    with pytest.raises(DatasetError, match=r"file-000\.mp4"):
        list(to_rlbench(tmp_path / "l", tmp_path / "back"))


def test_episodes_that_do_not_go_together_are_refused(demos, tmp_path):
    write_demos(tmp_path / "other", robot="fr3")
    folder = episode_folder(demos, "open_drawer", 1, 1)
    shutil.rmtree(folder)
    shutil.copytree(episode_folder(tmp_path / "other", "open_drawer", 1, 1), folder)
    with pytest.raises(DatasetError, match="another robot than the first"):
        list(to_lerobot(demos, tmp_path / "l"))
    assert not (tmp_path / "l").exists()
    with pytest.raises(UserError, match="is there already"):
        list(to_lerobot(demos, demos))


def test_a_dataset_that_somebody_else_has_written_meanwhile_stays(demos, tmp_path, monkeypatch):
    real, out = locks.writing, tmp_path / "l"

    def late(folder):
        out.mkdir()
        return real(folder)

    monkeypatch.setattr(locks, "writing", late)
    with pytest.raises(UserError, match="is there already"):
        list(to_lerobot(demos, out))
    assert list(out.iterdir()) == []
    assert not (tmp_path / ".l.partial").exists()
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(UserError, match="is there already"):
        list(to_lerobot(demos, tmp_path / "link"))


def test_the_command_refuses_what_does_not_go_together(demos, tmp_path):
    for words, settings in (
        ("choose from lerobot, rlbench", {"to": "hdf5"}),
        ("choose from video, png", {"to": "lerobot", "pictures": "gif"}),
        ("leave them away", {"to": "lerobot", "cameras": ("front=a",)}),
        ("always PNG", {"to": "rlbench", "pictures": "png"}),
    ):
        with pytest.raises(UserError, match=words):
            Conversion(out=tmp_path, **settings)
    run = COMMANDS["convert"]([])
    assert run(demos, Conversion("lerobot", tmp_path / "l")) == 0
    assert (tmp_path / "l/meta/stats.json").exists()


LOADED = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
found = LeRobotDataset("some/one", root=sys.argv[1], delta_timestamps={"action": [0, 0.05, 0.1]})
item = found[13]
front = item["observation.images.front"]
print(json.dumps({
    "frames": len(found), "episodes": found.num_episodes, "robot": found.meta.robot_type,
    "task": item["task"], "state": item["observation.state"].tolist(),
    "action": item["action"].tolist(), "front": (front * 255).round().int().tolist(),
    "cameras": sorted(found.meta.camera_keys),
}))
"""

RECORDED = """
import sys
import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
names = [f"joint_{k}.pos" for k in range(1, 8)] + ["gripper.pos"]
joints = {"dtype": "float32", "shape": (8,), "names": names}
view = {"dtype": "image", "shape": (32, 32, 3), "names": ["height", "width", "channels"]}
features = {"observation.state": joints, "action": joints, "observation.images.cam": view}
made = LeRobotDataset.create("some/one", 20, features, root=sys.argv[1], use_videos=False)
home = np.array([0.0, 0.1745, 0.0, -0.8029, 0.0, 1.2217, 0.7854, 1.0], np.float32)
for episode in range(2):
    for t in range(10):
        row = home + np.float32(0.01 * t) * np.append(np.ones(7), 0).astype(np.float32)
        picture = np.full((32, 32, 3), 10 * t + episode, np.uint8)
        frame = {"observation.state": row, "action": row, "observation.images.cam": picture}
        made.add_frame(frame | {"task": "Wave, please!"})
    made.save_episode()
made.finalize()
"""


def told(code, *arguments):
    done = subprocess.run(
        [LEROBOT, "-W", "ignore", "-c", code, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@missing
@pytest.mark.lerobot
@pytest.mark.parametrize("pictures", ["png", "video"])
def test_lerobots_own_class_reads_it(tmp_path, pictures):
    demos = write_demos(tmp_path / "demos", blurred=True)
    list(to_lerobot(demos, tmp_path / "l", pictures))
    found = json.loads(told(LOADED, str(tmp_path / "l")).splitlines()[-1])
    demo = read_episode(episode_folder(demos, "open_drawer", 1, 1))
    assert (found["frames"], found["episodes"], found["robot"]) == (39, 3, "franka_fer")
    assert found["task"] == "do open_drawer"
    assert found["cameras"] == ["observation.images.front", "observation.images.wrist"]
    franka = panda.to_franka(demo[1].joint_positions)
    np.testing.assert_allclose(found["state"][:7], franka, atol=1e-6)
    commands = panda.to_franka(demo.actions()[1:4, :7])
    np.testing.assert_allclose(np.array(found["action"])[:, :7], commands, atol=1e-6)
    off = np.moveaxis(np.array(found["front"]), 0, -1) - demo[1].front_rgb.astype(int)
    assert np.abs(off).mean() < (0.01 if pictures == "png" else 6)


@missing
@pytest.mark.lerobot
def test_what_lerobots_own_class_recorded_is_read(tmp_path):
    told(RECORDED, str(tmp_path / "l"))
    args = (calibration(tmp_path), ["front=cam"])
    folders = list(to_rlbench(tmp_path / "l", tmp_path / "back", *args))
    assert [each.parts[-4] for each in folders] == ["wave_please"] * 2
    demo = read_episode(folders[1])
    np.testing.assert_allclose(demo[0].joint_positions, panda.HOME, atol=1e-4)
    np.testing.assert_array_equal(demo[4].front_rgb, np.full((32, 32, 3), 41))
