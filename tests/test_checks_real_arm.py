"""Checks of notebook 09: they accept its solutions and name what is wrong with wrong answers."""

import json
from collections import Counter
from math import ceil, floor

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("jupytext")

from genima_lite.checks import real_arm
from genima_lite.checks.course import real_arm as address_of
from genima_lite.panda import HOME
from tests.exercises import Exercises

EXERCISES = Exercises("09_a_real_arm", real_arm, np=np, Rotation=Rotation)


@pytest.mark.parametrize("name", EXERCISES.cells)
def test_solutions_pass_and_stubs_do_not(name, capsys):
    EXERCISES.accept(name, capsys)


def not_inverted(points, pose, intrinsics):
    image = (points @ pose[:3, :3].T + pose[:3, 3]) @ intrinsics.T
    return image[:, :2] / image[:, 2:]


def local(points, pose):
    back = np.linalg.inv(pose)
    return points @ back[:3, :3].T + back[:3, 3]


def undivided(points, pose, intrinsics):
    return (local(points, pose) @ intrinsics.T)[:, :2]


def without_intrinsics(points, pose, intrinsics):
    here = local(points, pose)
    return here[:, :2] / here[:, 2:]


def solved(A, B, swap=False, turn=True, place=True, pairs=None, sign=1, back=False):
    A, B = A[:pairs], B[:pairs]
    X = np.eye(4)
    alpha, beta = (Rotation.from_matrix(each[:, :3, :3]).as_rotvec() for each in (A, B))
    if swap:
        alpha, beta, A, B = beta, alpha, B, A
    X[:3, :3] = Rotation.align_vectors(alpha, beta)[0].as_matrix()
    turns = (X[:3, :3] if back else X[:3, :3].T) if turn else np.eye(3)
    right = sign * (B[:, :3, 3] @ turns - A[:, :3, 3])
    if place:
        left = (A[:, :3, :3] - np.eye(3)).reshape(-1, 3)
        X[:3, 3] = np.linalg.lstsq(left, right.reshape(-1), rcond=None)[0]
    return X


def jerk_by_gradient(positions, dt):
    for _ in range(3):
        positions = np.gradient(positions, dt)
    return np.abs(positions).max()


def one_way(q, v, asked, wall, top, a, dt):
    return 0.0 if q > wall - 1e-6 else filtered(q, v, asked, wall, top, a, dt)


def filtered(q, v, asked, wall, top, a, dt, step=True, both=True, short=0.0, most=True):
    room = max(wall - q - short, 0.0)
    bound = a * ((dt**2 + 2 * room / a) ** 0.5 - dt) if step else (2 * a * room) ** 0.5
    bound = bound if most else np.inf
    low = -top if both else -np.inf
    return float(np.clip(np.clip(asked, low, min(top, bound)), v - a * dt, v + a * dt))


def budgeted(stages, rows, row=0.05, add=sum, whole=ceil, least=0):
    passed = whole(add(stages.values()) / row - 1e-9)
    return passed, max(rows - passed, least)


def diagnosed(events, last=False, all_clips=False, gripper=False, won=False):
    halts = [i for i, e in enumerate(events) if e["event"] == "halt"]
    at = (halts[-1] if last else halts[0]) if halts else None
    until = None if all_clips else (halts[0] if halts else None)
    clips = Counter(
        e["joint"] for e in events[:until] if e["event"] == "clip" and (gripper or e["joint"] < 8)
    )
    failed = sum(e["event"] == "ended" and (won or not e["success"]) for e in events)
    why = None if at is None else events[at]["why"]
    return why, clips.most_common(1)[0][0] if clips else None, failed


