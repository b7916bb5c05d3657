"""The safety filter: limits are Franka's, nothing passes that an arm does not allow."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ruckig")

from genima_lite.envs.arm.chunks import catch_up, drop_passed, fade
from genima_lite.envs.arm.limits import FER, FR3, ROBOTS, limits_of
from genima_lite.envs.arm.log import CommandLog
from genima_lite.envs.arm.modes import DRY_RUN, MODES, mode_of
from genima_lite.envs.arm.safety import FilterSettings, Halted, SafetyFilter, Stream
from genima_lite.envs.arm.twin.itself import REACH, Itself
from genima_lite.envs.arm.watchdog import Watchdog
from genima_lite.envs.arm.workspace import Workspace, Zone, read_workspace, watched_points
from genima_lite.errors import UserError
from genima_lite.files import read_json
from genima_lite.panda import BASE, HOME, inverse_kinematics, to_franka
from genima_lite.planner import top_down

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import prove_safety

START = to_franka(HOME)
ONE = np.eye(7)[0]


def filter_(robot=FER, speed=1.0, workspace=Workspace(), **changed):  # noqa: B008
    made = SafetyFilter(robot, workspace, speed, FilterSettings(**changed))
    made.begin(START)
    return made


def rows(*joints):
    return np.column_stack([np.array(joints), np.ones(len(joints))])


def sent(found, chunk, period=0.001):
    """Return joints (n, 7) that the filter lets through for a chunk."""
    stream, given_ = Stream(period), found.check(chunk, found.state.joints)
    parts = [found.state.joints[None]]
    for k, row in enumerate(given_):
        after = given_[k + 1, :7] if k + 1 < len(given_) else None
        parts.append(stream.samples(found.follow(row[:7], after))[1][:, 0])
    return np.vstack(parts)


@pytest.mark.parametrize("robot", ROBOTS.values(), ids=list(ROBOTS))
def test_adversaries_find_no_way_past_the_filter(robot):
    trial = prove_safety.prove(robot.model, 400, seed=5)
    assert trial.judge.samples > 10_000
    assert trial.halts > 5
    assert sum(trial.passed.values()) > 50
    assert 0.5 < trial.judge.used["a"] < 0.95  # it is no filter that stands still


def test_a_proof_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    made = []

    def proven(robot, seed, number):
        made.append(number)
        if number == 2 and len(made) == 3:
            raise KeyboardInterrupt
        counts = {"walk": 9}, {"walk": 7 + number}, 1, 0, 50
        return prove_safety.Part(*counts, {"v": number / 10}, 0.1, 0.02)

    monkeypatch.setattr(prove_safety, "proven", proven)
    words = ["--outputs", "25000", "--robots", "fer", "--out", str(tmp_path / "proof")]
    monkeypatch.setattr(sys, "argv", ["prove_safety.py", *words])
    with pytest.raises(KeyboardInterrupt):
        prove_safety.main()
    assert prove_safety.main() == 0
    assert made == [0, 1, 2, 2]
    told = capsys.readouterr().out
    assert "fer: 27 rows offered, 24 passed, 3 halts, 0 stops; 150 samples" in told
    assert "{'v': 0.2}" in told
    monkeypatch.setattr(sys, "argv", ["prove_safety.py", *words, "--seed", "2"])
    with pytest.raises(UserError, match="was made from seed = 1, not 2"):
        prove_safety.main()


def test_a_part_of_the_proof_names_an_excess(monkeypatch, capsys):
    def fast(self, joints):
        raise AssertionError("1.2 of the limit of jerk")

    monkeypatch.setattr(prove_safety.Judge, "see", fast)
    assert prove_safety.run(["fr3"], 1, 4, None) == 1
    assert "fr3, seed 4, part 0: 1.2 of the limit of jerk" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("joints", "excess"),
    [
        (START + np.linspace(0, 5, 200)[:, None], "above a joint's range"),
        (START + np.arange(100)[:, None] * 0.0021 * np.eye(7)[0] * [2], "limit of velocity"),
        (START + 1e-5 * np.arange(100)[:, None] ** 2 * np.eye(7)[0], "limit of acceleration"),
        (START + 6e-6 * (np.arange(100)[:, None] > 50), "limit of jerk"),
    ],
)
def test_the_judge_of_the_proof_sees_an_excess(joints, excess):
    judge = prove_safety.Judge(FER)
    judge.see(joints)
    with pytest.raises(AssertionError, match=excess):
        judge.judge()


def test_the_judge_sees_the_table():
    low = to_franka(inverse_kinematics(top_down(np.array([0.3, 0.3, 0.74]))))
    judge = prove_safety.Judge(FER)
    judge.see(np.repeat(low[None], 4, axis=0))
    with pytest.raises(AssertionError, match="tip at the table"):
        judge.judge()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-0.19, 0.19), min_size=7, max_size=7), min_size=1, max_size=6))
def test_whatever_steps_are_asked_the_differences_stay_within_the_limits(steps):
    found = filter_(FR3)
    try:
        path = sent(found, rows(*(START + np.cumsum(steps, axis=0))))
    except Halted:
        return
    for order, most in enumerate((FR3.velocity, FR3.acceleration, FR3.jerk), 1):
        assert (np.abs(np.diff(path, order, axis=0)) / 0.001**order < most).all()


def test_a_smooth_chunk_is_followed_in_its_own_time_through_every_row():
    steps = (1 - np.cos(np.linspace(0, np.pi, 21)))[1:, None] / 2 * 0.4
    chunk = rows(*(START + steps))
    path = sent(filter_(), chunk)
    assert len(path) == pytest.approx(20 * 50 + 1, abs=60)  # 50 ms a row
    nearest = np.abs(path[:, None] - chunk[None, :, :7]).max(axis=2).min(axis=0)
    assert nearest.max() < 1e-3


def test_slow_mode_takes_five_times_as_long():
    steps = np.linspace(0, 0.2, 11)[1:, None]
    fast, slow = (len(sent(filter_(speed=s), rows(*(START + steps)))) for s in (1.0, 0.2))
    assert slow == pytest.approx(5 * fast, rel=0.05)


@pytest.mark.parametrize(
    ("chunk", "why"),
    [
        (np.zeros((3, 7)), r"shape \(3, 7\)"),
        (np.zeros((0, 8)), r"shape \(0, 8\)"),
        ("forwards", "no array of numbers"),
        (rows(START, np.append(START[:6], np.nan)), "row 1 of a chunk holds nan at 6"),
        (rows(START + 0.25 * ONE), "row 0 jumps by 0.250 rad at joint 1 from the measured"),
        (
            rows(START, START + 0.25 * ONE),
            "row 1 jumps by 0.250 rad at joint 1 from the row before",
        ),
        (rows(np.rad2deg(START)), "is it another robot's, or in degrees"),
    ],
)
def test_what_is_no_sane_chunk_halts_the_arm_until_a_person_lets_it_go_on(chunk, why):
    found = filter_()
    with pytest.raises(Halted, match=why):
        found.check(chunk, START)
    with pytest.raises(Halted, match="the arm holds"):
        found.check(rows(START), START)
    found.recover()
    with pytest.raises(Halted, match="not begun"):
        found.check(rows(START), START)
    found.begin(START)
    assert found.check(rows(START), START).shape == (1, 8)


def test_a_jump_from_where_the_arm_is_halts_even_if_it_is_none_from_the_command():
    found = filter_()
    with pytest.raises(Halted, match="from the measured joints"):
        found.check(rows(START + 0.1), START - 0.15)


def test_targets_beyond_a_range_are_clipped_and_logged(tmp_path):
    log = CommandLog(tmp_path / "log.jsonl", lambda: 1.5)
    found = SafetyFilter(FER, log=log)
    found.begin(near := START + (FER.upper - 0.15 - START) * np.eye(7)[6])
    given_ = found.check(rows(near + 0.1 * np.eye(7)[6]), near)
    assert given_[0, 6] == pytest.approx(FER.upper[6] - 0.1)
    log.close()
    assert log.counts == {"clip": 1}
    assert read_json(tmp_path / "log.jsonl") == {
        "seconds": 1.5, "event": "clip", "row": 0, "joint": 7,
        "asked": pytest.approx(FER.upper[6] - 0.05), "given": pytest.approx(FER.upper[6] - 0.1),
    }  # fmt: skip


def test_joint_6_near_zero_is_the_panda_s_and_not_the_research_3_s():
    low = START.copy()
    low[5] = 0.3
    SafetyFilter(FER).begin(low)
    with pytest.raises(Halted, match="joint 6 is at 0.300 rad, outside what the fr3 allows"):
        SafetyFilter(FR3).begin(low)


def test_a_stop_in_the_midst_of_a_motion_ends_at_rest_and_soon():
    found = filter_()
    given_ = found.check(rows(*(START + np.linspace(0, 0.5, 11)[1:, None])), START)
    for k in range(5):
        motion = found.follow(given_[k, :7], given_[k + 1, :7])
    ((brake, start),) = found.stop(motion, 0.02, "a person said so")
    end = brake.at(brake.seconds)
    assert start == 0
    assert brake.seconds < 0.3
    assert np.abs(end.velocities).max() < 1e-9
    assert found.halted == "a person said so"
    with pytest.raises(Halted, match="a person said so"):
        found.follow(given_[6, :7])


def test_the_tip_stops_above_the_table_and_comes_to_rest():
    high = to_franka(inverse_kinematics(top_down(np.array([0.3, 0.2, 0.78]))))
    low = to_franka(inverse_kinematics(top_down(np.array([0.3, 0.2, 0.70]))))
    found = SafetyFilter(FER)
    found.begin(high)
    way = high + np.linspace(0, 1, 21)[1:, None] * (low - high)
    given_, lowest = found.check(rows(*way), high), np.inf
    motions, halted = [], None
    for k in range(19):
        try:
            motions.append(found.follow(given_[k, :7], given_[k + 1, :7]))
        except Halted as error:
            halted = error
            break
    assert "tip at the table" in str(halted)
    motions += [motion for motion, _ in found.coast()]
    for motion in motions:
        lowest = min(lowest, Workspace().clearance(motion.joints(0.001)).min())
    assert 0 <= lowest < 0.02


def test_an_arm_within_a_zone_may_come_out_and_not_go_deeper():
    tip = watched_points(START[None])[0, -1]
    corner = tip - [0.2, 0.5, 0.2]
    zone = Zone(tuple(corner), (tip[0] + 0.2, tip[1] + 0.02, tip[2] + 0.05))
    found = filter_(workspace=Workspace(keep_out=(zone,)))
    turn = np.linspace(0, 0.2, 11)[1:, None] * ONE
    assert found.workspace.clearance(sent(found, rows(*(START + turn)))[-1:]) > 0.05
    found.begin(START)
    with pytest.raises(Halted, match="tip at the zone"):
        sent(found, rows(*(START - turn)))


def test_a_workspace_is_read_from_a_file(tmp_path):
    path = tmp_path / "workspace.json"
    path.write_text('{"table": 0.8, "keep_out": [{"lower": [0, 0, 0], "upper": [1, 1, 1]}]}')
    assert read_workspace(path) == Workspace(table=0.8, keep_out=(Zone((0, 0, 0), (1, 1, 1)),))
    assert read_workspace(None) == Workspace()
    for wrong, what in (
        ('{"tabel": 0.8}', "unknown name 'tabel'"),
        ('{"table": NaN}', "table|NaN"),
        ('{"keep_out": [{"lower": [0, 0, 0], "upper": [0, 1, 1]}]}', "is no box"),
    ):
        path.write_text(wrong)
        with pytest.raises(UserError, match=what):
            read_workspace(path)


def test_the_arm_does_not_reach_into_itself():
    """Joint 6 folds the hand back onto the forearm."""
    itself = Itself()
    back = START.copy()
    back[5], back[6] = 0.15, -0.75
    assert itself.clearance(START[None]) == REACH
    way = START + np.linspace(0, 1, 26)[1:, None] * (back - START)
    assert itself.clearance(way) < 0
    found = SafetyFilter(FER, itself=itself.clearance)
    found.begin(START)
    given_, passed = found.check(rows(*way), START), []

    def follow_all():
        for k in range(24):
            passed.append(found.follow(given_[k, :7], given_[k + 1, :7]))

    with pytest.raises(Halted, match=r"nearer than 0\.01 m to itself"):
        follow_all()
    passed += [motion for motion, _ in found.coast()]
    assert len(passed) > 3
    assert all(itself.clearance(motion.joints(0.001)) > 0 for motion in passed)


def test_watched_points_are_where_the_kinematics_say():
    points = watched_points(to_franka(np.zeros((1, 7))))[0]
    elbow = BASE[:3, 3] + [0.0825, 0, 0.333 + 0.316]
    np.testing.assert_allclose(points[0], elbow, atol=1e-9)


def test_fading_starts_at_the_old_chunk_and_ends_at_the_new_one():
    old, new = np.zeros((8, 8)), np.ones((20, 8))
    faded = fade(old, new)
    np.testing.assert_allclose(faded[:6, 0], [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert (faded[:, 7] == 1).all()  # the gripper does not fade
    assert (fade(old[:0], new) == new).all()
    moving = np.arange(2.0)[:, None] * np.ones(8)  # of which two rows are left: it would rest at 1
    held = [0 * 5 / 6 + 1 / 6, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(fade(moving, new)[:6, 0], held)
    np.testing.assert_allclose(fade(moving[1:], old)[:6, 0], [5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0])
    assert len(drop_passed(new, 7)) == 13
    assert len(drop_passed(new, 99)) == 1


def test_a_chunk_goes_on_where_the_old_one_would_have():
    """One that begins as if the arm rested, three rows behind; its gripper closes at row 8."""
    ramp = np.repeat(np.arange(12.0)[:, None], 8, axis=1)
    ramp[:, 7] = np.arange(12) < 8
    left = np.full((2, 8), 3.2)
    assert (catch_up(left, ramp) == ramp[3:]).all()
    assert (catch_up(left[:0], ramp) == ramp).all()
    far = np.full((2, 8), 11.0)
    assert (catch_up(far, ramp) == ramp[7:]).all()  # the gripper's change is not skipped
    far[:, 7] = 0  # closed already, as no row of this chunk is at first
    assert (catch_up(far, ramp) == ramp).all()


def test_fading_cuts_what_a_biased_chunk_costs():
    """A border with a bias of 0.02 rad in one step, or in five."""
    speed = np.linspace(0, 0.6, 31)[1:, None] * np.eye(7)[0]
    old, new = rows(*(START + speed)), rows(*(START + speed + 0.02 * np.eye(7)[0]))
    lengths = []
    for follow in (new[10:], fade(old[10:], new[10:])):
        found = filter_()
        lengths.append(len(sent(found, np.vstack([old[:10], follow]))))
    assert lengths[1] <= lengths[0]


def test_watchdog_says_what_is_too_old():
    dog = Watchdog()
    assert dog.pictures({"front": 1.0, "wrist": 1.05}, 1.2) is None
    assert "camera 'front' behind 'wrist' is 0.200 s" in dog.pictures(
        {"front": 1.0, "wrist": 1.2}, 1.2
    )
    assert "picture of 'front' is 0.600 s" in dog.pictures({"front": 1.0}, 1.6)
    assert "the arm's state is 0.200 s old" in dog.state(1.0, 1.2)
    assert "-1.000 s" in dog.state(2.0, 1.0)  # two clocks
    assert "policy's answer" in dog.answer(0, 31)
    assert "chunk in execution" in dog.chunk(0, 61)
    with pytest.raises(UserError, match="state_age is nan"):
        Watchdog(state_age=float("nan"))


def test_modes_begin_with_a_rehearsal():
    assert next(iter(MODES.values())) is DRY_RUN
    assert not DRY_RUN.moves
    assert [MODES[name].speed for name in ("confirm", "slow", "normal")] == [0.2, 0.2, 1.0]
    assert MODES["confirm"].asks
    with pytest.raises(UserError, match="choose from dry-run, confirm, slow, normal"):
        mode_of("fast")


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (lambda: limits_of("ur5"), "robot is 'ur5': choose from fer, fr3"),
        (lambda: FilterSettings(margin=0.0), "margin is 0.0"),
        (lambda: FilterSettings(share=1.0), "share is 1.0"),
        (lambda: FilterSettings(apart=0.1), "apart is 0.1 m"),
        (lambda: FilterSettings(jump=float("nan")), "jump is nan"),
        (lambda: SafetyFilter(FER, speed=2.0), "speed is 2.0"),
        (lambda: Zone((0, 0, 0), (1, 0, 1), "cupboard"), "cupboard: .* is no box"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, what):
    with pytest.raises(UserError, match=what):
        wrong()
