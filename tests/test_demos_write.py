"""Writing: RLBench's reader takes it, the bytes repeat, and nothing is ever half there."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from genima_lite.demos import DatasetError, iterate_episodes, read_episode, write, write_episode
from genima_lite.observation import Demo

SAMPLE = Path(__file__).parent / "data/sample_rlbench/open_box/variation0/episodes/episode0"
KINDS = ("rgb", "depth", "mask")
TEXTS = ["open the box", "lift the lid"]

RLBENCH_READER = '''
"""The rules of RLBench's reader, in our words, with stand-ins for its two classes."""
import os, pickle, sys, types

class Observation:
    def __init__(self, *fields):
        raise AssertionError("unpickling does not call constructors")

class Demo:
    def __init__(self, observations):
        raise AssertionError("unpickling does not call constructors")

    def __len__(self):
        return len(self._observations)

for name, content in (
    ("rlbench", {}), ("rlbench.backend", {}), ("rlbench.demo", {"Demo": Demo}),
    ("rlbench.backend.observation", {"Observation": Observation}),
):
    module = types.ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
for cls, name in ((Demo, "rlbench.demo"), (Observation, "rlbench.backend.observation")):
    cls.__module__ = name

variation = sys.argv[1]
with open(os.path.join(variation, "variation_descriptions.pkl"), "rb") as file:
    descriptions = pickle.load(file)
for episode in os.listdir(os.path.join(variation, "episodes")):
    folder = os.path.join(variation, "episodes", episode)
    with open(os.path.join(folder, "low_dim_obs.pkl"), "rb") as file:
        demo = pickle.load(file)
    for camera in ("left_shoulder", "right_shoulder", "overhead", "wrist", "front"):
        for kind in ("rgb", "depth"):
            listed = os.listdir(os.path.join(folder, camera + "_" + kind))
            assert len(listed) == len(demo), "broken dataset assumption"
            assert sorted(listed) == sorted(f"{i}.png" for i in range(len(demo)))
    assert all(type(obs) is Observation for obs in demo._observations)
    assert all(getattr(obs, camera + "_rgb") is None for obs in demo._observations)
    assert set(vars(demo)) == {"_observations", "random_seed", "num_reset_attempts"}
    assert len(vars(demo._observations[0])) == 30
    assert "genima_lite" not in sys.modules
    last = demo._observations[-1]
    print(episode, len(demo), last.gripper_open, last.misc["joint_position_action"][0])
