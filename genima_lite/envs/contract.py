"""What every environment must do, as checks that any backend can be put through.

The tests run them on the bench and on a double of RLBench; `scripts/check_rlbench.py` runs them on
the real RLBench and prints a table. A check gets a `RobotEnv`, resets it, takes
one or two pictures at most, and raises `AssertionError` with a sentence on what is wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.envs.api import HasDemonstrations, HasExpert, HasFilm, RobotEnv
from genima_lite.errors import UserError
from genima_lite.observation import Observation

SEEDS = (11, 12, 13)
"""Of the scenes that the expert shall solve, at least two of them."""

_SHAPES = {
    "joint_velocities": (7,),
    "joint_positions": (7,),
    "joint_forces": (7,),
    "gripper_pose": (7,),
    "gripper_matrix": (4, 4),
    "gripper_joint_positions": (2,),
    "gripper_touch_forces": (6,),
}


def says_what_it_is(env: RobotEnv) -> None:
    """It names its task, cameras, variations and time limit."""
    assert isinstance(env.task_name, str), env.task_name
    assert env.variations >= 1, f"{env.variations} variations"
    assert env.time_limit >= 20, f"a time limit of {env.time_limit} steps"


def says_what_is_asked_for(env: RobotEnv) -> None:
    """A reset gives the instruction, all sentences, the variation, and no success."""
    _, info = env.reset(seed=1, options={"variation": 0})
    assert info["instruction"] == info["instructions"][0], info
    assert all(isinstance(text, str) and text for text in info["instructions"]), info
    assert info["instructions"] == env.instructions(0), "other sentences than at the reset"
    assert (info["variation"], info["success"], env.success) == (0, False, False), info


def same_seed_gives_same_scene(env: RobotEnv) -> None:
    """The same seed gives the same scene, another one another, whatever ran before."""
    one, other = _scene(env, 5), _scene(env, 6)
    env.execute(_hold(env)[None])
    again = _scene(env, 5)
    # RLBench's joints come back within 2e-4.
    assert np.abs(one - again).max() < 1e-3, f"off by {np.abs(one - again).max():.1e}"
    assert np.abs(one - other).max() > 1e-3, "two seeds give one scene"


def shows_the_chosen_pictures(env: RobotEnv) -> None:
    """Pictures are of the chosen cameras and sizes, uint8 (H, W, 3), and not blank."""
    env.reset(seed=1)
    pictures = env.observation.images()
    rgb = {name.removesuffix("_rgb") for name in pictures if name.endswith("_rgb")}
    assert rgb == set(env.cameras), f"{sorted(rgb)}, not {sorted(env.cameras)}"
    for name, picture in pictures.items():
        assert picture.shape[:2] == (env.image_size,) * 2, f"{name}: {picture.shape}"
    for name in rgb:
        picture = pictures[f"{name}_rgb"]
        assert (picture.dtype, picture.shape[2:]) == (np.uint8, (3,)), name
        assert int(picture.max()) - int(picture.min()) > 10, f"{name} is blank"


def keeps_pictures_that_were_read(env: RobotEnv) -> None:
    """A picture that was read stays as it is when the arm moves on."""
    env.reset(seed=1)
    before = env.observation.images()
    copies = {name: picture.copy() for name, picture in before.items()}
    env.execute(_moved(env, 0.05)[None])
    _ = env.observation
    assert all((before[name] == copies[name]).all() for name in copies), "they were overwritten"


def has_rlbenchs_fields(env: RobotEnv) -> None:
    """States are float64 of RLBench's shapes; the gripper is 1.0 or 0.0."""
    env.reset(seed=1)
    observation = env.observation
    for name, shape in _SHAPES.items():
        value = getattr(observation, name)
        assert (value.shape, value.dtype) == (shape, np.float64), f"{name}: {value!r}"
        assert np.isfinite(value).all(), f"{name}: {value}"
    assert observation.gripper_open in (0.0, 1.0), observation.gripper_open
    assert len(observation.misc["joint_poses"]) == 7, "no seven joint poses"


def cameras_see_the_tip(env: RobotEnv) -> None:
    """The fixed cameras' matrices put the gripper into their pictures."""
    env.reset(seed=1)
    observation = env.observation
    for name in env.cameras:
        camera = Camera.from_observation(observation, name)
        if camera.on_wrist:
            continue
        (pixel,), (depth,) = camera.project(np.asarray(observation.gripper_matrix)[None, :3, 3])
        inside = (pixel > 0).all() and (pixel < env.image_size).all()
        assert depth > 0, f"{name} has the tip behind it"
        assert inside, f"{name} has the tip at {pixel}, {depth:.2f} m"


