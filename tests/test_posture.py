"""Postures from spheres, and cameras that stand elsewhere."""

import copy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.cameras import Camera, mounted_camera
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import load_controller, save_controller
from genima_lite.controller.follow import predict_actions
from genima_lite.controller.normalise import denormalise_actions, normalise_state
from genima_lite.controller.pictures import to_input
from genima_lite.controller.posture import fit_posture, lead_to
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.errors import UserError
from genima_lite.evaluation.rollout import run_episode
from genima_lite.observation import Observation
from genima_lite.planner import forward
from genima_lite.policies.act import ActPolicy
from genima_lite.policies.api import PolicySettings
from genima_lite.policies.oracle import OraclePolicy
from genima_lite.shipped import shipped
from genima_lite.targets.expert_targets import ExpertTargets
from genima_lite.targets.keypoints import draw_views, targets_of
from genima_lite.tiling import TILE_ORDER

SIZE = 64


@pytest.fixture(scope="module")
def model():
    return load_controller(shipped("genima/controller"))


@cache
def postures():
    """Where arms are, and where they will be 20 steps later, on the ways of experts."""
    pairs = []
    for task in ("open_drawer", "push_button", "take_lid_off_saucepan", "play_jenga"):
        env = make_env(EnvSpec(task, cameras=()))
        env.reset(seed=1)
        plan = np.vstack(list(env.expert_stretches()))[:, :7]
        pairs += [(plan[t], plan[min(t + 20, len(plan) - 1)]) for t in (0, 15, 30)]
    return pairs


def moved(camera, rng):
    """A camera turned by up to 0.05 rad and moved by up to 10 cm along each axis."""
    pose = camera.pose.copy()
    pose[:3, :3] = (
        Rotation.from_euler("xyz", rng.uniform(-0.05, 0.05, 3)).as_matrix() @ pose[:3, :3]
    )
    pose[:3, 3] += rng.uniform(-0.1, 0.1, 3)
    return Camera(camera.intrinsics, pose, camera.near, camera.far)


def seen_from(names, now, elsewhere):
    """The known cameras of an arm, and where they stand now."""
    rng = np.random.default_rng(0)
    known = [mounted_camera(name, SIZE, panda.forward_kinematics(now)[1]) for name in names]
    turn = [moved(c, rng) if n != "wrist" else c for n, c in zip(names, known, strict=True)]
    return known, turn if elsewhere else known


def observation_of(names, cameras, joints):
    misc = {}
    for name, camera in zip(names, cameras or (), strict=cameras is not None):
        extrinsics, intrinsics = camera.to_rlbench()
        values = {"extrinsics": extrinsics, "intrinsics": intrinsics}
        values |= {"near": camera.near, "far": camera.far}
        misc |= {f"{name}_camera_{key}": value for key, value in values.items()}
    return Observation(joint_positions=joints, gripper_open=1.0, misc=misc)


def drawn(names, cameras, posture, opening=1.0):
    below = textures(np.random.default_rng(1), len(names), SIZE)[None]
    return draw_views(below, [cameras], names, [targets_of(posture, opening)]).views[0]


def found_in(model, views, joints):
    state = torch.from_numpy(normalise_state(joints, 1.0))[None]
    with torch.no_grad():
        return model(to_input(views)[None], state).found


def off(one, other):
    """Metres between the tips of two postures."""
    tips = panda.forward_kinematics(np.stack([one, other]))[1][:, :3, 3]
    return np.linalg.norm(tips[0] - tips[1])


def end_of(model, views, now, cameras, **settings):
    """Where the actions lead."""
    names = model.config.cameras
    seen = observation_of(names, cameras, now)
    drawn_views = dict(zip(names, views, strict=True))
    return predict_actions(model, drawn_views, seen, **settings)


def test_a_posture_is_found_within_millimetres_through_moved_cameras(model):
    names, wrong = model.config.cameras, []
    for now, later in postures():
        _, cameras = seen_from(names, now, elsewhere=True)
        found = found_in(model, drawn(names, cameras, later), now)
        fitted = fit_posture(found, cameras, SIZE, [now, panda.HOME], 0.02)
        wrong.append(off(fitted, later))
    assert np.median(wrong) < 0.008
    assert max(wrong) < 0.015


def test_actions_lead_to_targets_that_moved_cameras_see(model):
    """Without the cameras' poses the tip would end centimetres away."""
    names, told, untold = model.config.cameras, [], []
    for now, later in postures():
        known, cameras = seen_from(names, now, elsewhere=True)
        views = drawn(names, cameras, later)
        told.append(off(end_of(model, views, now, cameras)[-1, :7], later))
        untold.append(off(end_of(model, views, now, known)[-1, :7], later))
    assert np.median(told) < 0.008
    assert np.median(untold) > 0.03


@pytest.mark.parametrize("opening", [0.0, 1.0])
def test_the_gripper_closes_where_moved_cameras_see_yellow(model, opening):
    names, (now, later) = model.config.cameras, postures()[3]
    _, cameras = seen_from(names, now, elsewhere=True)
    views = drawn(names, cameras, later, opening)
    assert round(end_of(model, views, now, cameras)[-1, 7]) == opening


