"""The environment: gymnasium's rules, RLBench's fields, reproducibility, bad input."""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import genima_lite  # noqa: F401  (registers the environments)
from genima_lite import panda
from genima_lite.demos.read import read_episode
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.observe import as_dict
from genima_lite.envs.bench.registration import environment_id
from genima_lite.envs.bench.render import Renderer
from genima_lite.envs.bench.robot import Unstable
from genima_lite.envs.bench.tasks import task_names
from genima_lite.errors import Refusal, UserError
from genima_lite.observation import STATE_FIELDS

SAMPLE = Path(__file__).parent / "data/sample_rlbench/open_box/variation0/episodes/episode0"


@pytest.fixture(scope="module")
def env():
    env = BenchEnv("push_button", cameras=("front", "wrist"), image_size=32, depth=True, mask=True)
    yield env
    env.close()


def fingerprint(observation):
    digest = hashlib.sha256()
    for key, value in sorted(as_dict(observation).items()):
        digest.update(key.encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def run(env, seed, steps=3):
    env.reset(seed=seed, options={"variation": seed % 2})
    digests = [fingerprint(env.observation)]
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        env.step(np.append(panda.HOME + rng.uniform(-0.05, 0.05, 7), rng.integers(2)))
        digests.append(fingerprint(env.observation))
    return digests


def run_in_fresh_process(task_and_seed):
    task, seed = task_and_seed
    env = BenchEnv(task, image_size=32, depth=True, mask=True)
    return run(env, seed)


def test_there_are_the_eight_first_tasks():
    assert set(task_names()) >= {
        "take_lid_off_saucepan", "push_button", "lamp_on", "open_drawer",
        "press_switch", "slide_block_to_target", "pick_up_cup", "play_jenga",
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*action space.*")
@pytest.mark.parametrize("task", task_names())
def test_gymnasium_accepts_every_task(task):
    env = gymnasium.make(environment_id(task), render_mode="rgb_array", image_size=32)
    check_env(env.unwrapped)
    _, info = env.reset(seed=0)
    assert isinstance(info["instruction"], str)
    assert info["instruction"] == info["instructions"][0]
    json.dumps(info["success"])  # no bool of NumPy, which results cannot hold
    picture = env.render()
    assert picture.shape == (512, 512, 3)
    assert picture.std() > 10
    env.close()


def test_fields_shapes_and_dtypes_are_rlbenchs(env):
    env.reset(seed=0)
    env.step(np.append(panda.HOME, 1.0))
    ours, theirs = env.observation, read_episode(SAMPLE)[1]
    for name in STATE_FIELDS:
        mine, reference = getattr(ours, name), getattr(theirs, name)
        assert type(mine) is type(reference), name
        if name not in ("gripper_open", "task_low_dim_state"):
            assert (mine.shape, mine.dtype) == (reference.shape, reference.dtype), name
    assert set(theirs.misc) <= set(ours.misc)
    for key, reference in theirs.misc.items():
        assert type(ours.misc[key]) is type(reference), key
        assert np.shape(ours.misc[key]) == np.shape(reference), key
    assert ours.front_rgb.dtype == np.uint8
    assert ours.front_depth.dtype == np.float32
    assert ours.front_mask.dtype == np.int32


def test_first_frame_has_no_command_and_later_ones_the_one_given(env):
    env.reset(seed=0)
    assert "joint_position_action" not in env.observation.misc
    action = np.append(panda.HOME + 0.01, 1.0)
    env.step(action)
    np.testing.assert_array_equal(env.observation.misc["joint_position_action"], action)


def test_same_seed_same_bits_whatever_ran_before(env):
    first = run(env, 5)
    run(env, 6)
    assert run(env, 5) == first
    assert run(env, 6) != first


@pytest.mark.slow
def test_same_seed_same_bits_in_eight_processes():
    jobs = [("push_button", 7)] * 8
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        results = pool.map(run_in_fresh_process, jobs, chunksize=1)
    assert all(result == results[0] for result in results)
    assert run_in_fresh_process(jobs[0]) == results[0]


@pytest.mark.parametrize("task", task_names())
def test_a_stored_scene_and_a_stored_random_state_restore_the_episode(task):
    env = BenchEnv(task, cameras=("front",), image_size=32)
    last = env.task.variations - 1
    env.reset(seed=11, options={"variation": last})
    start, state, random_state = fingerprint(env.observation), env.scene.state(), env.random_state
    env.reset(seed=12)
    assert fingerprint(env.observation) != start
    _, info = env.reset(options={"scene_state": state})
    assert fingerprint(env.observation) == start
    assert info["variation"] == last
    env.reset(seed=13, options={"random_state": random_state, "variation": last})
    assert fingerprint(env.observation) == start
    env.close()


def test_a_far_target_is_approached_at_the_velocity_limit(env):
    env.reset(seed=0)
    target = np.append(panda.HOME + [1.0, 0, 0, 0, 0, 0, 0], 1.0)
    angles = [panda.HOME[0]]
    for _ in range(5):
        env.step(target)
        angles.append(env.observation.joint_positions[0])
    strides = np.diff(angles)
    assert strides[-1] == pytest.approx(panda.VELOCITY_LIMIT[0] * 0.05, rel=0.05)
    assert strides.max() < 1.25 * panda.VELOCITY_LIMIT[0] * 0.05


def test_a_commanded_path_is_tracked_within_two_hundredths_of_a_radian(env):
    env.reset(seed=0)
    worst = 0.0
    for t in range(60):
        swing = 0.35 * (1 - np.cos(2 * np.pi * t / 60))
        target = panda.HOME + swing * np.array([1, 0.7, -1, -1, 1, 1, -1])
        env.step(np.append(target, 1.0))
        worst = max(worst, np.abs(env.observation.joint_positions - target).max())
    assert worst < 0.02


def test_the_gripper_closes_and_opens(env):
    env.reset(seed=0)
    for command, width in ((0.0, 0.0), (0.0, 0.0), (1.0, 0.04)):
        env.step(np.append(panda.HOME, command))
        np.testing.assert_allclose(env.observation.gripper_joint_positions, width, atol=2e-3)
        assert env.observation.gripper_open == float(width > 0.03)


def test_closed_fingers_press_on_each_other(env):
    env.reset(seed=0)
    np.testing.assert_allclose(env.observation.gripper_touch_forces, 0, atol=1e-6)
    assert env.observation.gripper_touch_forces.shape == (6,)


def test_the_step_limit_truncates(env):
    env.reset(seed=0)
    hold = np.append(panda.HOME, 1.0)
    ends = [env.step(hold)[2:4] for _ in range(env.task.time_limit)]
    assert ends[-1] == (False, True)
    assert not any(truncated for _, truncated in ends[:-1])


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (np.zeros(7), r"shape \(7,\), expected \(8,\)"),
        (np.zeros((1, 8)), r"shape \(1, 8\)"),
        (np.full(8, np.nan), r"action\[0\] is nan"),
        (np.append(panda.HOME, np.inf), r"action\[7\] is inf"),
        (["0"] * 8, "holds <U1"),
        (np.zeros(8, bool), "holds bool"),
        (np.zeros(8, complex), "holds complex128"),
        ([None] * 8, "holds object"),
        ([0.0] * 7 + [[0.0]], "no array of numbers"),
    ],
)
def test_a_malformed_action_is_refused(env, action, words):
    env.reset(seed=0)
    with pytest.raises(ValueError, match=words):
        env.step(action)


