"""The checks of notebook 01 accept its solutions, and name the mistake in wrong answers."""

from pathlib import Path

import numpy as np
import pytest

jupytext = pytest.importorskip("jupytext")

from genima_lite import panda
from genima_lite.checks import CheckFailed, robot
from genima_lite.demos.layout import episode_folder, image_path
from genima_lite.transforms import inverse

SOURCE = Path(__file__).parents[1] / "notebooks/source/01_the_robot_and_its_bench.py"
EXERCISES = (
    "joint_frames",
    "excess",
    "world_to_camera",
    "from_rlbench",
    "world_point",
    "turn_between",
    "action_chunk",
    "image_files",
)
NEEDED = ("def turn_z", "LINKS =", "RLBENCH_IN_OPENCV =")
"""Cells on which the solutions build."""


@pytest.fixture(scope="module")
def solutions():
    """What the notebook's solution cells define."""
    space = {"np": np, "panda": panda, "Path": Path}
    exec("from genima_lite.cameras import Camera", space)
    for cell in jupytext.read(SOURCE).cells:
        if cell.cell_type == "code" and (
            "solution" in cell.metadata or any(word in cell.source for word in NEEDED)
        ):
            exec(cell.source, space)
    return space


def check_of(name):
    return getattr(robot, f"check_{name}")


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_solution_passes(solutions, name, seed, capsys):
    check_of(name)(solutions[name], seed)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("name", EXERCISES)
def test_the_untouched_stub_is_not_caught(name):
    def stub(*given):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        check_of(name)(stub)


@pytest.mark.parametrize("name", EXERCISES)
def test_a_forgotten_return_is_a_hint(name):
    with pytest.raises(CheckFailed, match=r"return"):
        check_of(name)(lambda *given: None)


def chain(convert=panda.to_franka, base=panda.BASE, order="link, keep, turn"):
    """Return a `joint_frames` with one mistake."""

    def joint_frames(q, links, turn_z):
        frame, frames = base, []
        for link, angle in zip(links, convert(q), strict=True):
            for step in order.split(", "):
                if step == "keep":
                    frames.append(frame)
                elif step == "from left":
                    frame = link @ frame
                else:
                    frame = frame @ (link if step == "link" else turn_z(angle))
        return np.stack(frames)

    return joint_frames


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (chain(convert=lambda q: q), "four degrees"),
        (chain(convert=panda.from_franka), "not `from_franka`"),
        (chain(base=np.eye(4)), "BASE"),
        (chain(order="link, turn, keep"), "before"),
        (chain(order="turn, link, keep"), "first the link"),
        (chain(order="keep, link, turn"), "not where"),
    ],
)
@pytest.mark.parametrize("seed", [0, 5])
def test_wrong_chains_are_named(solutions, wrong, word, seed):
    links, turn_z = solutions["LINKS"], solutions["turn_z"]
    with pytest.raises(CheckFailed, match=word):
        robot.check_joint_frames(lambda q: wrong(q, links, turn_z), seed)


def test_a_product_from_the_left_is_named(solutions):
    def from_left(q):
        frame, frames = panda.BASE, []
        for link, angle in zip(solutions["LINKS"], panda.to_franka(q), strict=True):
            frames.append(link @ frame)
            frame = solutions["turn_z"](angle) @ frames[-1]
        return np.stack(frames)

    with pytest.raises(CheckFailed, match="from the right"):
        robot.check_joint_frames(from_left)


LOW, HIGH = panda.FRANKA_LOWER, panda.FRANKA_UPPER


def in_place(q):
    q[..., 3] += panda.JOINT_4_OFFSET
    return q - np.clip(q, LOW, HIGH)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda q: q - np.clip(q, LOW, HIGH), "four degrees"),
        (lambda q: panda.to_franka(q) - np.clip(q, LOW, HIGH), "inside"),
        (lambda q: panda.from_franka(q) - np.clip(panda.from_franka(q), LOW, HIGH), "degrees|0"),
        (lambda q: np.abs(panda.to_franka(q) - np.clip(panda.to_franka(q), LOW, HIGH)), "sign"),
        (lambda q: np.clip(panda.to_franka(q), LOW, HIGH) - panda.to_franka(q), "other way"),
        (lambda q: (panda.to_franka(q) > HIGH) * 1.0, "another amount"),
        (lambda q: q - np.clip(q, panda.LOWER, panda.UPPER), "narrower"),
        (lambda q: np.maximum(panda.to_franka(q) - HIGH, 0.0), "below the lower"),
        (lambda q: np.minimum(panda.to_franka(q) - LOW, 0.0), "above the upper"),
        (in_place, "changed the array"),
    ],
)
def test_wrong_limits_are_named(wrong, word):
    with pytest.raises(CheckFailed, match=word):
        robot.check_excess(wrong)


