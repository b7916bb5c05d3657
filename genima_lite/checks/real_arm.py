"""Checks of notebook 09: overlay, hand-eye, jerk, a filter in one dimension, latency, a log."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.cameras import Camera, mounted_camera
from genima_lite.checks.verdict import close, compare, expect, passed
from genima_lite.panda import HOME, LOWER, UPPER, forward_kinematics
from genima_lite.transforms import inverse

Attempt = Callable[..., Any]


def check_project(attempt: Attempt, seed: int = 0) -> None:
    """Check `project(points, pose, intrinsics)`: world points (N, 3) to pixels (N, 2)."""
    rng = np.random.default_rng(seed)
    frames, tip = forward_kinematics(HOME + rng.uniform(-0.2, 0.2, 7))
    points = np.vstack([frames[:, :3, 3], tip[:3, 3]])
    camera = mounted_camera("front", 256, tip)
    wanted = camera.project(points)[0]
    away = Camera(camera.intrinsics, inverse(camera.pose)).project(points)[0]
    local = (points - camera.pose[:3, 3]) @ camera.pose[:3, :3]
    mistakes = {
        "the pose takes camera points to the world: invert it first": away,
        "divide column and row by the depth": (local @ camera.intrinsics.T)[:, :2],
        "the intrinsics belong to it, too: the focal length and the middle": (
            local[:, :2] / local[:, 2:]
        ),
        "column first, then row": wanted[:, ::-1],
    }
    found = attempt(points.copy(), camera.pose.copy(), camera.intrinsics.copy())
    compare(found, wanted, mistakes, "bring points into camera axes, then through the intrinsics")
    passed("the joints lie on the arm")


def _motion(rng: np.random.Generator, angle: float, metres: float) -> np.ndarray:
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(angle * rng.normal(size=3)).as_matrix()
    motion[:3, 3] = metres * rng.normal(size=3)
    return motion


def noisy_motions(
    rng: np.random.Generator, count: int, metres: float = 1e-3, degrees: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return motions of a hand and of what its camera sees, and where the camera is.

    Args:
        rng: of postures and errors.
        count: of postures; motions are those from the first to each other.
        metres, degrees: by which the arm's places, and the board's places and turns are off.

    Returns:
        A, B: (count - 1, 4, 4) with A X = X B but for the errors; X: (4, 4), camera to hand.
    """
    camera, board = _motion(rng, 0.5, 0.05), _motion(rng, 1.0, 0.4)
    hands = [_motion(rng, 0.4, 0.15) for _ in range(count)]
    seen = [inverse(hand @ camera) @ board for hand in hands]
    for hand, view in zip(hands, seen, strict=True):
        hand[:3, 3] += metres / np.sqrt(3) * rng.normal(size=3)
        view[:3, 3] += metres / np.sqrt(3) * rng.normal(size=3)
        error = Rotation.from_rotvec(np.deg2rad(degrees) / np.sqrt(3) * rng.normal(size=3))
        view[:3, :3] = error.as_matrix() @ view[:3, :3]
    moved = np.array([inverse(hands[0]) @ hand for hand in hands[1:]])
    shown = np.array([seen[0] @ inverse(view) for view in seen[1:]])
    return moved, shown, camera


def calibration_error(rng: np.random.Generator, postures: int, tries: int) -> float:
    """Return by how many millimetres PARK's method misses a camera, the median of some tries.

    Args:
        rng: see `noisy_motions`.
        postures: of the hand.
        tries: each with other postures and errors.
    """
    from genima_lite.envs.arm.calibration.hand_eye import park

    off = []
    for _ in range(tries):
        moved, shown, camera = noisy_motions(rng, postures)
        here = np.eye(4)  # OpenCV's takes poses, not motions
        found = park([here, *inverse(moved)], [here, *inverse(shown)])
        off.append(1e3 * np.linalg.norm(found[:3, 3] - camera[:3, 3]))
    return float(np.median(off))


