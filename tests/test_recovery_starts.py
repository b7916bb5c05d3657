"""Demonstrations that begin beside the expert's path."""

import json

import numpy as np
import pytest

from genima_lite.datasets import recovery_starts
from genima_lite.datasets.recovery_starts import ByNoise, ByPolicy, NoiseLeads, PolicyLeads
from genima_lite.demos.collect import CollectSettings, collect, record_demo
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.replay import replay
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.panda import HOME, Unreachable, forward_kinematics
from genima_lite.planner import plan
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.seeds import MAX_ATTEMPTS


@pytest.fixture(scope="module")
def cups():
    return BenchEnv("pick_up_cup", cameras=())


def plan_of(env, seed):
    """Return the joints (T, 7) of the expert's plan, home first."""
    env.reset(seed=seed, options={"variation": 0})
    return np.vstack([HOME, plan(env.task.waypoints(env.scene), HOME)[:, :7]])


def joints_of(demo):
    return np.stack([np.asarray(seen.joint_positions) for seen in demo])


@pytest.mark.parametrize("seed", range(0, 16, 2))
def test_the_arm_starts_at_rest_beside_the_path_and_still_succeeds(cups, seed):
    cups.reset(seed=seed, options={"variation": 3})
    path = plan(cups.task.waypoints(cups.scene), HOME)
    demo = record_demo(cups, seed, 3, ByNoise())
    joints = joints_of(demo)
    beside = np.abs(path[:, :7] - joints[0]).max(axis=1).min()
    assert 1e-4 < beside < 4 * recovery_starts.SPREAD
    assert np.abs(demo[0].joint_velocities).max() < 0.05
    assert cups.task.success(cups.scene)


def test_the_same_seed_leads_alike_and_others_elsewhere(cups):
    one, again, other = (joints_of(record_demo(cups, seed, 0, ByNoise())) for seed in (4, 4, 6))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one[0] - other[0]).max() > 0.01


def test_starts_lie_all_along_the_way_with_the_hand_open_closed_and_full(cups):
    demos = [record_demo(cups, seed, 0, ByNoise()) for seed in range(0, 60, 2)]
    tips = [forward_kinematics(np.asarray(demo[0].joint_positions))[1] for demo in demos]
    heights = np.array([tip[2, 3] for tip in tips])
    assert heights.max() - heights.min() > 0.3
    holding = [bool(demo.scene_state["robot"]["held"]) for demo in demos]
    closed_on_nothing = [
        demo[0].gripper_open == 0.0 and not held for demo, held in zip(demos, holding, strict=True)
    ]
    assert 2 <= sum(holding) <= 15
    assert 1 <= sum(closed_on_nothing) <= 10


def test_a_policy_leads_to_where_it_has_not_finished(cups):
    lead = ByPolicy(*PolicyFactory("expert")("pick_up_cup"))
    starts = []
    for seed in range(0, 12, 2):
        demo = record_demo(cups, seed, 0, lead)
        starts.append(np.asarray(demo[0].joint_positions))
        path = plan_of(cups, seed)
        assert np.abs(path - starts[-1]).max(axis=1).min() < 0.03  # it stops a little behind it
    assert np.abs(np.diff(starts, axis=0)).max() > 0.1


def test_a_policy_leads_alike_with_the_same_seed(cups):
    lead = ByPolicy(*PolicyFactory("random")("pick_up_cup"))
    one, again = (record_demo(cups, 8, 0, lead) for _ in range(2))
    assert np.abs(np.asarray(one[0].joint_positions) - HOME).max() > 0.05
    np.testing.assert_array_equal(joints_of(one), joints_of(again))


@pytest.mark.parametrize("steps", [30, 41, 43])
def test_a_scene_restored_in_mid_episode_goes_on_exactly_as_it_would_have(cups, steps):
    cups.reset(seed=2, options={"variation": 0})
    path = plan(cups.task.waypoints(cups.scene), HOME)
    cups.execute(path[:steps])
    state = json.loads(json.dumps(cups.scene.state()))
    ends = []
    for fresh in (False, True):
        if fresh:
            cups.reset(seed=9, options={"variation": 4})
            cups.reset(options={"scene_state": state})
        for action in path[steps:]:
            cups.execute(action[None])
        ends.append((cups.scene.state(), cups.task.success(cups.scene)))
    np.testing.assert_array_equal(ends[0][0].pop("mujoco"), ends[1][0].pop("mujoco"))
    assert ends[0] == ends[1]
    assert ends[0][1]


