"""Single decisions with the arm set down beside the expert's way."""

from itertools import chain

import numpy as np
import pytest

from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.diffusion.data import target_pictures
from genima_lite.envs.api import EnvSpec, make_env, task_names
from genima_lite.panda import HOME, LOWER, UPPER
from genima_lite.targets.joints import joint_targets
from genima_lite.tiling import TILE_ORDER


def some(task, count=12, seed=0, keyframes=True, part=0):
    env = make_env(EnvSpec(task, TILE_ORDER, 16))
    found = list(perturbed_states(env, PerturbedStates(seed, keyframes), part, count))
    env.close()
    return found


def tips(demos, frame):
    return np.stack([joint_targets(demo[frame]).positions[0] for demo, _ in demos])


@pytest.mark.parametrize("task", task_names())
def test_every_task_gives_as_many_as_asked_for_within_the_limits_and_with_its_words(task):
    found = some(task, 5)
    assert len(found) == 5
    words = make_env(EnvSpec(task, cameras=()))
    for demo, sentences in found:
        assert 2 <= len(demo) <= 21
        assert sentences in [words.instructions(v) for v in range(words.variations)]
        for seen in (demo[0], demo[-1]):
            joints = np.asarray(seen.joint_positions)
            assert (joints >= LOWER - 1e-6).all()
            assert (joints <= UPPER + 1e-6).all()


def test_the_same_seed_gives_the_same_states_and_another_seed_or_part_others():
    rows = ((0, 0), (0, 0), (1, 0), (0, 1))
    one, again, *others = (tips(some("press_switch", 4, s, part=p), 0) for s, p in rows)
    np.testing.assert_array_equal(one, again)
    assert all(np.abs(one - other).max() > 0.02 for other in others)


def test_a_scene_is_seen_with_the_arm_in_four_places():
    found = some("push_button", 8)
    pieces = np.stack([demo[0].task_low_dim_state[:3] for demo, _ in found])
    assert len(np.unique(pieces.round(3), axis=0)) == 2
    assert len(np.unique(tips(found, 0).round(4), axis=0)) == 8


def test_where_the_arm_stands_does_not_tell_where_the_last_keyframe_is():
    """Low over the switch the next target is the press; the arm stands centimetres beside it."""
    now, then = tips(found := some("press_switch", 200), 0), tips(found, -1)
    pressed = then[:, 2] < 0.83
    assert pressed.sum() > 20
    assert np.median(np.linalg.norm((then - now)[pressed, :2], axis=1)) > 0.01


def test_the_arm_stands_still_and_reaches_into_nothing():
    for demo, _ in some("pick_up_cup", 20):
        assert not np.any(demo[0].joint_velocities)
        assert np.abs(demo[0].gripper_touch_forces).max() < 50


def test_some_blocks_lie_where_the_expert_pushed_them():
    gaps = [
        np.linalg.norm(demo[0].task_low_dim_state[:2] - demo[0].task_low_dim_state[3:5])
        for demo, _ in some("slide_block_to_target", 120)
    ]
    assert 0.4 < np.mean(np.abs(np.array(gaps) - 0.17) < 0.003) < 0.95
    assert np.mean(np.array(gaps) < 0.15) > 0.05


def test_no_state_shows_a_task_that_is_solved():
    for task, joint, end in (("push_button", -1, 0.003), ("press_switch", -1, 1.0)):
        joints = np.array([demo[0].task_low_dim_state[joint] for demo, _ in some(task, 60)])
        travels = np.abs(joints - joints.min())  # most are where they rest
        assert 0 < travels.max() < end


def test_the_target_is_where_the_expert_goes_when_it_takes_over_there():
    """Independent of the plan in joints: the bench itself is driven to the target's posture."""
    for demo, _ in some("take_lid_off_saucepan", 8):
        goal = demo[-1].gripper_pose[:3]
        env = make_env(EnvSpec("take_lid_off_saucepan", cameras=()))
        env.reset(seed=0)
        for share in np.linspace(0, 1, 60)[1:]:
            joints = HOME + share * (np.asarray(demo[-1].joint_positions) - HOME)
            env.execute(np.append(joints, 1.0)[None])
        np.testing.assert_allclose(env.observation.gripper_pose[:3], goal, atol=3e-3)


def test_without_keyframes_the_target_lies_farther_on():
    cut, plain = (
        tips(some("push_button", 60, keyframes=keyframes), -1) for keyframes in (True, False)
    )
    assert (plain[:, 2] < cut[:, 2] - 0.02).sum() > 10
    assert (plain[:, 2] < cut[:, 2] + 0.02).all()


def test_some_hands_are_closed_on_nothing_and_shall_open():
    found = some("pick_up_cup", 120)
    closed = [demo for demo, _ in found if not demo[0].gripper_open]
    assert 0.05 < len(closed) / len(found) < 0.3
    assert any(demo[-1].gripper_open for demo in closed)


def test_they_become_pictures_with_the_targets_drawn():
    shown = chain(some("push_button", 3), some("lamp_on", 3))
    pictures = target_pictures(shown, 1, np.random.default_rng(0))
    assert len(pictures) == 6
    assert (pictures.pictures != pictures.conditions).any(axis=(1, 2, 3)).all()