def rigid(turn, position):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, position
    return matrix


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda pose: pose.T, "last row"),
        (lambda pose: rigid(pose[:3, :3].T, -pose[:3, 3]), "must be turned"),
        (lambda pose: rigid(pose[:3, :3].T, pose[:3, :3].T @ pose[:3, 3]), "minus"),
        (lambda pose: rigid(pose[:3, :3].T, -pose[:3, :3] @ pose[:3, 3]), "Rᵀ is needed"),
        (lambda pose: rigid(pose[:3, :3], -pose[:3, :3].T @ pose[:3, 3]), "transposed"),
        (lambda pose: rigid(pose[:3, :3], -pose[:3, 3]), "only the sign"),
        (lambda pose: rigid(pose[:3, :3], -pose[:3, :3] @ pose[:3, 3]), "twice"),
        (lambda pose: np.vstack([inverse(pose)[:3], np.zeros(4)]), "last row is"),
        (lambda pose: inverse(pose)[:3], "shape"),
        (lambda pose: pose, "identity"),
        (lambda pose: np.linalg.inv(pose), "without np.linalg.inv"),
    ],
)
def test_wrong_inverses_are_named(wrong, word):
    with pytest.raises(CheckFailed, match=word):
        robot.check_world_to_camera(wrong)


RLBENCH, OPENGL = np.diag([-1.0, -1, 1, 1]), np.diag([1.0, -1, -1, 1])
FOCAL = np.diag([-1.0, -1.0, 1.0])


def axes_in_place(pose, pinhole):
    pose[:, :2] *= -1
    return pose, pinhole @ FOCAL


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (axes_in_place, "changed the matrices"),
        (lambda pose, pinhole: (pose, pinhole @ FOCAL), "still has RLBench's"),
        (lambda pose, pinhole: (RLBENCH @ pose, pinhole @ FOCAL), "moved"),
        (lambda pose, pinhole: (pose @ OPENGL, pinhole @ FOCAL), "converts OpenGL's"),
        (lambda pose, pinhole: (pose @ RLBENCH @ OPENGL, pinhole @ FOCAL), "z backward"),
        (lambda pose, pinhole: (inverse(pose @ RLBENCH), pinhole @ FOCAL), "world to camera"),
        (lambda pose, pinhole: (pose @ RLBENCH, pinhole), "still negative"),
        (lambda pose, pinhole: (pose @ RLBENCH, -pinhole), "centre"),
        (lambda pose, pinhole: pose @ RLBENCH, "two arrays"),
    ],
)
def test_wrong_axes_are_named(wrong, word):
    with pytest.raises(CheckFailed, match=word):
        robot.check_from_rlbench(wrong)


def point(half=0.5, swap=False, depth="metres", ray=False, frame="world"):
    """Return a `world_point` with one mistake."""

    def world_point(camera, row, column, fraction):
        span = camera.far - camera.near
        metres = {
            "metres": camera.near + fraction * span,
            "fraction": fraction,
            "far": fraction * camera.far,
        }[depth]
        pixel = [row + half, column + half] if swap else [column + half, row + half]
        local = np.linalg.inv(camera.intrinsics) @ [*pixel, 1.0]
        local = local * metres / (np.linalg.norm(local) if ray else 1.0)
        if frame == "camera":
            return local
        pose = inverse(camera.pose) if frame == "inverse" else camera.pose
        return pose[:3, :3] @ local + (0 if frame == "turned" else pose[:3, 3])

    return world_point


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (point(half=0.0), "half a pixel"),
        (point(swap=True), "swapped"),
        (point(swap=True, half=0.0), "swapped.*centre"),
        (point(depth="fraction"), "is a fraction"),
        (point(depth="far"), "near plane"),
        (point(ray=True), "along the ray"),
        (point(frame="camera"), "camera's frame"),
        (point(frame="turned"), "not added"),
        (point(frame="inverse"), "already is camera to world"),
        (lambda camera, row, column, fraction: np.zeros(3), "elsewhere"),
        (
            lambda camera, row, column, fraction: camera.unproject(
                np.array([column + 0.5, row + 0.5]), np.array(fraction)
            ),
            "is the answer",
        ),
    ],
)
def test_wrong_points_are_named(wrong, word):
    with pytest.raises(CheckFailed, match=word):
        robot.check_world_point(wrong)


