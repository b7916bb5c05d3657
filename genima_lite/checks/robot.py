"""Checks of notebook 01: the arm's frames and limits, cameras, quaternions, chunks, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.cameras import Camera, depth_in_metres, mounted_camera
from genima_lite.checks.verdict import close, compare, expect, passed, without
from genima_lite.demos.layout import episode_folder, image_path
from genima_lite.transforms import inverse, pose_matrix

_RLBENCH = np.diag([-1.0, -1.0, 1.0, 1.0])
_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def check_joint_frames(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `joint_frames(joint_positions)`: (7,) rad, RLBench's, to (7, 4, 4) to world."""
    for q in np.random.default_rng(seed).uniform(panda.LOWER, panda.UPPER, (3, 7)):
        wanted, _ = panda.forward_kinematics(q)
        compare(
            attempt(q.copy()),
            wanted,
            _wrong_chains(q, wanted),
            "the frames are not where the arm's joints are: print the first frame that is wrong",
        )
    passed("your seven frames are the library's, for any angles")


def _wrong_chains(q: np.ndarray, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Return what likely mistakes give, (7, 4, 4) each by hint, at angles (7,)."""
    turns = _turns(panda.to_franka(q))
    after = frames @ turns
    links = inverse(np.concatenate([panda.BASE[None], after[:-1]])) @ frames
    before, from_left, end, start = [], [], panda.BASE, panda.BASE
    for link, turn in zip(links, turns, strict=True):
        end, start = end @ turn @ link, link @ start
        before.append(end)
        from_left.append(start)
        start = turn @ start
    off, twice = panda.from_franka(q), panda.from_franka(panda.from_franka(q))
    return {
        "frames 4 to 7 are off by four degrees: RLBench's angles must go through `to_franka`": (
            panda.forward_kinematics(off)[0]
        ),
        "joint 4 is shifted to the wrong side: is it `to_franka`, not `from_franka`?": (
            panda.forward_kinematics(twice)[0]
        ),
        "each frame has already turned: RLBench keeps it *before* the joint's own rotation": after,
        "the arm starts at the world's origin: begin the chain with `panda.BASE`": (
            inverse(panda.BASE) @ frames
        ),
        "each joint turns before its link is walked: first the link, then the turn": (
            np.stack(before)
        ),
        "the product runs the wrong way: a new transform is multiplied from the right": (
            np.stack(from_left)
        ),
    }


def _turns(angles: np.ndarray) -> np.ndarray:
    """Return rotations about z, (n, 4, 4), of angles (n,) in radians."""
    return np.stack([pose_matrix(np.zeros(3), [0, 0, np.sin(a), np.cos(a)]) for a in angles / 2])


def check_excess(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `excess(joint_positions)`: (..., 7) rad, RLBench's, to (..., 7) rad beyond limits."""
    rng = np.random.default_rng(seed)
    inside = rng.uniform(panda.LOWER, panda.UPPER, (4, 7))
    close(attempt(inside.copy()), np.zeros((4, 7)), "inside the limits the excess is 0")
    q = rng.uniform(panda.LOWER - 0.6, panda.UPPER + 0.6, (40, 7))
    low, high = panda.FRANKA_LOWER, panda.FRANKA_UPPER
    franka, back = panda.to_franka(q), panda.from_franka(q)
    wanted = franka - np.clip(franka, low, high)
    mistakes = {
        "joint 4 is off by four degrees: the limits are Franka's, the angles RLBench's": (
            q - np.clip(q, low, high)
        ),
        "joint 4 is off by eight degrees: is it `to_franka`, not `from_franka`?": (
            back - np.clip(back, low, high)
        ),
        "the sign is lost: above the upper limit positive, below the lower one negative": (
            np.abs(wanted)
        ),
        "the sign is the other way round: above the upper limit it is positive": -wanted,
        "these are the angles within the limits: subtract them from what was asked": (
            np.clip(franka, low, high)
        ),
        "`panda.LOWER` and `UPPER` are narrower than the arm's limits: take `FRANKA_LOWER` and "
        "`FRANKA_UPPER`, with angles from `to_franka`": q - np.clip(q, panda.LOWER, panda.UPPER),
        "nothing is found below the lower limit": np.maximum(wanted, 0.0),
        "nothing is found above the upper limit": np.minimum(wanted, 0.0),
    }
    given = q.copy()
    found = attempt(given)
    expect(np.array_equal(given, q), "your function changed the array it was given: copy it")
    compare(found, wanted, mistakes, "some joints are beyond a limit by another amount")
    close(attempt(q[0].copy()), wanted[0], "one posture, (7,), must work as well as many")
    passed("every joint, both limits, and the four degrees of joint 4")


def check_world_to_camera(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `world_to_camera(pose)`: (4, 4) camera to world, to its inverse."""
    rng = np.random.default_rng(seed)
    for _ in range(3):
        pose = _random_pose(rng)
        turn, position = pose[:3, :3], pose[:3, 3]
        mistakes = {
            "transposing all of it puts the position into the last row: only R is transposed": (
                pose.T
            ),
            "the rotation is right; but the position must be turned too: -Rᵀp, not -p": (
                _rigid(turn.T, -position)
            ),
            "the position is right; the rotation must be transposed": (
                _rigid(turn, -turn.T @ position)
            ),
            "the signs: the new position is *minus* Rᵀp": _rigid(turn.T, turn.T @ position),
            "R was used where Rᵀ is needed for the position: -Rᵀp, not -Rp": (
                _rigid(turn.T, -turn @ position)
            ),
            "only the sign of p has changed: R is transposed, and p turned by it": (
                _rigid(turn, -position)
            ),
            "R was used where Rᵀ is needed, twice: for the rotation and for the position": (
                _rigid(turn, -turn @ position)
            ),
            "the last row is 0 0 0 1, as in every pose": inverse(pose) * [[1], [1], [1], [0]],
        }
        given = pose.copy()
        with without(np.linalg, "inv", "without np.linalg.inv: what is the inverse of a rotation?"):
            found = attempt(given)
        expect(np.array_equal(given, pose), "your function changed the pose it was given: copy it")
        compare(found, inverse(pose), mistakes, "the result times the pose must be the identity")
    passed("there and back is the identity, with one transpose and one product")


def _rigid(turn: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return the (4, 4) transform of a rotation (3, 3) and a position (3,)."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, position
    return matrix


def _random_pose(rng: np.random.Generator) -> np.ndarray:
    return pose_matrix(rng.uniform(-2, 2, 3), Rotation.from_quat(rng.normal(size=4)).as_quat())


def check_from_rlbench(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `from_rlbench(extrinsics, intrinsics)`: RLBench's matrices to OpenCV's two."""
    rng = np.random.default_rng(seed)
    pinhole = np.array([[rng.uniform(90, 300), 0, 64], [0, rng.uniform(90, 300), 48], [0, 0, 1]])
    camera = Camera(pinhole, _random_pose(rng))
    extrinsics, intrinsics = camera.to_rlbench()
    given = extrinsics.copy(), intrinsics.copy()
    found = attempt(*given)
    expect(
        np.array_equal(given[0], extrinsics) and np.array_equal(given[1], intrinsics),
        "your function changed the matrices it was given: copy them",
    )
    expect(
        isinstance(found, tuple | list) and len(found) == 2,
        "return two arrays: the pose, then the intrinsics",
    )
    axes = {
        "the pose still has RLBench's axes: its x must point right, its y down": extrinsics,
        "the camera has moved: its axes are columns, so multiply from the *right*": (
            _RLBENCH @ extrinsics
        ),
        "these are OpenGL's axes (z backward): from RLBench, x and y change sign": (
            camera.to_opengl()
        ),
        "y and z have changed sign: that converts OpenGL's axes; RLBench's differ in x and y": (
            extrinsics @ _OPENGL
        ),
        "this is world to camera: the pose stays camera to world": inverse(camera.pose),
    }
    compare(found[0], camera.pose, axes, "the pose's axes must be x right, y down, z forward")
    focal = {
        "the focal lengths are still negative: with OpenCV's axes they are positive": intrinsics,
        "the centre of the picture has changed sign: only the focal lengths do": -intrinsics,
    }
    compare(found[1], pinhole, focal, "only the signs of the two focal lengths change")
    passed("x right, y down, z forward, positive focal lengths, and the camera has not moved")


def check_world_point(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `world_point(camera, row, column, fraction)`: to (3,) metres, world frame."""
    rng = np.random.default_rng(seed)
    for name in ("front", "left_shoulder"):
        camera = mounted_camera(name, 128, np.eye(4))
        row, column, stored = int(rng.integers(8, 50)), int(rng.integers(70, 120)), rng.uniform(0.2)
        metres = float(depth_in_metres(np.array(stored), camera.near, camera.far))
        centre = np.array([column + 0.5, row + 0.5])
        with without(Camera, "unproject", "camera.unproject is the answer: write what it does"):
            found = attempt(camera, row, column, stored)
        compare(
            found,
            camera.unproject(centre, np.array(metres)),
            _wrong_points(camera, centre, stored, metres),
            "the point is elsewhere: does projecting it give the pixel's centre again?",
        )
    passed("pixel centres, metres along the optical axis, world frame")


def _wrong_points(
    camera: Camera, centre: np.ndarray, stored: float, metres: float
) -> dict[str, np.ndarray]:
    """Return what likely mistakes give, (3,) each by hint, for a pixel's centre (column, row)."""
    ray = np.append((centre - camera.intrinsics[:2, 2]) / np.diag(camera.intrinsics)[:2], 1.0)
    depth, corner = np.array(metres), centre - 0.5
    swapped = "row and column are swapped: x goes along the columns, y along the rows"
    return {
        "half a pixel off: the centre of pixel (row, column) is at (column + 0.5, row + 0.5)": (
            camera.unproject(corner, depth)
        ),
        swapped: camera.unproject(centre[::-1], depth),
        f"{swapped}; and the pixel's centre is missing": camera.unproject(corner[::-1], depth),
        "the stored depth is a fraction: near + fraction * (far - near) is in metres": (
            camera.unproject(centre, np.array(stored))
        ),
        "fraction * far is not enough: depth starts at the near plane": (
            camera.unproject(centre, np.array(stored * camera.far))
        ),
        "depth is measured along the optical axis, not along the ray: keep the ray's z at 1": (
            camera.unproject(centre, depth / np.linalg.norm(ray))
        ),
        "this point is in the camera's frame: move it to the world with the pose": ray * metres,
        "the position is not added: the pose turns *and* moves": (
            camera.pose[:3, :3] @ (ray * metres)
        ),
        "this is the inverse transform: `camera.pose` already is camera to world": (
            inverse(camera.pose)[:3, :3] @ (ray * metres) + inverse(camera.pose)[:3, 3]
        ),
    }


def check_turn_between(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `turn_between(simulator, rlbench)`: quaternions wxyz and xyzw (4,) to radians."""
    rng = np.random.default_rng(seed)
    for sign in (1.0, -1.0):
        one, turn = _unit(rng), Rotation.from_rotvec(_unit(rng)[:3] * 0.9)
        other = (Rotation.from_quat(one) * turn).as_quat()
        other *= sign * np.sign(one @ other)
        wanted = turn.magnitude()
        direct, flipped = np.roll(one, 1) @ other, one @ other
        mistakes = {
            "the two orders are mixed: the simulator's w stands first, RLBench's last": (
                2 * np.arccos(min(abs(direct), 1.0))
            ),
            "w went to the wrong end: `np.roll` by -1 brings the first number to the end": (
                2 * np.arccos(min(abs(np.roll(one, 2) @ other), 1.0))
            ),
            "q and -q are the same rotation: take the absolute value of their product": (
                2 * np.arccos(flipped)
            ),
            "this is half of the angle: a quaternion holds the cosine of the half": wanted / 2,
            "this is in degrees": np.rad2deg(wanted),
        }
        found = attempt(np.roll(one, 1), other.copy())
        compare(found, wanted, mistakes, "the angle is another one: 2 arccos |q · q'|", 1e-6)
    same = next(q for q in (_unit(rng) for _ in range(1000)) if q @ q > 1.0)
    found = attempt(np.roll(same, 1), same.copy())
    expect(
        np.isfinite(found).all(),
        "equal orientations gave NaN: rounding made the product larger than 1, so clip it",
    )
    close(found, 0.0, "equal orientations are 0 apart", 1e-6)
    passed("order, double cover and rounding: the angle is right")


def _unit(rng: np.random.Generator) -> np.ndarray:
    """Return a random unit quaternion (4,)."""
    q = rng.normal(size=4)
    return q / np.linalg.norm(q)


def check_action_chunk(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `action_chunk(actions, frame, horizon)`: (T - 1, 8) to (K, 8) and (K,) bool."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-2, 2, (int(rng.integers(30, 60)), 8))
    last = len(actions) - 1
    for frame, horizon in ((0, 20), (last - 6, 20), (last, 20), (last - 2, 5)):
        found = attempt(actions.copy(), frame, horizon)
        expect(
            isinstance(found, tuple | list) and len(found) == 2,
            "return two arrays: the actions, and which of them are real",
        )
        rows = frame + np.arange(horizon)
        real = rows < len(actions)
        held = actions[np.minimum(rows, len(actions) - 1)]
        late = actions[np.minimum(rows + 1, len(actions) - 1)]
        mistakes = {
            "zeros are an action too: drive to the posture zero and close the gripper. "
            "Repeat the last action": np.where(real[:, None], held, 0.0),
            "one too late: row t of the actions leads from frame t to frame t + 1": late,
            "the chunk wraps round to the start of the episode: hold the last action": (
                actions[rows % len(actions)]
            ),
        }
        expect(
            len(np.asarray(found[0])) == horizon,
            f"{len(np.asarray(found[0]))} rows where `horizon` asks for {horizon}: there are as "
            "many near the end",
        )
        compare(found[0], held, mistakes, "the rows must be actions t, t + 1, ... held at the end")
        mask = np.asarray(found[1])
        expect(mask.dtype == bool, f"the mask has dtype {mask.dtype}, it should be bool")
        expect(not np.array_equal(mask, ~real), "the mask is inverted: True where it is real")
        expect(real.all() or not mask.all(), "padding is marked as real: it must not be learned")
        close(mask, real, "the last real action is that of row T - 2: is the mask one off?")
    passed("K rows at every frame, the last one held, padding marked")


def check_image_files(attempt: Callable[..., Any], seed: int = 0) -> None:
    """Check `image_files(root, task, variation, episode, camera, kind)`: to paths by time."""
    rng = np.random.default_rng(seed)
    variation, episode = (int(n) for n in rng.integers(1, 12, 2))
    with TemporaryDirectory() as root:
        folder = episode_folder(root, "lamp_on", variation, episode)
        for camera in ("front", "wrist"):
            for kind in ("rgb", "depth"):
                image_path(folder, camera, kind, 0).parent.mkdir(parents=True)
                for frame in rng.permutation(23):
                    image_path(folder, camera, kind, int(frame)).touch()
        for camera, kind in (("front", "rgb"), ("wrist", "depth")):
            found = attempt(Path(root), "lamp_on", variation, episode, camera, kind)
            expect(found is not None, "the function returned nothing: is there a `return`?")
            found = list(found)
            texts = any(isinstance(path, str) for path in found)
            expect(
                not texts or "/" not in found[0],
                "these are strings: return paths, `folder / name` and `glob` make them",
            )
            _check_paths(
                [Path(path) for path in found],
                [image_path(folder, camera, kind, frame) for frame in range(23)],
            )
    passed("the right folder, all frames, in the order of time")


def _check_paths(found: list[Path], wanted: list[Path]) -> None:
    """Raise `CheckFailed` unless two lists of paths are the same."""
    expect(found, "no files: print the folder in which you look; does it exist?")
    expect(len(found[0].parts) > 1, f"{found[0]} is a name: return the whole path, folder included")
    expect(
        set(found) == set(wanted),
        f"{len(found)} files, among them {found[0].parent.name}/{found[0].name}: "
        f"it should be the {len(wanted)} of {wanted[0].parent.name}/",
    )
    in_text_order = [path.name for path in found[:3]] == ["0.png", "1.png", "10.png"]
    expect(not in_text_order, "sorted as text: 10.png comes before 2.png. Sort by the number")
    expect(found == wanted, "the files are not in the order of time: sort by the frame's number")
