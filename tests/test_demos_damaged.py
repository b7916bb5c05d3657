"""Demonstrations that are damaged or hostile: each damage ends in one sentence with file and field,
and inspection finds what reading and training would stumble over."""

import json
import os
import pickle
import re
import shutil
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from genima_lite.datasets.demonstrations import check_recorded, recorded
from genima_lite.demos import inspect_dataset, opcodes, read_episode
from genima_lite.demos.images import read_image, write_image
from genima_lite.demos.layout import DatasetError, iterate_episodes, printable
from genima_lite.demos.machine import Machine
from genima_lite.demos.pickler import dump_demo, dump_descriptions
from genima_lite.demos.plain_values import Array
from genima_lite.demos.read import read_sentences
from genima_lite.demos.replay import replay
from genima_lite.demos.unpickler import load_demo, load_plain
from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD
from genima_lite.viz.episode import find_episode

SAMPLE = Path(__file__).parent / "data/sample_rlbench"
EPISODE = Path("open_box/variation0/episodes/episode0")


@pytest.fixture
def root(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "data")
    return tmp_path / "data"


def problems(root):
    report = inspect_dataset(root)
    text = json.dumps(report, allow_nan=False)
    assert not any(0xD800 <= ord(c) <= 0xDFFF for c in json.loads(f"[{text}]")[0]["root"])
    return [f"{entry['path']}: {entry['message']}" for entry in report["problems"]]


# ------------------------------------------------------------------------------ pickles


DEMO = b"crlbench.demo\nDemo\n"


def short(text):
    return b"\x8c" + bytes([len(text)]) + text


def array_of(dtype, state, shape, content):
    """Return operations that make an array the way NumPy's pickles do."""
    made = b"cnumpy\ndtype\n" + short(dtype) + b"\x89\x88\x87R" + state
    whole = EMPTY_ARRAY
    return (
        whole
        + b"(K\x01"
        + shape
        + made
        + b"\x89B"
        + struct.pack("<I", len(content))
        + content
        + b"tb"
    )