def test_an_opened_drawer_stays_as_far_open_as_it_was():
    env = BenchEnv("open_drawer", cameras=())
    env.reset(seed=0, options={"variation": 1})
    path = plan(env.task.waypoints(env.scene), HOME)
    env.execute(path[:-3])
    opened = env.scene.travel("drawer_joint_middle")
    assert opened > 0.05
    env.reset(options={"scene_state": env.scene.state()})
    assert env.scene.travel("drawer_joint_middle") == opened


def test_a_hand_that_holds_what_this_task_does_not_have_is_refused(cups):
    cups.reset(seed=2, options={"variation": 0})
    state = cups.scene.state() | {"robot": {"held": {"lid_knob": [0.0] * 11}}}
    with pytest.raises(UserError, match="'lid_knob' by 11 numbers; here it can hold cup1, cup2"):
        cups.reset(options={"scene_state": state})


def test_a_state_from_before_held_and_start_is_an_episodes_start(cups):
    cups.reset(seed=2, options={"variation": 0})
    state = cups.scene.state()
    old = {key: state[key] for key in ("variation", "mujoco", "geom_rgba")}
    cups.reset(options={"scene_state": old})
    assert cups.scene.state() == state


def test_a_mixed_dataset_has_both_kinds_and_replays_exactly(tmp_path):
    settings = CollectSettings(seed=5, image_size=16, recovery=0.5, lead=NoiseLeads())
    list(collect(tmp_path / "set", ["push_button"], 10, settings))
    starts = [read_episode(e.path, kinds=())[0] for e in iterate_episodes(tmp_path / "set")]
    home = [np.abs(np.asarray(seen.joint_positions) - HOME).max() < 1e-2 for seen in starts]
    assert 2 <= sum(home) <= 8
    results = list(replay(tmp_path / "set"))
    assert all(result.success and result.deviation == 0.0 for result in results)


def test_a_share_beyond_one_and_a_folder_of_another_share_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"--recovery is 1\.5"):
        CollectSettings(recovery=1.5)
    with pytest.raises(UserError, match="need a lead"):
        CollectSettings(recovery=0.5)
    with pytest.raises(UserError, match=r"unknown policy 'wind': choose from act, expert"):
        PolicyFactory("wind")
    list(collect(tmp_path, ["push_button"], 1, CollectSettings(image_size=16)))
    other = CollectSettings(image_size=16, recovery=0.5, lead=NoiseLeads())
    with pytest.raises(UserError, match=r"recovery = 0\.0, not 0\.5"):
        list(collect(tmp_path, ["push_button"], 1, other))


def test_a_collection_says_which_weights_led_it(tmp_path):
    (tmp_path / "act").mkdir()
    weights = tmp_path / "act/controller.safetensors"
    make = PolicyFactory("act", PolicySettings(tmp_path / "act"))
    found = []
    for content in (b"one", b"another", b"one"):
        weights.write_bytes(content)
        settings = CollectSettings(recovery=0.5, lead=PolicyLeads(make))
        found.append(settings.provenance())
    assert found[0] == found[2] != found[1]
    assert found[0]["lead"]["by"] == "act"
    assert str(tmp_path) not in json.dumps(found)


def test_where_no_recovery_start_can_be_solved_the_demonstration_starts_at_home(
    tmp_path, monkeypatch
):
    def breaks(env, seed, instruction):
        raise Unreachable("the tower lies on the floor")

    monkeypatch.setattr("genima_lite.demos.collect._lead", lambda task, make: breaks)
    settings = CollectSettings(image_size=16, recovery=1.0, lead=NoiseLeads())
    (result,) = collect(tmp_path / "set", ["push_button"], 1, settings)
    assert len(result.unsolved_seeds) == MAX_ATTEMPTS // 2
    (episode,) = iterate_episodes(tmp_path / "set")
    start = read_episode(episode.path, kinds=())[0]
    np.testing.assert_allclose(start.joint_positions, HOME, atol=1e-2)
