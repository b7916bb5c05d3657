"""Damages to values: sound files that say what cannot be."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from genima_lite.demos.pickler import dump_demo
from genima_lite.demos.unpickler import load_demo

from .raw import put

FIELDS = ("joint_positions", "joint_velocities", "gripper_pose", "gripper_open", "gripper_matrix")
MISC = ("joint_position_action", "front_camera_extrinsics", "front_camera_intrinsics",
        "wrist_camera_extrinsics", "front_camera_near", "front_camera_far", "variation_index",
        "joint_poses")  # fmt: skip


def not_finite(demo, rng):
    """A number of a field is NaN or infinite, in one frame or in all."""
    holder, key = _some(demo, rng)
    values = np.array(holder[key], dtype=float)
    values.flat[0] = (np.nan, np.inf, -np.inf)[rng.integers(3)]
    holder[key] = values
    if rng.random() < 0.5:
        for obs in demo._observations:
            obs.joint_positions = np.full(7, np.nan)


def degrees(demo, rng):
    """Joints in degrees, in one frame or in all."""
    for obs in demo._observations if rng.random() < 0.5 else [_frame(demo, rng)]:
        obs.joint_positions = np.degrees(obs.joint_positions)


def beyond_limits(demo, rng):
    """A joint turned further than it can."""
    _frame(demo, rng).joint_positions = np.full(7, (3.2, -9.0, 1e3, 1e300)[rng.integers(4)])


def reversed_frames(demo, rng):
    """Frames from the last to the first."""
    demo._observations.reverse()


def swapped_frames(demo, rng):
    """Two frames have changed places."""
    one, other = rng.integers(len(demo), size=2)
    frames = demo._observations
    frames[one], frames[other] = frames[other], frames[one]


def fewer_frames(demo, rng):
    """Only the first frame, none, or every tenth, as keyframe sets have it."""
    kept = (slice(0, 1), slice(0, 0), slice(None, None, 10), slice(0, -1))[rng.integers(4)]
    demo._observations = demo._observations[kept]


def another_shape(demo, rng):
    """A field of another shape."""
    holder, key = _some(demo, rng)
    shapes = ((6,), (8,), (1, 7), (), (0,), (7, 1), (4, 4))
    holder[key] = np.zeros(shapes[rng.integers(len(shapes))])


def another_type(demo, rng):
    """A field that is text, bool, complex, a list, or nothing."""
    holder, key = _some(demo, rng)
    odd = (
        "x",
        True,
        np.array(["x"] * 7),
        [0.0] * 7,
        None,
        {},
        np.ones(7, bool),
        7,
        10**400,
        [[1], 2],
    )
    holder[key] = odd[rng.integers(len(odd))]


def lost_field(demo, rng):
    """A field is missing, in one frame or in all."""
    name = (*FIELDS, *MISC)[rng.integers(len(FIELDS) + len(MISC))]
    for obs in demo._observations if rng.random() < 0.5 else [_frame(demo, rng)]:
        vars(obs).pop(name, None)
        obs.misc.pop(name, None)


def camera_values(demo, rng):
    """A camera's matrix that is none: zeros, mirrored, without focal length, far away."""
    obs = _frame(demo, rng)
    name = ("front_camera_extrinsics", "front_camera_intrinsics")[rng.integers(2)]
    matrix = np.array(obs.misc[name], dtype=float)
    size = len(matrix)
    odd = (matrix * 0, -matrix, matrix * 1e12, np.eye(size), matrix.T, np.full((size, size), 1e-30))
    obs.misc[name] = odd[rng.integers(len(odd))]


def planes(demo, rng):
    """Near and far planes that are swapped, equal, or negative."""
    odd = ((4.5, 0.1), (0.1, 0.1), (-1.0, 1.0), (0.0, np.inf))
    obs = _frame(demo, rng)
    obs.misc["front_camera_near"], obs.misc["front_camera_far"] = odd[rng.integers(len(odd))]


def quaternion(demo, rng):
    """A gripper's turn of length zero, or far from one."""
    obs = _frame(demo, rng)
    pose = np.array(obs.gripper_pose, dtype=float)
    pose[3:] *= (0.0, 10.0, 1e-9)[rng.integers(3)]
    obs.gripper_pose = pose