EVIL_STATE = b"(K\x03" + short(b"|") + b"N" + short(b"f") + b"\x85}NK\x08K\x01K\x00tb"
LONG_TEXT = b"X" + struct.pack("<I", 100_000) + b"a" * 100_000 + b"\x94"
EMPTY_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
HOSTILE = {
    "a field of objects": array_of(b"V8", EVIL_STATE, b"K\x01\x85", b"A" * 8),
    "objects": array_of(b"O8", b"", b"K\x01\x85", b"A" * 8),
    "more than its bytes": array_of(b"f8", b"", b"J\x00\x00\x00\x30\x85", b"A" * 8),
    "a negative shape": array_of(b"f8", b"", b"J\xff\xff\xff\xff\x85", b"A" * 8),
    "no bytes an element": array_of(b"U0", b"", b"J\x00\x00\x00\x30\x85", b""),
    "ndarray called": b"cnumpy\nndarray\nJ\x00\x00\x00\x30\x85" + short(b"O") + b"\x86R",
    "hex": b"c_codecs\nencode\n" + short(b"aa") + short(b"hex_codec") + b"\x86R",
    "punycode": b"c_codecs\nencode\n" + short(b"aa") + short(b"punycode") + b"\x86R",
    "a huge memo": b"Nr\x00\x00\x00\x20",
    "bytes announced": b"\x8e" + struct.pack("<Q", 2**62),
    "bytearray announced": b"\x96" + struct.pack("<Q", 2**40),
    "a huge frame": b"\x95" + struct.pack("<Q", 2**62) + b"N",
    "text announced": b"\x8d" + struct.pack("<Q", 2**63),
    "a huge number": b"\x8b" + struct.pack("<i", 100_000) + b"\x01" * 100_000,
    "a negative length": b"\x8b" + struct.pack("<i", -5),
    "deep lists": b"]" * 100_000 + b"a" * 99_999,
    "deep tuples": b")" + b"\x85" * 100_000,
    "deep keys": b"}" + b")" + b"\x85" * 100_000 + b"Ns",
    "numbers as keys": b"}(" + b"".join(b"J%bN" % struct.pack("<i", i) for i in range(9)) + b"u",
    "a list in itself": b"]\x94h\x00a",
    "a billion laughs": b"]\x94(" + b"NNNNNNNNNNe" + b"".join(
        b"]\x94(" + b"h%c" % i * 10 + b"e" for i in range(12)
    ),
    "text repeated": LONG_TEXT + b"](" + b"h\x00" * 5000 + b"e",
    "encoded repeatedly": LONG_TEXT + b"](" + (
        b"c_codecs\nencode\nh\x00" + short(b"latin1") + b"\x86R") * 300 + b"e",
    "an instance": b"(cposix\nsystem\n" + short(b"true") + b"o",
    "an extension": b"\x82\x01",
    "persistent": b"Pid\n",
    "nothing on the stack": b"\x85",
    "a class as a value": DEMO,
    "attributes of a number": b"K\x01}b",
    "an array without content": EMPTY_ARRAY,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_in_little_memory(tmp_path, name):
    """On its own, and inside a demonstration that is otherwise sound."""
    value = HOSTILE[name]
    inside = DEMO + b")\x81}" + short(b"_observations") + value + b"sb"
    for content in (value, inside):
        path = tmp_path / "low_dim_obs.pkl"
        path.write_bytes(b"\x80\x04" + content + b".")
        tracemalloc.start()
        with pytest.raises(DatasetError, match=r"low_dim_obs\.pkl: "):
            load_demo(path)
        assert tracemalloc.get_traced_memory()[1] < 100e6
        tracemalloc.stop()


def test_arrays_of_every_plain_type_are_those_that_numpy_reads():
    for dtype in ("<f8", ">f8", "<f4", "<i2", ">u4", "|b1", "<U3", ">U3", "|S4", "<c16", "<f2"):
        for array in (
            np.arange(6).reshape(2, 3).astype(dtype),
            np.asfortranarray(np.eye(3)).astype(dtype),
        ):
            for protocol in (2, 3, 4, 5):
                read = load_plain(pickle.dumps([array, array[0, 0]], protocol))
                np.testing.assert_array_equal(read[0], array)
                assert read[0].dtype == array.dtype.newbyteorder("=")
                assert read[0].flags.writeable
                assert read[1] == array[0, 0]


def test_an_array_read_at_once_leaves_the_memo_as_its_single_operations_do():
    """The usual array has a short way through the reader; whoever refers to its parts sees it."""
    content = pickle.dumps([np.arange(7.0), np.eye(3), np.arange(7.0)], 4)
    memo = {}
    for way in (opcodes._ARRAY, re.compile(b"never")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opcodes, "_ARRAY", way)
            machine = Machine(content)
            machine.run()
        plain = [
            machine.plain(machine.memo[i], 0)
            for i in sorted(machine.memo)
            if storable(machine.memo[i])
        ]
        memo[way.pattern] = (sorted(machine.memo), plain)
    np.testing.assert_equal(*memo.values())


def storable(value):
    return isinstance(value, list | str | bytes | Array)


# ------------------------------------------------------------------------------ values


def set_field(name, value, frame=1):
    def damage(demo):
        setattr(demo[frame], name, value)

    return damage


def set_misc(name, value, frame=1):
    def damage(demo):
        demo[frame].misc[name] = value

    return damage


def with_nan(array, at=2):
    array = np.array(array, float)
    array.flat[at] = np.nan
    return array


VALUES = {
    "joints NaN": (set_field("joint_positions", with_nan(np.zeros(7))), "frame 1: joint_positions"),
    "joints of six": (set_field("joint_positions", np.zeros(6)), "frame 1: joint_positions"),
    "joints as text": (set_field("joint_positions", np.array(["a"] * 7)), "joint_positions"),
    "degrees": (set_field("joint_positions", np.full(7, 45.0)), "degrees"),
    "no joints": (set_field("joint_positions", None), "frame 1: no joint_positions"),
    "infinite speed": (set_field("joint_velocities", np.full(7, np.inf)), "joint_velocities"),
    "forces of 1e300": (set_field("joint_forces", np.full(7, 1e300)), "joint_forces"),
    "gripper 2": (set_field("gripper_open", 2.0), "gripper_open"),
    "gripper NaN": (set_field("gripper_open", float("nan")), "gripper_open"),
    "gripper text": (set_field("gripper_open", "open"), "gripper_open is str"),
    "no quaternion": (set_field("gripper_pose", np.zeros(7)), "gripper_pose"),
    "a mirrored matrix": (set_field("gripper_matrix", np.diag([1, 1, -1.0, 1])), "gripper_matrix"),
    "fingers of metres": (set_field("gripper_joint_positions", np.full(2, 40.0)), "gripper_joint"),
    "two forces": (set_field("gripper_touch_forces", np.zeros(2)), "gripper_touch_forces"),
    "another length": (set_field("task_low_dim_state", np.zeros(2)), "task_low_dim_state"),
    "an action of seven": (set_misc("joint_position_action", np.zeros(7)), "joint_position_action"),
    "a NaN action": (set_misc("joint_position_action", np.full(8, np.nan)), "NaN or infinity"),
    "no action": (
        set_misc("joint_position_action", None),
        "frame 1: no misc.joint_position_action",
    ),
    "poses of six joints": (set_misc("joint_poses", [np.zeros(7)] * 6), "joint_poses"),
    "a NaN camera": (set_misc("front_camera_extrinsics", np.full((4, 4), np.nan)), "extrinsics"),
    "a skew camera": (set_misc("front_camera_extrinsics", np.ones((4, 4))), "extrinsics"),
    "no focal length": (set_misc("front_camera_intrinsics", np.eye(3) * 0), "intrinsics"),
    "far before near": (set_misc("front_camera_far", 0.001), "not nearer"),
    "negative near": (set_misc("front_camera_near", -1.0), "front_camera_near"),
    "half a camera": (set_misc("front_camera_far", None), "front_camera_far"),
    "variation as array": (set_misc("variation_index", np.zeros(3)), "variation_index"),
    "variation as text": (set_misc("variation_index", "0"), "variation_index"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_cannot_be_is_named_by_frame_and_field(root, name):
    damage, words = VALUES[name]
    demo = read_episode(root / EPISODE, kinds=())
    damage(demo)
    (root / EPISODE / "low_dim_obs.pkl").write_bytes(dump_demo(demo))
    with pytest.raises(DatasetError, match=r"low_dim_obs\.pkl: frame 1: ") as caught:
        read_episode(root / EPISODE, kinds=())
    assert words in str(caught.value)
    assert any(words in problem for problem in problems(root))


def moving(demo, frames=12):
    """Return a demonstration of a joint that moves at 1 rad/s, with commands and velocities."""
    import copy

    first, made = demo[0], []
    for t in range(frames):
        seen = copy.deepcopy(first)
        seen.joint_positions = first.joint_positions + np.eye(7)[0] * CONTROL_PERIOD * t
        seen.joint_velocities = np.eye(7)[0] * 1.0
        if t:
            seen.misc["joint_position_action"] = np.append(seen.joint_positions, 1.0)
        made.append(seen)
    demo._observations = made
    return demo


def backwards(demo):
    demo._observations.reverse()
    action = demo[0].misc.pop("joint_position_action")
    demo[-1].misc["joint_position_action"] = action


def shuffled(demo):
    demo._observations[1:] = [demo[i] for i in (9, 3, 11, 1, 5, 7, 2, 10, 4, 6, 8)]


def keyframes(demo):
    demo._observations = demo._observations[::5]


def half(demo):
    demo._observations = demo._observations[::2]


def one_frame(demo):
    demo._observations = demo._observations[:1]


def other_actions(demo):
    for seen in demo._observations[1:]:
        seen.misc["joint_position_action"] = np.append(seen.joint_positions[::-1], 1.0)


ORDERS = {
    backwards: "backwards", shuffled: "out of order", keyframes: "keyframes only",
    half: "2.0 times as far", one_frame: "1 frame", other_actions: "that it led to",
}  # fmt: skip


@pytest.mark.parametrize("damage", ORDERS)
def test_frames_that_cannot_be_learned_from_are_read_and_refused_by_training(root, damage):
    for folder in (root / EPISODE).glob("*_*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    demo = moving(read_episode(root / EPISODE, kinds=()))
    path = root / EPISODE / "low_dim_obs.pkl"
    path.write_bytes(dump_demo(demo))
    assert problems(root) == []
    damage(demo)
    path.write_bytes(dump_demo(demo))
    assert len(read_episode(root / EPISODE, kinds=())) == len(demo)
    assert [ORDERS[damage] in problem for problem in problems(root)] == [True]
    (one,) = recorded([root])
    with pytest.raises(UserError, match=ORDERS[damage]):
        one.states()


# ------------------------------------------------------------------------------ pictures


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content)
    )  # fmt: skip


def png(width, height, bits=8, color=2, pixels=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


PICTURES = {
    "huge": png(13_000, 13_000),
    "large for its bytes": png(4000, 4000),
    "empty": png(0, 32),
    "of 16 bits": png(2, 2, 16, 2, bytes(26)),
    "with a palette": png(2, 2, 8, 3, bytes(6)),
    "grey": png(2, 2, 8, 0, bytes(6)),
    "with alpha": png(2, 2, 8, 6, bytes(18)),
    "followed by more": png(2, 2, 8, 2, bytes(14)) + b"more",
    "without end": png(2, 2, 8, 2, bytes(14))[:-12],
    "without pixels": png(2, 2),
    "a JPEG": b"\xff\xd8\xff\xe0" + bytes(100),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_is_none_is_named(root, name):
    path = root / EPISODE / "front_rgb/1.png"
    path.write_bytes(PICTURES[name])
    with pytest.raises(DatasetError, match=r"front_rgb/1\.png: "):
        read_image(path, "rgb")
    assert [problem.startswith(f"{EPISODE}/front_rgb/1.png") for problem in problems(root)] == [
        True
    ]


def test_every_flipped_byte_of_a_picture_is_found(tmp_path):
    path = tmp_path / "0.png"
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    write_image(path, image, "rgb")
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(DatasetError, match=r"0\.png: "):
            read_image(path, "rgb")


def test_swapped_depth_and_masks_are_found(root):
    episode = root / EPISODE
    depth = np.linspace(0.2, 0.7, 32 * 32, dtype=np.float32).reshape(32, 32)
    for t in range(3):
        write_image(episode / f"front_depth/{t}.png", depth, "depth")
    assert problems(root) == []
    (episode / "front_depth").rename(episode / "swap")
    (episode / "front_mask").rename(episode / "front_depth")
    (episode / "swap").rename(episode / "front_mask")
    found = problems(root)
    assert len(found) == 2
    assert all("swapped" in problem for problem in found)


def test_jpegs_are_refused_by_name(root):
    for path in (root / EPISODE / "front_rgb").glob("*.png"):
        path.rename(path.with_suffix(".jpg"))
    assert "convert its .jpg pictures to PNG" in problems(root)[0]


def test_pictures_of_two_sizes_are_refused_before_training(root):
    for t in range(3):
        path = root / EPISODE / f"wrist_rgb/{t}.png"
        write_image(path, np.full((16, 16, 3), 9, np.uint8), "rgb")
    assert any("16x16" in problem and "32x32" in problem for problem in problems(root))
    with pytest.raises(UserError, match=r"episode0: .*front_rgb/0\.png is 32x32.*'inspect'"):
        check_recorded(recorded([root]))


def test_missing_camera_matrices_are_refused_before_training(root):
    demo = read_episode(root / EPISODE, kinds=())
    for seen in demo:
        seen.misc = {k: v for k, v in seen.misc.items() if not k.startswith("front_camera")}
    (root / EPISODE / "low_dim_obs.pkl").write_bytes(dump_demo(demo))
    assert "no misc.front_camera_extrinsics" in problems(root)[0]
    with pytest.raises(UserError, match=r"episode0: frame 0: no misc\.front_camera_extrinsics"):
        check_recorded(recorded([root]))


# ------------------------------------------------------------------------------ folders


def test_a_huge_number_is_no_episode(root):
    (root / EPISODE).rename(root / EPISODE.parent / "episode999999999")
    assert problems(root) == []
    (root / EPISODE.parent / "episode1000000000000").mkdir()
    notes = [entry["message"] for entry in inspect_dataset(root)["notes"]]
    assert any("gaps: 0 is the first" in note for note in notes)
    assert any("no number of an episode" in note for note in notes)


def test_links_in_all_variations_are_no_second_demonstrations(root):
    gathered = root / "open_box/all_variations/episodes"
    gathered.mkdir(parents=True)
    (gathered / "episode4").symlink_to(root / EPISODE)
    assert [each.path for each in iterate_episodes(root)] == [root / EPISODE]
    (named,) = iterate_episodes(root, variation=-1)
    assert (named.episode, named.path) == (4, gathered / "episode4")
    assert read_sentences(named.path)[0] == read_sentences(root / EPISODE)[0]
    assert problems(root) == []


@pytest.mark.parametrize("kind", ["file", "loop", "dangling"])
def test_what_is_called_like_an_episode_and_is_none_is_refused_by_all(root, kind):
    path = root / EPISODE.parent / "episode1"
    if kind == "file":
        path.write_text("../episodes/episode0")
    else:
        path.symlink_to(path if kind == "loop" else root / "elsewhere")
    assert [problem.split(":")[0] for problem in problems(root)] == [str(path.relative_to(root))]
    for read in (lambda: recorded([root]), lambda: list(replay(root)), lambda: find_episode(root)):
        with pytest.raises(DatasetError, match="episode1: is no folder.*remove it"):
            read()


def test_sentences_beside_an_episode_are_its_own(root):
    above = root / "open_box/variation0/variation_descriptions.pkl"
    (root / EPISODE / above.name).write_bytes(dump_descriptions(["its own"]))
    assert read_sentences(root / EPISODE) == (["its own"], None)
    above.unlink()
    assert problems(root) == []
    assert recorded([root])[0].sentences == ["its own"]


@pytest.mark.parametrize("text", ["", "  ", "a\x1b[31mred", "a\ud800b", "two\nlines", "x" * 2000])
def test_an_instruction_that_is_none(root, text):
    path = root / "open_box/variation0/variation_descriptions.pkl"
    path.write_bytes(pickle.dumps([text], 4))
    assert [problem.startswith("open_box/variation0/") for problem in problems(root)] == [True]
    assert all(problem.isprintable() for problem in problems(root))
    with pytest.raises(UserError, match="no instructions") as caught:
        recorded([root])[0].sentences  # noqa: B018
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name", ["variation_descriptions.pkl", "episodes/episode0/low_dim_obs.pkl"]
)
@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_no_file_is_refused_at_once(root, name, kind):
    path = root / "open_box/variation0" / name
    path.unlink()
    {"fifo": os.mkfifo, "folder": os.mkdir, "device": lambda at: os.symlink("/dev/zero", at)}[kind](
        path
    )
    assert len(problems(root)) == 1


def test_files_where_folders_should_be(root):
    shutil.rmtree(root / EPISODE / "front_rgb")
    (root / EPISODE / "front_rgb").touch()
    (root / EPISODE.parent / "episode1").touch()
    (root / "open_box/variation2").mkdir()
    (root / "open_box/variation2/episodes").touch()
    found = "\n".join(problems(root))
    for name in (
        "episode0/front_rgb: is no folder",
        "episode1: is no folder",
        "variation2/episodes",
    ):
        assert name in found


def test_names_that_are_no_text_are_shown_harmlessly(root):
    odd = os.fsencode(root) + b"/\xff\x1b[31mbox"
    os.rename(os.fsencode(root / "open_box"), odd)
    report = inspect_dataset(root)
    assert json.loads(json.dumps(report))["tasks"].keys() == {"\\udcff\\x1b[31mbox"}
    assert "name that cannot be shown" in report["problems"][0]["message"]
    with pytest.raises(DatasetError, match="rename the folder") as caught:
        recorded([root])
    assert str(caught.value).isprintable()
    assert printable("a b") == "a b"


def test_an_unreadable_folder_is_a_problem_and_no_end(root, monkeypatch):
    closed = root / "open_box/variation1"
    closed.mkdir()
    (closed / "episodes").mkdir()
    iterdir = Path.iterdir

    def refuse(path):
        if path == closed / "episodes":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert any("Permission denied" in problem for problem in problems(root))
    with pytest.raises(DatasetError, match="cannot be read"):
        list(iterate_episodes(root))