@pytest.mark.parametrize(
    ("name", "attempt", "hint"),
    [
        ("project", not_inverted, "invert it first"),
        ("project", undivided, "divide column and row by the depth"),
        ("project", without_intrinsics, "the intrinsics belong to it"),
        ("hand_eye", lambda A, B: solved(A, B, swap=True), "from hand to camera"),
        ("hand_eye", lambda A, B: solved(A, B, turn=False), "turn B's translations"),
        ("hand_eye", lambda A, B: solved(A, B, place=False), "translation is still zero"),
        ("hand_eye", lambda A, B: solved(A, B, pairs=2), "use all pairs"),
        ("hand_eye", lambda A, B: solved(A, B, sign=-1), "a sign turned round"),
        ("hand_eye", lambda A, B: solved(A, B, back=True), "turned back, not forth"),
        ("largest_jerk", lambda p, dt: np.abs(np.diff(p, 3)).max() / dt, "dt to the third"),
        ("largest_jerk", lambda p, dt: np.abs(np.diff(p, 2)).max() / dt**2, "one difference more"),
        ("largest_jerk", lambda p, dt: np.diff(p, 3).max() / dt**3, "downwards counts"),
        ("largest_jerk", jerk_by_gradient, "averages over two steps"),
        ("allowed", lambda q, v, asked, *_: asked, "at most a \\* dt"),
        ("allowed", one_way, "may go back at once"),
        ("allowed", lambda *x: filtered(*x, most=False), "stop before the wall|beyond the wall"),
        ("allowed", lambda *x: filtered(*x, step=False), "count this step's way"),
        ("allowed", lambda *x: filtered(*x, short=0.1), "may come up to the wall"),
        ("allowed", lambda *x: filtered(*x, both=False), "in the other direction"),
        ("budget", lambda *x: budgeted(*x, add=max), "add them up"),
        ("budget", lambda *x: budgeted(*x, whole=floor), "round up"),
        ("budget", lambda *x: budgeted(*x, least=-99), "fewer than no rows"),
        ("diagnose", lambda e: diagnosed(e, last=True), "the \\*first\\* halt"),
        ("diagnose", lambda e: diagnosed(e, gripper=True), "joint 8 is the gripper"),
        ("diagnose", lambda e: diagnosed(e, all_clips=True), "\\*before\\* the first halt"),
        ("diagnose", lambda e: diagnosed(e, won=True), "no failure"),
        ("diagnose", lambda e: None, "return three things"),
        ("diagnose", lambda e: (*diagnosed(e)[:1], diagnosed(e)[1] or 1, diagnosed(e)[2]), "None"),
    ],
)
def test_wrong_answers_are_named(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)


def test_more_postures_find_a_camera_better():
    pytest.importorskip("cv2")
    few, many = (real_arm.calibration_error(np.random.default_rng(0), n, 5) for n in (4, 20))
    assert many < few < 20


def test_a_planned_motion_has_the_jerk_that_straight_lines_lack():
    pytest.importorskip("ruckig")
    from genima_lite.envs.arm.limits import FER
    from genima_lite.panda import to_franka

    start = to_franka(HOME)
    rows = np.append(start, 1.0) + 0.02 * np.arange(1, 11)[:, None] * np.eye(8)[0]
    straight, planned = (
        way(start, rows) for way in (real_arm.straight_path, real_arm.filtered_path)
    )
    assert straight[-1] == pytest.approx(rows[-1, 0]) == pytest.approx(planned[-1], abs=1e-3)
    assert np.abs(np.diff(planned, 3)).max() / 0.001**3 < FER.jerk[0]
    bent = real_arm.straight_path(start, np.vstack([rows[:5], rows[5:] + 0.02 * np.eye(8)[0]]))
    assert np.abs(np.diff(bent, 3)).max() / 0.001**3 > 10 * FER.jerk[0]


def test_the_joint_in_the_picture_stops_before_the_wall():
    places, speeds = real_arm.pushed_at_a_wall(np.full(300, 3.0), 1.0, 1.5, 4.0, 0.01)
    assert 0.98 < max(places) <= 1.0
    assert max(speeds) == 1.5


def test_the_failed_run_is_one_on_the_twin(tmp_path):
    pytest.importorskip("ruckig")
    real_arm.failed_run(tmp_path / "log.jsonl", seed=0)
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    why, joint, failures = diagnosed(events)
    assert "jumps by" in why
    assert joint in (5, 7)
    assert failures == 2


def test_a_cell_for_a_real_arm_skips_itself_with_one_sentence(monkeypatch, capsys):
    monkeypatch.delenv("GENIMA_ARM", raising=False)
    assert address_of("moves joint 7") is None
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setenv("GENIMA_ARM", "172.16.0.2")
    assert address_of("moves joint 7") == "172.16.0.2"