def test_a_chunk_with_a_wrong_number_is_refused_before_it_starts(env):
    env.reset(seed=0)
    chunk = np.tile(np.append(panda.HOME, 1.0), (3, 1))
    before = env.observation.joint_positions.copy()
    chunk[2, 4] = np.nan
    with pytest.raises(UserError, match=r"action\[2, 4\] is nan"):
        env.execute(chunk)
    with pytest.raises(UserError, match=r"shape \(3, 7\), expected \(n, 8\)"):
        env.execute(chunk[:, :7])
    np.testing.assert_array_equal(env.observation.joint_positions, before)


def test_huge_targets_are_clipped_like_any_other(env):
    env.reset(seed=0)
    action = np.append(panda.HOME, 1.0)
    action[3] = 1e300
    with pytest.warns(UserWarning, match=r"joint 4 target 1e\+300 .* clipped"):
        env.step(action)
    assert env.observation.misc["joint_position_action"][3] == panda.UPPER[3]
    assert np.isfinite(env.observation.joint_positions).all()


@pytest.mark.parametrize("joints", [np.zeros(6), np.full(7, np.nan), ["a"] * 7])
def test_the_arm_is_not_put_where_no_numbers_say(env, joints):
    env.reset(seed=0)
    with pytest.raises(UserError, match="action"):
        env.place_arm(joints, 1.0)


