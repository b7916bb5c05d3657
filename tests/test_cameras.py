"""Cameras against rendered pictures and against RLBench's own projection rule."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from genima_lite.cameras import (
    Camera,
    depth_fraction,
    depth_in_metres,
    mounted_camera,
    moved,
)
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, Observation


@pytest.fixture(scope="module")
def env():
    env = BenchEnv("push_button", image_size=128, depth=True, mask=True)
    env.reset(seed=57)  # all five cameras see the whole button
    yield env
    env.close()


@pytest.mark.parametrize("name", CAMERAS)
def test_the_button_is_seen_where_the_matrices_say(env, name):
    obs = env.observation
    handle = next(k for k, v in env.scene.handles().items() if v == "button")
    mask = obs.image(name, "mask")
    plunger = next(k for k, v in env.scene.handles().items() if v == "plunger")
    seen = np.isin(mask, [handle, plunger])
    assert seen.sum() > 20
    rows, columns = np.nonzero(seen)
    camera = Camera.from_observation(obs, name)
    pixel, depth = camera.project(env.scene.pose("button")[:3, 3] + [0, 0, 0.02])
    np.testing.assert_allclose(pixel, [columns.mean() + 0.5, rows.mean() + 0.5], atol=2.5)
    stored = obs.image(name, "depth")[rows, columns]
    metres = depth_in_metres(np.median(stored), camera.near, camera.far)
    assert metres == pytest.approx(depth, abs=0.04)


@pytest.mark.parametrize("name", ["front", "left_shoulder", "right_shoulder", "overhead"])
def test_depth_of_the_table_unprojects_to_its_height(env, name):
    obs = env.observation
    camera = Camera.from_observation(obs, name)
    table = next(k for k, v in env.scene.handles().items() if v == "table")
    cloud = camera.point_cloud(depth_in_metres(obs.image(name, "depth"), camera.near, camera.far))
    heights = cloud[obs.image(name, "mask") == table][:, 2]
    assert np.median(heights) == pytest.approx(0.75, abs=1e-3)
    assert np.mean(np.abs(heights - 0.75) < 0.003) > 0.95


def test_projection_equals_rlbench_formula(env):
    misc = env.observation.misc
    points = np.random.default_rng(0).uniform([0, -0.3, 0.8], [0.5, 0.3, 1.2], (60, 3))
    for name in CAMERAS:
        extrinsics = misc[f"{name}_camera_extrinsics"]
        local = (np.c_[points, np.ones(60)] @ np.linalg.inv(extrinsics).T)[:, :3]
        homogeneous = local @ misc[f"{name}_camera_intrinsics"].T
        pixels, depth = Camera.from_observation(env.observation, name).project(points)
        np.testing.assert_allclose(pixels, homogeneous[:, :2] / local[:, 2:], atol=1e-9)
        np.testing.assert_allclose(depth, local[:, 2], atol=1e-12)
        assert (misc[f"{name}_camera_intrinsics"][[0, 1], [0, 1]] < 0).all()


def test_conventions_round_trip(env):
    camera = Camera.from_observation(env.observation, "front")
    again = Camera.from_rlbench(*camera.to_rlbench(), camera.near, camera.far)
    np.testing.assert_allclose(again.pose, camera.pose)
    np.testing.assert_allclose(again.intrinsics, camera.intrinsics)
    opengl = Camera.from_opengl(camera.to_opengl(), camera.intrinsics, 0.1, 1.0)
    np.testing.assert_allclose(opengl.pose, camera.pose)
    points = np.random.default_rng(1).uniform(-0.2, 0.2, (10, 3)) + [0.2, 0, 1]
    pixels, depth = camera.project(points)
    np.testing.assert_allclose(camera.unproject(pixels, depth), points, atol=1e-9)


def test_world_directions_in_the_front_picture(env):
    camera = Camera.from_observation(env.observation, "front")
    (origin, left, up), _ = camera.project(np.array([[0.2, 0, 1], [0.2, -0.1, 1], [0.2, 0, 1.1]]))
    assert left[0] < origin[0]  # the front camera looks back at the robot: -y is on its left
    assert up[1] < origin[1]


def test_depth_codes_round_trip_and_clip():
    metres = np.array([0.0, 0.01, 1.0, 4.5, 9.0])
    back = depth_in_metres(depth_fraction(metres, 0.01, 4.5), 0.01, 4.5)
    np.testing.assert_allclose(back, [0.01, 0.01, 1.0, 4.5, 4.5], atol=1e-6)


def test_missing_camera_or_picture_names_those_present(env):
    with pytest.raises(UserError, match=r"'side'.*lacks 'side_camera_extrinsics'.*front"):
        Camera.from_observation(env.observation, "side")
    with pytest.raises(KeyError, match=r"front_rgb.*present: none"):
        Observation().image("front")


def test_a_moved_camera_is_turned_on_the_spot_and_shifted_within_its_ranges():
    camera = mounted_camera("front", 64, np.eye(4))
    for strength in (0.0, 0.5, 1.0):
        poses = [moved(camera, strength, np.random.default_rng(i)).pose for i in range(200)]
        shifts = np.abs([pose[:3, 3] - camera.pose[:3, 3] for pose in poses])
        turns = [Rotation.from_matrix(p[:3, :3] @ camera.pose[:3, :3].T) for p in poses]
        angles = np.abs([turn.as_euler("xyz") for turn in turns])
        np.testing.assert_allclose(shifts.max(0), 0.1 * strength, rtol=0.05)
        np.testing.assert_allclose(angles.max(0), 0.05 * strength, rtol=0.05, atol=1e-12)