def joints_fit_kinematics(env: RobotEnv) -> None:
    """Joint poses and tip are those of our forward kinematics within 5 mm."""
    env.reset(seed=1)
    observation = env.observation
    poses, tip = panda.forward_kinematics(np.asarray(observation.joint_positions))
    found = np.stack(observation.misc["joint_poses"])[:, :3]
    worst = np.abs(found - poses[:, :3, 3]).max()
    tip_error = np.abs(np.asarray(observation.gripper_matrix) - tip)[:3, 3].max()
    assert max(worst, tip_error) < 0.005, f"joints {worst:.4f} m, tip {tip_error:.4f} m"


def remembers_commands(env: RobotEnv) -> None:
    """An episode's first frame has no command, later ones that which was given."""
    env.reset(seed=1)
    key = "joint_position_action"
    assert key not in env.observation.misc, "a command before the first step"
    action = _moved(env, 0.01)
    env.execute(action[None])
    found = np.asarray(env.observation.misc[key])
    np.testing.assert_allclose(found, action, atol=1e-9)
    env.reset(seed=1)
    assert key not in env.observation.misc, "the last episode's command after a reset"


def arm_goes_where_it_is_told(env: RobotEnv) -> None:
    """A joint reaches 40 to 130 % of a command of 0.05 rad in a step, all of it in ten."""
    env.reset(seed=1)
    start = np.asarray(env.observation.joint_positions)
    target = _moved(env, 0.05)
    env.execute(target[None])
    share = (np.asarray(env.observation.joint_positions) - start)[0] / 0.05
    assert 0.4 < share < 1.3, f"{share:.0%} of the way in a step"
    env.execute(np.repeat(target[None], 10, axis=0))
    left = np.abs(np.asarray(env.observation.joint_positions) - target[:7]).max()
    assert left < 0.01, f"{left:.3f} rad are left after ten steps"


def gripper_closes_and_opens(env: RobotEnv) -> None:
    """One action closes the gripper, another opens it; each counts as one step."""
    env.reset(seed=1)
    action, seen = _hold(env), []
    for opening in (0.0, 1.0):
        outcome = env.execute(np.append(action[:7], opening)[None])
        seen.append((outcome.steps, env.observation.gripper_open))
    assert seen == [(1, 0.0), (1, 1.0)], f"steps and gripper: {seen}"


def executes_chunks(env: RobotEnv) -> None:
    """A chunk of five actions takes five steps, and calls back after each."""
    env.reset(seed=1)
    calls: list[Any] = []
    outcome = env.execute(np.repeat(_hold(env)[None], 5, axis=0), calls.append)
    assert (outcome.steps, len(calls), outcome.done) == (5, 5, False), f"{outcome}, {len(calls)}"


def refuses_what_is_no_action(env: RobotEnv) -> None:
    """Wrong shapes and NaN raise `UserError`, and the episode goes on."""
    env.reset(seed=1)
    broken = np.array([[np.nan, *[0.0] * 7]])
    for wrong in (np.zeros((1, 7)), np.zeros(8), np.zeros((0, 8)), broken):
        _refuses(partial(env.execute, wrong), f"actions {wrong.shape}")
    assert env.execute(_hold(env)[None]).steps == 1, "the episode is over"