def test_a_target_beyond_a_limit_is_clipped_with_a_warning_or_refused(env):
    env.reset(seed=0)
    action = np.append(panda.HOME, 1.0)
    action[3] = 0.5
    with pytest.warns(UserWarning, match=r"joint 4 target 0\.5000 .* clipped"):
        env.step(action)
    assert env.observation.misc["joint_position_action"][3] == panda.UPPER[3]
    strict = BenchEnv("push_button", cameras=(), out_of_limits="raise")
    strict.reset(seed=0)
    with pytest.raises(ValueError, match="joint 4"):
        strict.step(action)
    with pytest.raises(ValueError, match="gripper"):
        strict.step(np.append(panda.HOME, 1.5))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"task": "open_draw"}, "did you mean 'open_drawer'"),
        ({"task": "push_button", "cameras": ("side",)}, "unknown camera 'side'.*wrist"),
        ({"task": "push_button", "cameras": "front"}, "give a list of names"),
        ({"task": "push_button", "image_size": 0}, "image_size is 0"),
        ({"task": "push_button", "image_size": 64.5}, "image_size is 64.5; it must be a"),
        ({"task": "push_button", "out_of_limits": "ignore"}, "'clip' or 'raise'"),
        ({"task": "push_button", "render_mode": "human"}, "rgb_array"),
    ],
)
def test_a_wrong_setting_names_itself_and_the_way_out(settings, words):
    with pytest.raises(ValueError, match=words):
        BenchEnv(**settings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variation": 99}, "no variation 99: choose from 0 to 17"),
        ({"variation": "red"}, "no variation 'red'"),
        ({"variation": True}, "no variation True"),
        ({"seed": -1}, "seed is -1"),
        ({"random_state": ("MT19937", [1, 2])}, "no state of NumPy's MT19937"),
        ({"colour": 1}, "unknown reset option 'colour'"),
        ({"scene_state": {"variation": 0, "mujoco": [0.0], "geom_rgba": {}}}, "another task"),
        ({"scene_state": {"task": "open_drawer"}}, "of task 'open_drawer', not 'push_button'"),
        ({"scene_state": {"mujoco": [], "geom_rgba": {}}}, "lacks 'variation'"),
    ],
)
def test_a_wrong_reset_option_is_refused(env, options, words):
    with pytest.raises(ValueError, match=words):
        env.reset(options=options)


def test_the_seed_may_come_as_an_option(env):
    env.reset(seed=21)
    expected = fingerprint(env.observation)
    env.reset(options={"seed": 21})
    assert fingerprint(env.observation) == expected


def test_it_runs_in_gymnasiums_vector_environments():
    names = {"cameras": ("front",), "image_size": 32}
    several = gymnasium.make_vec(
        environment_id("push_button"),
        num_envs=2,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn"},
        **names,
    )
    observation, info = several.reset(seed=[5, 6])
    assert observation["front_rgb"].shape == (2, 32, 32, 3)
    assert list(info["variation"]) == [0, 0]
    alone = BenchEnv("push_button", **names)
    expected, _ = alone.reset(seed=6)
    np.testing.assert_array_equal(observation["front_rgb"][1], expected["front_rgb"])
    several.close()