print(descriptions)
'''


@pytest.fixture
def demo():
    return read_episode(SAMPLE, kinds=KINDS)


@pytest.fixture
def five_cameras(demo):
    for obs in demo:
        for kind in KINDS:
            setattr(obs, f"overhead_{kind}", obs.image("front", kind))
    return demo


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_written_is_read(tmp_path, demo):
    demo.scene_state = {"box": {"pose": [0.1, 0.2]}, "attempt": 2}
    folder = write_episode(demo, tmp_path, "open_box", 0, 4, TEXTS)
    assert folder == tmp_path / "open_box/variation0/episodes/episode4"
    again = read_episode(folder, kinds=KINDS)
    assert again.scene_state == demo.scene_state
    np.testing.assert_equal(again.random_seed, demo.random_seed)
    for obs, expected in zip(again, demo, strict=True):
        np.testing.assert_equal(vars(obs), vars(expected))


def test_images_are_stored_as_rlbench_stores_them(tmp_path, demo):
    folder = write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    for path in sorted(SAMPLE.rglob("*.png")):
        ours = Image.open(folder / path.relative_to(SAMPLE))
        assert ours.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(Image.open(path)))
    assert set(files_of(folder)) == set(files_of(SAMPLE))


def test_rlbench_s_reader_takes_it(tmp_path, five_cameras):
    for episode in (0, 1):
        write_episode(five_cameras, tmp_path, "open_box", 0, episode, TEXTS)
    command = [sys.executable, "-c", RLBENCH_READER, str(tmp_path / "open_box/variation0")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sorted(lines[:2]) == ["episode0 3 0.0 0.041", "episode1 3 0.0 0.041"]
    assert lines[2] == str(TEXTS)


def test_the_bytes_are_the_same_each_time(tmp_path, demo):
    demo.scene_state = {"b": 1, "a": [2.5]}
    first = write_episode(demo, tmp_path / "1", "open_box", 0, 0, TEXTS)
    demo.scene_state = {"a": [2.5], "b": 1}
    write_episode(demo, tmp_path / "2", "open_box", 0, 0, TEXTS)
    copy = read_episode(first, kinds=KINDS)
    for name in KINDS:  # a depth that went through its code stays on it
        assert getattr(copy[0], f"front_{name}") is not getattr(demo[0], f"front_{name}")
    write_episode(copy, tmp_path / "3", "open_box", 0, 0, TEXTS)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2") == files_of(tmp_path / "3")


def test_the_bytes_do_not_depend_on_an_installed_rlbench(tmp_path, demo, monkeypatch):
    without = write_episode(demo, tmp_path / "1", "open_box", 0, 0, TEXTS)
    for name in ("rlbench", "rlbench.demo", "rlbench.backend", "rlbench.backend.observation"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["rlbench.demo"].Demo = type("Demo", (), {})
    present = write_episode(demo, tmp_path / "2", "open_box", 0, 0, TEXTS)
    assert files_of(without) == files_of(present)
    assert len(read_episode(present)) == 3


def test_point_clouds_and_absent_cameras_are_not_written(tmp_path, demo):
    for obs in demo:
        obs.front_point_cloud = np.zeros((32, 32, 3), np.float32)
    folder = write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    assert not (folder / "front_point_cloud").exists()
    assert not (folder / "overhead_rgb").exists()


def test_an_episode_is_not_overwritten(tmp_path, demo):
    folder = write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    before = files_of(tmp_path)
    demo.random_seed = None
    with pytest.raises(DatasetError, match="episode0: exists already; delete it"):
        write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    assert files_of(tmp_path) == before
    assert folder.is_dir()


def test_a_variation_keeps_its_descriptions(tmp_path, demo):
    write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    write_episode(demo, tmp_path, "open_box", 1, 0, ["close the box"])
    with pytest.raises(DatasetError, match=r"variation_descriptions\.pkl: holds .*open the box"):
        write_episode(demo, tmp_path, "open_box", 0, 1, ["close the box"])
    assert [e.episode for e in iterate_episodes(tmp_path, "open_box", 0)] == [0]


@pytest.mark.parametrize("stop_at", ["low_dim_obs.pkl", "2.png", "rename"])
@pytest.mark.parametrize("stopped_by", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writer_that_is_stopped_leaves_no_episode(
    tmp_path, demo, monkeypatch, stop_at, stopped_by
):
    write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    before = files_of(tmp_path)

    def stop(*_):
        raise stopped_by

    def stop_at_frame(path, image, kind):
        return stop() if path.name == stop_at else write_image(path, image, kind)

    write_image = write.write_image
    with monkeypatch.context() as patch:
        if stop_at == "rename":
            patch.setattr(Path, "rename", stop)
        elif stop_at == "2.png":
            patch.setattr(write, "write_image", stop_at_frame)
        else:
            patch.setattr(write, "dump_demo", stop)
        with pytest.raises((OSError, DatasetError, KeyboardInterrupt)):
            write_episode(demo, tmp_path, "open_box", 0, 1, TEXTS)
    assert files_of(tmp_path) == before
    assert not (tmp_path / ".partial").exists()
    assert [e.episode for e in iterate_episodes(tmp_path)] == [0]
    write_episode(demo, tmp_path, "open_box", 0, 1, TEXTS)


def test_a_killed_writer_leaves_its_part_out_of_sight(tmp_path):
    """Killed outright, no clean-up runs: the part stays in .partial, where no reader looks."""
    script = (
        "import os, sys\n"
        "from genima_lite.demos import read_episode, write, write_episode\n"
        "write.dump_demo = lambda demo: os._exit(9)\n"
        "write_episode(read_episode(sys.argv[1]), sys.argv[2], 'open_box', 0, 0, ['x'])\n"
    )
    package = Path(write.__file__).parents[2]
    command = [sys.executable, "-c", script, str(SAMPLE), str(tmp_path)]
    assert subprocess.run(command, cwd=package, check=False).returncode == 9
    assert list(iterate_episodes(tmp_path)) == []
    assert len(list((tmp_path / ".partial").rglob("*.png"))) == 12


def test_writers_side_by_side(tmp_path, demo):
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(write_episode, demo, tmp_path, "open_box", number % 2, number, TEXTS)
            for number in range(24)
        ]
    expected = files_of(jobs[0].result())
    assert all(files_of(job.result()) == expected for job in jobs)
    assert len(list(iterate_episodes(tmp_path))) == 24
    assert not (tmp_path / ".partial").exists()


def test_another_writer_may_remove_the_folder_of_parts(tmp_path, demo, monkeypatch):
    failures = [FileNotFoundError(".partial is gone")] * 3
    mkdir = Path.mkdir

    def unlucky_mkdir(path, *arguments, **options):
        if path.parent.name == ".partial" and failures:
            raise failures.pop()
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", unlucky_mkdir)
    assert len(read_episode(write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS))) == 3
    assert failures == []


def test_of_two_writers_of_one_episode_one_wins(tmp_path, demo):
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(write_episode, demo, tmp_path, "open_box", 0, 0, TEXTS) for _ in range(4)
        ]
    errors = [job.exception() for job in jobs]
    assert sum(error is None for error in errors) == 1
    assert all(isinstance(error, DatasetError) for error in errors if error)
    assert len(read_episode(tmp_path / "open_box/variation0/episodes/episode0")) == 3


def test_frames_must_have_the_same_images(tmp_path, demo):
    demo[1].wrist_depth = None
    with pytest.raises(ValueError, match=r"wrist_depth is \(32, 32\) in .* absent in frame 1"):
        write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    demo[1].wrist_depth = np.zeros((8, 8), np.float32)
    with pytest.raises(ValueError, match=r"\(8, 8\) in frame 1"):
        write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    assert list(tmp_path.iterdir()) == []


def test_depth_in_metres_is_refused_by_name(tmp_path, demo):
    demo[2].front_depth = demo[2].front_depth * 4.5
    with pytest.raises(ValueError, match=r"front_depth.2\.png: depth must lie in \[0, 1\]"):
        write_episode(demo, tmp_path, "open_box", 0, 0, TEXTS)
    assert list(iterate_episodes(tmp_path)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "../open_box"}, "not a task"),
        ({"task": "open_box/x"}, "not a task"),
        ({"variation": -1}, "not a task"),
        ({"episode": -2}, "not a task"),
        ({"descriptions": []}, "list of strings"),
        ({"descriptions": "open the box"}, "list of strings"),
        ({"descriptions": [1]}, "list of strings"),
        ({"demo": Demo()}, "at least one frame"),
    ],
)
def test_arguments_are_checked_first(tmp_path, demo, change, message):
    arguments = {
        "demo": demo, "root": tmp_path, "task": "open_box", "variation": 0, "episode": 0,
        "descriptions": TEXTS,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        write_episode(**(arguments | change))
    assert list(tmp_path.iterdir()) == []