def check_hand_eye(attempt: Attempt, seed: int = 0) -> None:
    """Check `hand_eye(A, B)`: motions (N, 4, 4) twice to X (4, 4) with A X = X B."""
    rng = np.random.default_rng(seed)
    moved, shown, camera = noisy_motions(rng, 8, 0.0, 0.0)
    found = attempt(moved.copy(), shown.copy())
    turn = camera[:3, :3]
    other = np.array([each[:3, :3] - np.eye(3) for each in moved]).reshape(-1, 3)
    unturned = (shown[:, :3, 3] - moved[:, :3, 3]).reshape(-1)
    mistakes = {
        "that is X from hand to camera: swap what is aligned to what": inverse(camera),
        "the rotation is right; its translation is still zero": _posed(turn, np.zeros(3)),
        "turn B's translations by the rotation that you have found": _posed(
            turn, np.linalg.lstsq(other, unturned, rcond=None)[0]
        ),
    }
    back = shown[:, :3, 3] @ turn - moved[:, :3, 3]
    mistakes |= {
        "the translation points the other way: is a sign turned round?": _posed(
            turn, -camera[:3, 3]
        ),
        "B's translations are turned back, not forth: for rows it is `@ R.T`": _posed(
            turn, np.linalg.lstsq(other, back.reshape(-1), rcond=None)[0]
        ),
    }
    compare(found, camera, mistakes, "A X = X B must hold for every pair", 1e-5)
    moved, shown, camera = noisy_motions(rng, 30)
    off = np.linalg.norm(np.asarray(attempt(moved.copy(), shown.copy()))[:3, 3] - camera[:3, 3])
    expect(
        off < 6e-3,
        f"with 29 noisy pairs it is {1e3 * off:.0f} mm off: use all pairs, not the first ones",
    )
    passed("the camera is where the pairs say")