def keeps_within_limits(env: RobotEnv) -> None:
    """Commands beyond the joints' limits are clipped."""
    import warnings

    env.reset(seed=1)
    action = np.append(panda.UPPER + 1.0, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env.execute(action[None])
    joints = np.asarray(env.observation.joint_positions)
    assert (joints < panda.UPPER + 0.05).all(), joints  # also refuses NaN


def refuses_unknown_options(env: RobotEnv) -> None:
    """Unknown reset options and variations raise `UserError`."""
    env.reset(seed=1)
    for wrong in ({"colour": 1}, {"variation": env.variations}, {"variation": -1},
                  {"variation": 0.5}):  # fmt: skip
        _refuses(partial(env.reset, options=wrong), f"options {wrong}")


def ends_at_the_time_limit(env: RobotEnv) -> None:
    """An episode without success ends at the time limit, and a reset starts another."""
    env.reset(seed=1)
    outcome = env.execute(np.repeat(_hold(env)[None], env.time_limit + 5, axis=0))
    assert outcome.steps == env.time_limit, f"{outcome.steps} steps of {env.time_limit}"
    assert (outcome.success, outcome.done) == (False, True), outcome
    env.reset(seed=1)
    assert not env.execute(_hold(env)[None]).done, "the next episode is over at once"


def expert_solves_its_task(env: RobotEnv) -> None:
    """The expert's commands solve at least two of three scenes (where there is an expert)."""
    if not isinstance(env, HasExpert):
        return
    solved = []
    for seed in SEEDS:
        env.reset(seed=seed)
        try:
            commands = np.vstack(list(env.expert_stretches()))
        except panda.Unreachable as error:
            solved.append(str(error))
            continue
        last = np.repeat(commands[-1:], 10, axis=0)
        solved.append(str(env.execute(np.vstack([commands, last])).success))
    assert solved.count("True") >= 2, f"solved: {solved}"


def demonstrates_and_returns(env: RobotEnv) -> None:
    """A demonstration leaves the scene as it was, and a reset to it gives its scene again."""
    if not isinstance(env, HasDemonstrations):
        return
    for seed in SEEDS:
        scene = _scene(env, seed)
        try:
            demo = env.demonstration()
        except panda.Unreachable:
            continue
        break
    else:
        raise AssertionError(f"no demonstration with any of the seeds {SEEDS}")
    after = _vector(env.observation)
    assert np.abs(scene - after).max() < 1e-3, f"off by {np.abs(scene - after).max():.1e}"
    first = np.abs(_vector(demo[0])[:7] - after[:7]).max()
    assert first < 1e-2, f"its first frame is {first:.1e} rad away"
    _scene(env, seed + 100)
    env.reset(options={"demo": demo})
    again = np.abs(_vector(env.observation) - after).max()
    assert again < 1e-3, f"off by {again:.1e} after the reset to it"
    assert demo[0].misc.get("joint_position_action") is None, "a command in its first frame"
    assert np.isfinite(demo.actions()).all(), "commands that are no numbers"


def can_be_filmed(env: RobotEnv) -> None:
    """A film's frame has the size asked for (where there are films)."""
    if isinstance(env, HasFilm):
        env.reset(seed=1)
        frame = env.film_frame(96)
        assert (frame.shape, frame.dtype) == ((96, 96, 3), np.uint8), frame.shape
        assert int(frame.max()) > int(frame.min()), "it is blank"


Contract = Callable[[RobotEnv], None]

CONTRACT: tuple[Contract, ...] = (
    says_what_it_is,
    says_what_is_asked_for,
    same_seed_gives_same_scene,
    shows_the_chosen_pictures,
    keeps_pictures_that_were_read,
    has_rlbenchs_fields,
    cameras_see_the_tip,
    joints_fit_kinematics,
    remembers_commands,
    arm_goes_where_it_is_told,
    gripper_closes_and_opens,
    executes_chunks,
    refuses_what_is_no_action,
    keeps_within_limits,
    refuses_unknown_options,
    ends_at_the_time_limit,
    expert_solves_its_task,
    demonstrates_and_returns,
    can_be_filmed,
)


def _hold(env: RobotEnv) -> np.ndarray:
    """Return the action (8,) that keeps the arm where it is."""
    observation = env.observation
    return np.append(np.asarray(observation.joint_positions), float(observation.gripper_open or 0))


def _moved(env: RobotEnv, angle: float) -> np.ndarray:
    """Return the action (8,) that turns the first joint by an angle in radians."""
    action = _hold(env)
    action[0] += angle
    return action


def _scene(env: RobotEnv, seed: int) -> np.ndarray:
    """Reset to a seed and return what is known of its scene."""
    env.reset(seed=seed)
    return _vector(env.observation)


def _vector(observation: Observation) -> np.ndarray:
    """Return joints and the task's state as one vector."""
    parts = (observation.joint_positions, observation.task_low_dim_state)
    return np.array([*itertools.chain(*(np.ravel(part) for part in parts if part is not None))])


def _refuses(run: Callable[[], Any], what: str) -> None:
    try:
        run()
    except UserError:
        return
    raise AssertionError(f"{what} were taken")