def test_known_cameras_leave_the_decision_to_the_network(model):
    """Also where the observation does not say where they are."""
    names, (now, later) = model.config.cameras, postures()[0]
    known, _ = seen_from(names, now, elsewhere=False)
    views = drawn(names, known, later)
    alone = end_of(model, views, now, known)
    np.testing.assert_array_equal(end_of(model, views, now, None), alone)
    with torch.no_grad():
        state = torch.from_numpy(normalise_state(now, 1.0))[None]
        out = model(to_input(views)[None], state)
    ours = denormalise_actions(out.joints[0].numpy(), out.gripper[0].numpy(), now)
    np.testing.assert_array_equal(alone, ours)


def test_fitted_actions_lead_on_where_the_network_has_never_been(model):
    """To a grip from the side, such as RLBench has and the controller was not taught."""
    names, now = model.config.cameras, panda.HOME
    place = forward(np.array([0.3, 0.25, 0.95]), 1.0, 0.2)
    later = panda.inverse_kinematics(place, start=panda.HOME, posture=panda.HOME)
    known, _ = seen_from(names, now, elsewhere=False)
    views = drawn(names, known, later)
    alone, fitted = (end_of(model, views, now, known, fit=fit)[-1, :7] for fit in (False, True))
    assert off(alone, later) > 0.05
    assert off(fitted, later) < 0.6 * off(alone, later)


def test_one_wrong_view_is_outvoted(model):
    names, wrong = model.config.cameras, []
    for now, later in postures():
        _, cameras = seen_from(names, now, elsewhere=True)
        views = drawn(names, cameras, later)
        front = names.index("front")
        views[front] = drawn(names, cameras, later + 0.15)[front]
        fitted = fit_posture(found_in(model, views, now), cameras, SIZE, [now, panda.HOME], 0.02)
        wrong.append(off(fitted, later))
    assert np.median(wrong) < 0.02


def test_a_fit_ends_where_the_spheres_are_and_not_in_another_posture(model):
    """From here, and from home, the search ends 235 mm off: its cost is 30 times as high."""
    spec = EnvSpec("push_button", TILE_ORDER, SIZE, perturbations=("camera_pose",), strength=0.33)
    env = make_env(spec)
    env.reset(seed=14003)
    expert, seen = ExpertTargets(env), env.observation
    env.close()
    views = expert.draw(seen, 0, TILE_ORDER)
    later = expert.plan[expert.targets[0]][:7]
    assert off(predict_actions(model, views, seen)[-1, :7], later) < 0.01


def test_who_learned_with_moved_cameras_decides_alone(model):
    """What an observation says of its cameras makes no difference."""
    names, (now, later) = model.config.cameras, postures()[0]
    known, cameras = seen_from(names, now, elsewhere=True)
    blind = copy.copy(model)
    blind.config = replace(model.config, moved_cameras=1.0)
    views = drawn(names, cameras, later)
    chunks = [end_of(blind, views, now, told) for told in (cameras, known, None)]
    np.testing.assert_array_equal(chunks[0], chunks[1])
    np.testing.assert_array_equal(chunks[0], chunks[2])
    np.testing.assert_array_equal(chunks[0], end_of(model, views, now, None))


def test_a_chunk_is_led_to_another_end_and_keeps_its_pace():
    actions = np.zeros((4, 8))
    actions[:, 0] = [0.1, 0.4, 0.4, 0.4]  # it waits at its end
    actions[:, 7] = [1, 1, 0, 0]
    end = np.array([0.6, 0.2, 0, -1.0, 0, 1.0, 0])
    led = lead_to(actions, np.zeros(7), end)
    np.testing.assert_allclose(led[:, 0], [0.15, 0.6, 0.6, 0.6])
    np.testing.assert_allclose(led[-1, :7], end)
    np.testing.assert_array_equal(led[:, 7], actions[:, 7])


def test_a_chunk_that_stands_still_is_led_evenly():
    led = lead_to(np.zeros((4, 8)), np.zeros(7), np.array([0.4, 0, 0, -0.4, 0, 0.4, 0]))
    np.testing.assert_allclose(led[:, 0], [0.1, 0.2, 0.3, 0.4])


def test_a_controller_without_spheres_has_nothing_to_fit():
    settings = PolicySettings(fit=True)
    env = make_env(ActPolicy.env_spec("push_button", settings))
    with pytest.raises(UserError, match="nothing to fit"):
        ActPolicy(env, settings)


def test_a_controller_that_is_not_told_of_cameras_is_not_fitted(tmp_path, model):
    save_controller(tmp_path, replace(model.config, moved_cameras=1.0), model.state_dict(), {})
    settings = PolicySettings(fit=True, checkpoint=tmp_path)
    env = make_env(OraclePolicy.env_spec("push_button", settings))
    with pytest.raises(UserError, match="not told of cameras"):
        OraclePolicy(env, settings)


def test_the_oracle_presses_buttons_that_moved_cameras_see():
    spec = OraclePolicy.env_spec("push_button", PolicySettings())
    env = make_env(
        EnvSpec(spec.task, spec.cameras, spec.image_size, perturbations=("camera_pose",))
    )
    policy = OraclePolicy(env)
    results = [run_episode(env, policy, seed, seed % 3) for seed in (15, 17, 19)]
    env.close()
    assert sum(result.success for result in results) >= 2