def gripper(demo, rng):
    """A gripper that is more than open."""
    _frame(demo, rng).gripper_open = (7.0, -1.0, 1e300, 0.5)[rng.integers(4)]


def actions(demo, rng):
    """A command in degrees, of another arm, or of no number."""
    obs = _frame(demo, rng)
    action = np.array(obs.misc.get("joint_position_action", np.zeros(8)), dtype=float)
    odd = (np.degrees(action), action[:-1], action * np.nan, np.zeros(9), action * 1e300)
    obs.misc["joint_position_action"] = odd[rng.integers(len(odd))]


def variation_index(demo, rng):
    """A variation that is an array, a text, or not the folder's."""
    odd = (np.arange(3), "0", 17, -1, None, np.nan, [0], 10**30)
    for obs in demo._observations:
        obs.misc["variation_index"] = odd[rng.integers(len(odd))]


def generator_state(demo, rng):
    """A state of the random generator that is none."""
    odd = (("MT19937", np.zeros(3, np.uint32), 0, 0, 0.0), "x", None, (), np.arange(5))
    demo.random_seed = odd[rng.integers(len(odd))]


STATES = (
    *(not_finite, degrees, beyond_limits, reversed_frames, swapped_frames, fewer_frames),
    *(another_shape, another_type, lost_field, camera_values, planes, quaternion, gripper, actions),
    *(variation_index, generator_state),
)
"""Damages to a demonstration that is then written again."""


def damage_states(path: Path, rng: np.random.Generator, change) -> None:
    """Let a damage change a `low_dim_obs.pkl`."""
    demo = load_demo(path)
    change(demo, rng)
    put(path, dump_demo(demo))


def black(path, rng):
    """A black picture: a camera that was not on."""
    with Image.open(path) as image:
        _save(path, Image.new(image.mode, image.size))


def another_size(path, rng):
    """A picture of another size."""
    sizes = ((64, 64), (32, 31), (1, 1), (2000, 2000))
    with Image.open(path) as image:
        _save(path, image.resize(sizes[rng.integers(len(sizes))]))


def another_mode(path, rng):
    """A picture with transparency, a palette, grey, or sixteen bits."""
    with Image.open(path) as image:
        _save(path, image.convert(("RGBA", "P", "L", "1", "I;16")[rng.integers(4)]))


def another_format(path, rng):
    """A JPEG or a GIF under the name of a PNG."""
    with Image.open(path) as image:
        _save(path, image, ("JPEG", "GIF", "BMP")[rng.integers(3)])


def enormous(path, rng):
    """A small file with an enormous picture."""
    sides = (13_000, 9_000)[rng.integers(2)]
    _save(path, Image.new("RGB", (sides, sides)))


def wrong_checksum(path, rng):
    """A pixel's bytes changed, the checksum not."""
    content = bytearray(path.read_bytes())
    begin = content.index(b"IDAT") + 4
    content[begin + int(rng.integers(2, 40))] ^= 1 << int(rng.integers(8))
    put(path, bytes(content))


def moving(path, rng):
    """A PNG with two pictures."""
    with Image.open(path) as image:
        stream = io.BytesIO()
        image.save(stream, "PNG", save_all=True, append_images=[image.rotate(90)])
    put(path, stream.getvalue())


PICTURES = (black, another_size, another_mode, another_format, enormous, wrong_checksum, moving)
"""Damages to a PNG."""


def _save(path, image, kind="PNG"):
    stream = io.BytesIO()
    image.save(stream, kind)
    put(path, stream.getvalue())


def _frame(demo, rng):
    return demo._observations[int(rng.integers(len(demo)))]


def _some(demo, rng):
    """Return where a field is: attributes or `misc` of a frame, and its name."""
    obs = _frame(demo, rng)
    names = [name for name in FIELDS if vars(obs).get(name) is not None]
    inside = [name for name in MISC if obs.misc.get(name) is not None]
    chosen = int(rng.integers(len(names) + len(inside)))
    if chosen < len(names):
        return vars(obs), names[chosen]
    return obs.misc, inside[chosen - len(names)]