def _posed(turn: np.ndarray, place: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, place
    return pose


def check_largest_jerk(attempt: Attempt, seed: int = 0) -> None:
    """Check `largest_jerk(positions, dt)`: positions (n,) to the largest |third derivative|."""
    rng = np.random.default_rng(seed)
    dt = float(rng.uniform(0.001, 0.01))
    positions = np.cumsum(rng.normal(size=40)) * 1e-3
    third = np.diff(positions, 3)
    wanted = np.abs(third).max() / dt**3
    mistakes = {
        "each of the three differences is divided by dt: dt to the third": np.abs(third).max() / dt,
        "that is the acceleration: one difference more": (
            np.abs(np.diff(positions, 2)).max() / dt**2
        ),
        "the largest *absolute* value: a jerk downwards counts as well": third.max() / dt**3,
        "`np.gradient` averages over two steps and hides what happens in one: take `np.diff`": (
            _jerk_by_gradient(positions, dt)
        ),
    }
    mistakes = {k: v for k, v in mistakes.items() if abs(v - wanted) > 1e-6 * wanted}
    for path, scale in ((positions, 1.0), (-positions, 1.0)):
        found = attempt(path.copy(), dt)
        expect(found is not None, "the function returned nothing: is there a `return`?")
        compare(
            np.asarray(found, float) / wanted * scale,
            1.0,
            {k: v / wanted for k, v in mistakes.items()} if path is positions else {
                "the largest *absolute* value: a jerk downwards counts as well": (
                    np.diff(path, 3).max() / dt**3 / wanted
                )
            },
            "the third difference, divided by dt three times",
        )  # fmt: skip
    cubic = np.arange(20) ** 3 * dt**3
    close(attempt(cubic, dt), 6.0, "of t cubed the jerk is 6 everywhere", 1e-3)
    passed("three differences, three times dt")


def _jerk_by_gradient(positions: np.ndarray, dt: float) -> float:
    for _ in range(3):
        positions = np.gradient(positions, dt)
    return float(np.abs(positions).max())


def straight_path(start: np.ndarray, rows: np.ndarray, row: float = 0.05) -> np.ndarray:
    """Return joint 1, (n,) rad at 1 kHz, on straight lines through rows (m, 8) from joints (7,)."""
    corners = np.append(start[0], rows[:, 0])
    times = np.arange(1, round(1000 * row * len(rows)) + 1)
    return np.interp(times, 1000 * row * np.arange(len(corners)), corners)


def filtered_path(start: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return joint 1, (n,) rad at 1 kHz, as the safety filter of a FER lets rows through.

    Args:
        start: (7,) rad, Franka's, where the arm rests.
        rows: (m, 8), one after another.
    """
    from genima_lite.envs.arm.limits import FER
    from genima_lite.envs.arm.safety import SafetyFilter, Stream

    safe, stream = SafetyFilter(FER), Stream(0.001)
    safe.begin(start)
    rows = safe.check(rows, start)
    pairs = zip(rows, [*rows[1:, :7], None], strict=True)
    motions = [safe.follow(row[:7], after) for row, after in pairs]
    return np.concatenate([stream.samples(motion)[1][:, 0, 0] for motion in motions])


def check_allowed(attempt: Attempt, seed: int = 0) -> None:
    """Check `allowed(q, v, asked, wall, top, a, dt)`: the next velocity of one joint."""
    rng = np.random.default_rng(seed)
    top, a, dt = 1.5, float(rng.uniform(2, 5)), 0.01
    found = attempt(-10.0, 0.0, 100.0, 1.0, top, a, dt)
    expect(found is not None, "the function returned nothing: is there a `return`?")
    expect(abs(found) <= a * dt + 1e-9, f"from rest it jumps to {found:.2f} rad/s: at most a * dt")
    close(found, a * dt, "far from the wall, speed up as much as `a` allows")
    close(attempt(-10.0, top, 100.0, 1.0, top, a, dt), top, "no faster than `top`")
    slow = attempt(-10.0, -top, -100.0, 1.0, top, a, dt)
    close(slow, -top, "no faster than `top` in the other direction, either")
    near = attempt(0.0, 0.5 * a * dt, 0.5 * a * dt, 1.0, top, a, dt)
    close(near, 0.5 * a * dt, "what is asked and harmless is given as it is")
    back = attempt(1.0, 0.0, -1.0, 1.0, top, a, dt)
    close(back, -a * dt, "at the wall it may go back at once: the third rule bounds one side only")
    for asks in (np.full(900, 3.0), rng.choice([-3.0, 3.0, 3.0, 0.5], 900).repeat(3)):
        _drive(attempt, asks, top, a, dt)
    passed("it can always stop in time")


def _drive(attempt: Attempt, asks: np.ndarray, top: float, a: float, dt: float) -> None:
    """Let velocities be asked of a joint before a wall at 1 rad, from rest on."""
    q, v, furthest = -1.0, 0.0, -1.0
    for asked in asks:
        new = float(attempt(q, v, float(asked), 1.0, top, a, dt))
        expect(
            abs(new - v) <= a * dt + 1e-9,
            f"the velocity changes by {abs(new - v):.3f} in a step, {a * dt:.3f} is allowed: "
            "brake earlier",
        )
        expect(abs(new) <= top + 1e-9, f"{abs(new):.2f} rad/s is faster than {top}")
        v, q = new, q + new * dt
        furthest = max(furthest, q)
        expect(q <= 1.0 + 1e-9, f"the joint is at {q:.3f} rad, beyond the wall at 1")
        expect(
            v <= 0 or q + v**2 / (2 * a) <= 1.0 + 1e-6,
            "it can no longer stop before the wall: count this step's way, v' dt, as well",
        )
    if (asks > 0).all():
        expect(furthest > 0.98, f"it stops at {furthest:.2f} rad: it may come up to the wall at 1")


def pushed_at_a_wall(
    asks: np.ndarray, wall: float, top: float, a: float, dt: float
) -> tuple[list[float], list[float]]:
    """Return where a joint is and how fast, step by step, that is asked for velocities (n,) and
    kept from a wall as in the exercise.
    """
    q, v, places, speeds = 0.0, 0.0, [], []
    for asked in asks:
        most = a * (np.sqrt(dt**2 + 2 * max(wall - q, 0.0) / a) - dt)
        v = float(np.clip(np.clip(asked, -top, min(top, most)), v - a * dt, v + a * dt))
        q += v * dt
        places.append(q)
        speeds.append(v)
    return places, speeds


def check_budget(attempt: Attempt, seed: int = 0) -> None:
    """Check `budget(stages, rows, row)`: to rows asked ahead and rows left."""
    rng = np.random.default_rng(seed)
    cases = [
        ({"camera": 0.05, "draw": 0.10, "act": 0.10}, 20, 0.05),
        ({"draw": float(rng.uniform(1.51, 1.54))}, 20, 0.05),
        ({"camera": 0.03, "draw": float(rng.uniform(0.3, 0.5)), "act": 0.04}, 20, 0.05),
        ({"camera": 0.03, "draw": float(rng.uniform(0.2, 0.3))}, 10, 0.1),
    ]
    for stages, rows, row in cases:
        found = attempt(dict(stages), rows, row)
        pair = isinstance(found, tuple | list) and len(found) == 2
        expect(pair, "return two numbers: rows to ask ahead, and rows that are left")
        total = sum(stages.values())
        needed = ceil(total / row - 1e-9)
        worst = ceil(max(stages.values()) / row - 1e-9)
        expect(
            found[0] != worst or worst == needed,
            "the stages follow one another: add them up, the slowest alone is not all",
        )
        expect(
            found[0] != needed - 1,
            "round up: an arm that is asked for part of a row waits for all of it",
        )
        expect(found[0] == needed, f"{total:.3f} s are {needed} rows of {row} s, not {found[0]}")
        expect(found[1] >= 0, "fewer than no rows cannot be left")
        expect(found[1] == max(rows - needed, 0), f"of {rows} rows {needed} have passed")
    passed("asked in time")


def check_diagnose(attempt: Attempt, seed: int = 0) -> None:
    """Check `diagnose(events)`: to the first halt, the joint clipped most before it, failures."""
    rng = np.random.default_rng(seed)
    often, later = (int(k) for k in rng.permutation(np.arange(1, 8))[:2])

    def clip(joint: int) -> dict[str, Any]:
        return {"event": "clip", "joint": joint, "row": 0, "asked": 1.0, "given": 0.9}

    before = [clip(often), clip(often), clip(later), *[clip(8)] * 5]
    before = [before[i] for i in rng.permutation(len(before))]
    first, second = {"event": "halt", "why": "first"}, {"event": "halt", "why": "second"}
    lost, won = ({"event": "ended", "success": each} for each in (False, True))
    events = [*before, first, lost, *[clip(later)] * 6, won, second, lost]
    found = attempt(list(events))
    triple = isinstance(found, tuple | list) and len(found) == 3
    expect(triple, "return three things: why, joint, failures")
    expect(found[0] != "second", "the *first* halt: what follows is its consequence")
    expect(found[0] == "first", f"the first halt's `why` is 'first', not {found[0]!r}")
    expect(found[1] != 8, "joint 8 is the gripper: it does not count")
    expect(found[1] != later, "count clips *before* the first halt only")
    expect(found[1] == often, f"joint {often} was clipped most, not {found[1]}")
    expect(found[2] != 3, "an episode that ended with success is no failure")
    expect(found[2] == 2, f"two episodes ended without success, not {found[2]}")
    quiet = attempt([won])
    expect(tuple(quiet) == (None, None, 0), f"a run without halts gives None, None, 0, not {quiet}")
    only = attempt([clip(later), lost])
    expect(tuple(only) == (None, later, 1), "without a halt, all clips count")
    calm = attempt([clip(8), first, lost, clip(often)])
    expect(tuple(calm) == ("first", None, 1), "no joint was clipped before the halt: None")
    passed("the cause stands before the halt")


def failed_run(path: Path, seed: int = 0) -> None:
    """Let a policy fail twice on the twin, and write the log.

    It pushes a joint into its end, then jumps; and once more with another joint.

    Args:
        path: the log.
        seed: of the scenes, and of which joint it is.
    """
    from genima_lite.envs.api import EnvSpec
    from genima_lite.envs.arm.env import ArmEnv
    from genima_lite.envs.arm.settings import ArmSettings

    joints = np.random.default_rng(seed).permutation([4, 6])
    settings = ArmSettings(think=0.0, log=str(path))
    env = ArmEnv(EnvSpec("push_button", (), 32, backend="arm", arm=settings))
    for episode, joint in enumerate(joints):
        env.reset(seed=2 * (seed + episode) + 1)
        for chunk in _into_the_end(int(joint)):
            env.execute(chunk)
    env.close()


def _into_the_end(joint: int) -> list[np.ndarray]:
    """Return chunks that bring a joint to its end, ask for more, and jump."""
    end = UPPER[joint]
    way = np.arange(HOME[joint], end - 0.12, 0.1)[1:]
    more = np.linspace(end - 0.12, end + 0.05, 8)
    rows = np.repeat(np.append(HOME, 1.0)[None], len(way) + len(more), axis=0)
    rows[:, joint] = np.concatenate([way, more])
    rows[-8:, 7] = 1.2
    jump = rows[-2:].copy()
    jump[:, 0] = LOWER[0] / 2
    return [rows[: len(way)], rows[len(way) :], jump]