def clipped(product):
    return 2 * np.arccos(np.clip(product, -1.0, 1.0))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda one, other: clipped(abs(one @ other)), "orders are mixed"),
        (lambda one, other: clipped(abs(np.roll(one, 1) @ other)), "wrong end"),
        (lambda one, other: clipped(np.roll(one, -1) @ other), "absolute"),
        (lambda one, other: clipped(abs(np.roll(one, -1) @ other)) / 2, "half"),
        (lambda one, other: np.rad2deg(clipped(abs(np.roll(one, -1) @ other))), "degrees"),
        (lambda one, other: 2 * np.arccos(abs(np.roll(one, -1) @ other)), "NaN"),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_wrong_angles_are_named(wrong, word, seed):
    with pytest.raises(CheckFailed, match=word):
        robot.check_turn_between(wrong, seed)


def chunk(pad="last", late=0, mask="real"):
    """Return an `action_chunk` with one mistake."""

    def action_chunk(actions, frame, horizon):
        rows = frame + late + np.arange(horizon)
        real = rows - late < len(actions)
        found = actions[np.minimum(rows, len(actions) - 1)]
        if pad == "zeros":
            found = np.where(real[:, None], found, 0.0)
        elif pad == "wrap":
            found = actions[rows % len(actions)]
        elif pad == "short":
            found = actions[frame : frame + horizon]
        masks = {"real": real, "inverted": ~real, "all": real | True, "numbers": real * 1.0}
        masks["one off"] = rows - late < len(actions) - 1
        return found, masks[mask]

    return action_chunk


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (chunk(pad="zeros"), "zeros"),
        (chunk(pad="wrap"), "wraps"),
        (chunk(pad="short"), "rows"),
        (chunk(late=1), "one too late"),
        (chunk(mask="inverted"), "inverted"),
        (chunk(mask="all"), "padding"),
        (chunk(mask="numbers"), "dtype"),
        (chunk(mask="one off"), "one off"),
        (lambda actions, frame, horizon: chunk()(actions, frame, horizon)[0], "two arrays"),
        (lambda actions, frame, horizon: chunk()(actions, frame, 20), "`horizon` asks for 5"),
    ],
)
def test_wrong_chunks_are_named(wrong, word):
    with pytest.raises(CheckFailed, match=word):
        robot.check_action_chunk(wrong)


def files(folder="front_rgb", key=str):
    """Return an `image_files` that looks in a folder and sorts by a key of the file's stem."""

    def image_files(root, task, variation, episode, camera, kind):
        place = episode_folder(root, task, variation, episode) / folder
        return sorted(place.glob("*.png"), key=lambda path: key(path.stem))

    return image_files


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (files(), "sorted as text"),
        (files(key=lambda stem: -int(stem)), "order of time"),
        (files(folder="wrist_rgb", key=int), "wrist_rgb"),
        (files(folder="front", key=int), "no files"),
        (files(key=int), "wrist_depth"),
        (lambda *given: [path.name for path in files(key=int)(*given)], "whole path"),
        (lambda *given: [str(path) for path in files(key=int)(*given)], "strings"),
    ],
)
def test_wrong_files_are_named(wrong, word):
    with pytest.raises(CheckFailed, match=word):
        robot.check_image_files(wrong)


def test_files_may_be_made_from_numbers():
    def counted(root, task, variation, episode, camera, kind):
        folder = episode_folder(root, task, variation, episode)
        return (image_path(folder, camera, kind, frame) for frame in range(23))

    robot.check_image_files(counted)
