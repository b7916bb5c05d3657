"""Pickles: RLBench's names come and go, and nobody else's are loaded."""

import io
import os
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from genima_lite.demos.layout import DatasetError
from genima_lite.demos.pickler import dump_demo, dump_descriptions
from genima_lite.demos.unpickler import load_demo, load_descriptions
from genima_lite.observation import Demo, Observation

SAMPLE = Path(__file__).parent / "data/sample_rlbench/open_box/variation0"
SAMPLE_PICKLE = SAMPLE / "episodes/episode0/low_dim_obs.pkl"
RLBENCH_NAMES = {
    ("rlbench.demo", "Demo"),
    ("rlbench.backend.observation", "Observation"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class RLBenchDemo:
    """What the pickler of somebody who has RLBench sees."""

    def __init__(self, **state):
        self.__dict__.update(state)


class RLBenchObservation(RLBenchDemo):
    pass


RLBenchDemo.__module__, RLBenchDemo.__qualname__ = "rlbench.demo", "Demo"
RLBenchObservation.__module__ = "rlbench.backend.observation"
RLBenchObservation.__qualname__ = "Observation"


class AnyPickler(pickle._Pickler):
    """Writes any class or function under the name it claims, importable or not."""

    def save_global(self, obj, name=None):
        if isinstance(obj, type) and obj.__module__.startswith("rlbench"):
            if self.proto >= 4:
                self.save(obj.__module__)
                self.save(obj.__qualname__)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(b"c%b\n%b\n" % (obj.__module__.encode(), obj.__qualname__.encode()))
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def foreign_bytes(value, protocol):
    buffer = io.BytesIO()
    AnyPickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def globals_in(data):
    """Return every (module, name) that a pickle would import, resolving its memo by hand."""
    found, stack, memo = set(), [], []
    for op, arg, _ in pickletools.genops(data):
        if op.name == "GLOBAL":
            found.add(tuple(arg.split(" ")))
        elif op.name == "STACK_GLOBAL":
            found.add((stack[-2], stack[-1]))
            stack.append(None)
        elif "UNICODE" in op.name:
            stack.append(arg)
        elif op.name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[arg])
        elif op.name == "MEMOIZE":
            memo.append(stack[-1] if stack else None)
        else:
            stack.append(None)
    return found


def test_the_sample_loads_without_rlbench():
    demo = load_demo(SAMPLE_PICKLE)
    assert len(demo) == 3
    assert demo.num_reset_attempts == 1
    assert demo.random_seed[0] == "MT19937"
    assert demo.random_seed[1].dtype == np.uint32
    assert demo.random_seed[1].shape == (624,)
    assert [obs.gripper_open for obs in demo] == [1.0, 1.0, 0.0]
    assert demo[0].images() == {}
    assert demo.scene_state is None


def test_the_pickle_names_what_rlbench_s_names_and_nothing_else():
    data = dump_demo(load_demo(SAMPLE_PICKLE))
    assert globals_in(SAMPLE_PICKLE.read_bytes()) == RLBENCH_NAMES
    assert globals_in(data) == RLBENCH_NAMES
    assert data[:2] == b"\x80\x04"


def test_the_pickle_holds_the_three_attributes_and_empty_image_slots(tmp_path):
    demo = load_demo(SAMPLE_PICKLE)
    demo[0].front_rgb = np.zeros((8, 8, 3), np.uint8)
    demo.scene_state = {"task": "open_box"}
    demo.variation_number = 5
    (tmp_path / "low_dim_obs.pkl").write_bytes(dump_demo(demo))
    again = load_demo(tmp_path / "low_dim_obs.pkl")
    assert vars(again).keys() - {"scene_state", "recording"} == {
        "_observations", "random_seed", "num_reset_attempts",
    }  # fmt: skip
    assert again.scene_state is None
    assert again[0].images() == {}
    assert vars(again[0]).keys() == vars(demo[0]).keys()


def test_states_come_back_equal(tmp_path):
    demo = load_demo(SAMPLE_PICKLE)
    (tmp_path / "a.pkl").write_bytes(dump_demo(demo))
    again = load_demo(tmp_path / "a.pkl")
    np.testing.assert_equal(again.random_seed, demo.random_seed)
    for obs, expected in zip(again, demo, strict=True):
        np.testing.assert_equal(vars(obs), vars(expected))


def test_equal_demos_give_equal_bytes_whatever_they_share(tmp_path):
    """Pickle writes shared objects once; that must not leak into the file."""
    demo = load_demo(SAMPLE_PICKLE)
    first = dump_demo(demo)
    (tmp_path / "a.pkl").write_bytes(first)
    assert dump_demo(load_demo(tmp_path / "a.pkl")) == first
    shared = np.arange(7.0)
    demo[0].joint_forces = demo[1].joint_forces = shared
    together = dump_demo(demo)
    demo[1].joint_forces = np.arange(14.0)[::2] / 2
    assert dump_demo(demo) == together
    for obs in demo:  # equal keys that are not the same string
        obs.misc = {"".join(list(key)): value for key, value in obs.misc.items()}
    assert dump_demo(demo) == together


def test_numpy_scalars_become_numbers():
    demo = Demo([Observation(gripper_open=np.float64(1), misc={np.str_("n"): np.int64(3)})])
    assert globals_in(dump_demo(demo)) == {
        ("rlbench.demo", "Demo"),
        ("rlbench.backend.observation", "Observation"),
    }


@pytest.mark.parametrize("value", [{1, 2}, Path("x"), np.array([object()])])
def test_what_rlbench_could_not_read_is_not_written(value):
    with pytest.raises(TypeError, match="cannot store"):
        dump_demo(Demo([Observation(misc={"odd": value})]))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("numpy_name", [b"numpy.core", b"numpy._core"])
def test_every_protocol_and_both_numpy_names_load(tmp_path, protocol, numpy_name):
    obs = RLBenchObservation(joint_positions=np.arange(7.0), extra=np.float64(2.5))
    data = foreign_bytes(RLBenchDemo(_observations=[obs]), protocol)
    present = b"numpy._core" if b"numpy._core" in data else b"numpy.core"
    assert present in data
    (tmp_path / "a.pkl").write_bytes(renamed(data, present, numpy_name))
    demo = load_demo(tmp_path / "a.pkl")
    np.testing.assert_array_equal(demo[0].joint_positions, np.arange(7.0))
    assert demo[0].extra == 2.5
    assert demo.num_reset_attempts is None
    assert demo[0].gripper_pose is None
    assert demo[0].misc == {}


def renamed(data, old, new):
    """Replace a module's name in a pickle, with the lengths before it; frames are dropped."""
    if data[1] >= 4:
        data = data[:2] + data[11:]  # one FRAME opcode: its length would no longer fit
        for name in (b".multiarray", b".numeric"):
            full = old + name
            data = data.replace(bytes([len(full)]) + full, bytes([len(new + name)]) + new + name)
        return data
    return data.replace(old, new)


def test_old_fields_are_kept(tmp_path):
    obs = RLBenchObservation(
        wrist_camera_matrix=np.eye(4),
        misc={"executed_demo_joint_position_action": np.arange(7.0)},
    )
    (tmp_path / "a.pkl").write_bytes(foreign_bytes(RLBenchDemo(_observations=[obs]), 3))
    demo = load_demo(tmp_path / "a.pkl")
    np.testing.assert_array_equal(demo[0].wrist_camera_matrix, np.eye(4))
    assert demo[0].misc["executed_demo_joint_position_action"][6] == 6.0


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


ATTACKS = {
    "posix.system": (os.system, "touch {path}"),
    "builtins.eval": (eval, "open('{path}', 'w')"),
    "builtins.getattr": (getattr, "text", "upper"),
    "numpy.lib": (np.save, "{path}", 1),
}


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("nested", [False, True])
def test_a_pickle_that_calls_something_else_is_refused(tmp_path, protocol, name, nested):
    touched = tmp_path / "touched"
    function, *arguments = ATTACKS[name]
    texts = [a.format(path=touched) if isinstance(a, str) else a for a in arguments]
    attack = Call(function, *texts)
    if nested:
        attack = RLBenchDemo(_observations=[RLBenchObservation(misc={"x": [attack]})])
    path = tmp_path / "low_dim_obs.pkl"
    path.write_bytes(foreign_bytes(attack, protocol))
    with pytest.raises(DatasetError, match="A pickle can run any code") as caught:
        load_demo(path)
    shown = name if protocol > 2 else name.replace("builtins", "__builtin__")
    refused = str(caught.value).split("'")[1]
    assert refused.startswith(shown) or (name == "numpy.lib" and refused == "numpy.save")
    assert str(path) in str(caught.value)
    assert not touched.exists()


def test_a_dotted_name_does_not_reach_through_an_allowed_class(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04\x8c\x0crlbench.demo\x8c\x0dDemo.__init__\x93.")
    with pytest.raises(DatasetError, match=r"refused 'rlbench\.demo\.Demo\.__init__'"):
        load_demo(path)


def test_a_pickle_cannot_alter_our_classes(tmp_path):
    """BUILD with slot state calls setattr on whatever is on the stack, a class included."""
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02crlbench.demo\nDemo\nN}X\x07\x00\x00\x00__len__K\x07s\x86b.")
    with pytest.raises(DatasetError, match="attributes of what has none"):
        load_demo(path)
    assert len(Demo()) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SAMPLE_PICKLE.read_bytes()[:5000], "not a readable pickle"),
        (b"", "not a readable pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not a readable pickle"),
        (pickle.dumps([1, 2]), "holds no RLBench Demo"),
        (foreign_bytes(RLBenchDemo(), 4), "holds no RLBench Demo"),
        (foreign_bytes(RLBenchDemo(_observations=[3]), 4), "not all frames"),
        (foreign_bytes(RLBenchDemo(_observations=[RLBenchObservation(misc=3)]), 4), "misc"),
    ],
)
def test_what_is_no_demo_is_named(tmp_path, data, message):
    path = tmp_path / "low_dim_obs.pkl"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"low_dim_obs\.pkl: .*" + message):
        load_demo(path)


def test_a_missing_pickle_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"low_dim_obs\.pkl: missing file"):
        load_demo(tmp_path / "low_dim_obs.pkl")


def test_descriptions(tmp_path):
    stored = SAMPLE / "variation_descriptions.pkl"
    texts = [f"synthetic instruction {number}" for number in ("one", "two", "three")]
    assert load_descriptions(stored) == (texts, None)
    assert dump_descriptions(texts) == stored.read_bytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (foreign_bytes(RLBenchObservation(joint_positions=np.zeros(7)), 3), "holds Observation"),
        (pickle.dumps([1, 2]), "should hold a list of strings"),
        (pickle.dumps([]), "should hold a list of strings"),
        (foreign_bytes(Call(os.system, "true"), 4), "refused 'posix.system'"),
        (b"", "not a readable pickle"),
    ],
)
def test_descriptions_that_are_none_are_a_problem_and_no_error(tmp_path, data, message):
    path = tmp_path / "variation_descriptions.pkl"
    path.write_bytes(data)
    descriptions, problem = load_descriptions(path)
    assert descriptions is None
    assert str(path) in problem
    assert message in problem