LOOK_WITHOUT_EGL = """
from genima_lite.envs.bench import gl
load = gl.ctypes.CDLL
def without_egl(name, *rest):
    if "EGL" in str(name):
        raise OSError(name)
    return load(name, *rest)
gl.ctypes.CDLL = without_egl
from genima_lite.envs.bench.env import BenchEnv
env = BenchEnv("push_button", cameras=("front",), image_size=32)
try:
    env.reset(seed=0)
    print("std", env.observation.front_rgb.std())
except gl.GLError as error:
    print(error)
"""


def test_without_egl_it_takes_osmesa_or_says_what_to_install():
    environment = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", LOOK_WITHOUT_EGL], capture_output=True, text=True, env=environment
    )
    words = done.stdout.split()
    assert words, done.stderr
    assert (words[0] == "std" and float(words[1]) > 10) or "libegl1 libgl1" in done.stdout


def test_executing_a_chunk_is_stepping_without_pictures():
    """What happens between two decisions is the same whether somebody looks or not."""
    envs = [BenchEnv("push_button", cameras=("front",), image_size=16) for _ in range(2)]
    for env in envs:
        env.reset(seed=4)
    goal = np.append(envs[0].observation.joint_positions + 0.02, 0.0)
    for _ in range(2):
        _, _, terminated, truncated, info = envs[0].step(goal)
    taken = []
    with mock.patch.object(Renderer, "rgb", side_effect=taken.append):
        outcome = envs[1].execute(np.stack([goal, goal]))
    assert (outcome.steps, outcome.success, outcome.done) == (2, info["success"], terminated)
    assert not truncated
    assert not taken
    seen, blind = (env.observation for env in envs)
    np.testing.assert_array_equal(seen.joint_positions, blind.joint_positions)
    np.testing.assert_array_equal(seen.task_low_dim_state, blind.task_low_dim_state)
    np.testing.assert_array_equal(seen.front_rgb, blind.front_rgb)
    assert envs[1].observation is blind
    for env in envs:
        env.close()


def test_an_unstable_simulation_ends_the_episode_and_leaves_no_log(tmp_path, monkeypatch):
    """MuJoCo would start anew in silence, and write MUJOCO_LOG.TXT."""
    monkeypatch.chdir(tmp_path)
    env = make_env(EnvSpec("play_jenga", cameras=()))
    env.reset(seed=1)
    still = np.append(env.observation.joint_positions, 1.0)[None]
    env.scene.data.qvel[-1] = 1e12
    with pytest.raises(Refusal, match="unstable"):
        env.execute(still)
    env.reset(seed=1)
    assert env.execute(still).steps == 1
    assert list(tmp_path.iterdir()) == []


def test_an_arm_set_down_where_the_simulation_breaks_down_does_not_stand(monkeypatch):
    env = make_env(EnvSpec("push_button", cameras=()))
    env.reset(seed=1)

    def break_down(steps):
        raise Unstable("pressed")

    monkeypatch.setattr(env.scene.robot, "depth", lambda: 0.005)  # it touches something
    monkeypatch.setattr(env.scene.robot, "hold", break_down)
    assert not env.place_arm(panda.HOME, 1.0)


def test_joint_forces_at_rest_have_the_signs_that_rlbench_reports() -> None:
    """RLBench's arm at rest says [0, 23.8, 0, -16.2, -0.1, -4.4, 0] N m (CoppeliaSim 4.1)."""
    env = make_env(EnvSpec("push_button", cameras=()))
    env.reset(seed=1)
    hold = np.append(env.observation.joint_positions, 1.0)
    env.execute(np.repeat(hold[None], 10, axis=0))
    forces = env.observation.joint_forces
    assert 15 < forces[1] < 35
    assert -25 < forces[3] < -10
    assert -8 < forces[5] < 0
