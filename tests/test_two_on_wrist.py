"""Two cameras on the wrist, as the paper's robot: recorded, converted, drawn, evaluated."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("ruckig")

from genima_lite import panda
from genima_lite.cameras import Camera, mounted_camera, mounts_of
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.record import RecordConfig, Recorder
from genima_lite.demos.replay import replay
from genima_lite.envs import contract
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.env import ArmEnv
from genima_lite.envs.arm.settings import PERFECT, ArmSettings
from genima_lite.errors import UserError
from genima_lite.targets.find import find_spheres, plausible_radii
from genima_lite.targets.keypoints import draw_views, targets_of
from genima_lite.targets.views import draw_targets
from genima_lite.tiling import TILE_ORDER

RIG, SECOND, SIZE = "two-on-wrist", "right_shoulder", 96
ARM = ArmSettings(think=0.0, rig=RIG, twin=PERFECT)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    root = tmp_path_factory.mktemp("recorded")
    config = RecordConfig(("push_button",), 1, image_size=SIZE, cameras=TILE_ORDER, arm=ARM)
    list(Recorder(root, config).run())
    return root


@pytest.fixture(scope="module")
def demo(recorded):
    (found,) = iterate_episodes(recorded)
    return read_episode(found.path)


def test_both_move_with_the_hand_and_look_from_two_sides(demo):
    for seen in demo:
        _, tip = panda.forward_kinematics(seen.joint_positions)
        for name in TILE_ORDER:
            found, wanted = (
                Camera.from_observation(seen, name),
                mounted_camera(name, SIZE, tip, RIG),
            )
            np.testing.assert_allclose(found.pose, wanted.pose, atol=1e-6)
            assert found.on_wrist == wanted.on_wrist == (name in ("wrist", SECOND))
    one, two = (mounts_of(RIG)[name].pose for name in ("wrist", SECOND))
    np.testing.assert_allclose(one[:2, 3], -two[:2, 3])
    assert np.abs(demo[0].wrist_rgb.astype(int) - demo[0].right_shoulder_rgb).mean() > 3


def test_spheres_are_drawn_and_found_in_both_alike(demo):
    """The gripper's sphere, drawn where the tip is now, has one size in both views."""
    seen = demo[len(demo) // 2]
    cameras = [Camera.from_observation(seen, name) for name in ("wrist", SECOND)]
    below = np.full((1, 2, SIZE, SIZE, 3), 128, np.uint8)
    target = targets_of(seen.joint_positions, seen.gripper_open)
    drawn = draw_views(below, [cameras], ("wrist", SECOND), [target])
    radii = []
    for name, camera, view in zip(("wrist", SECOND), cameras, drawn.views[0], strict=True):
        limits = plausible_radii(name, camera.intrinsics, camera.on_wrist)
        sphere = find_spheres(view, camera.intrinsics, limits)["gripper"]
        pixel, _ = camera.project(target.positions[:1])
        np.testing.assert_allclose(sphere.pixel, pixel[0], atol=1)
        radii.append(sphere.radius)
    assert radii[0] == pytest.approx(radii[1], abs=0.5)
    labels = draw_targets(demo, 0, keyframes=False).labels
    assert labels["wrist"].visible[0] == labels[SECOND].visible[0]


def test_what_was_recorded_is_replayed_and_converted(recorded, demo, tmp_path):
    (found,) = replay(recorded, "arm", ARM)
    assert found.success
    pytest.importorskip("pyarrow")
    from genima_lite.demos.lerobot.export import to_lerobot
    from genima_lite.demos.lerobot.take import to_rlbench

    list(to_lerobot(recorded, tmp_path / "lerobot", "png"))
    list(to_rlbench(tmp_path / "lerobot", tmp_path / "back"))
    (found,) = iterate_episodes(tmp_path / "back")
    back = read_episode(found.path)
    for before, after in zip(demo, back, strict=True):
        np.testing.assert_array_equal(before.right_shoulder_rgb, after.right_shoulder_rgb)
        assert Camera.from_observation(after, SECOND).on_wrist
        one, two = (Camera.from_observation(each, SECOND).pose for each in (before, after))
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_the_contract_holds_and_every_scene_has_both():
    env = ArmEnv(EnvSpec("push_button", TILE_ORDER, SIZE, backend="arm", arm=ARM))
    contract.cameras_see_the_tip(env)
    contract.shows_the_chosen_pictures(env)
    for seed in (1, 2):
        env.reset(seed=seed)
        assert Camera.from_observation(env.observation, SECOND).on_wrist
    env.close()


def test_a_controller_for_this_rig_knows_its_cameras():
    pytest.importorskip("torch")
    from genima_lite.controller.config import ControllerConfig
    from genima_lite.controller.pictures import known_cameras

    config = replace(ControllerConfig(), rig=RIG)
    known = dict(zip(config.cameras, known_cameras(config, np.eye(4)), strict=True))
    assert [name for name, each in known.items() if each.on_wrist] == ["wrist", SECOND]
    with pytest.raises(UserError, match="rig is 'three'"):
        ControllerConfig(rig="three")
    with pytest.raises(UserError, match="rig is 'three': choose from rlbench, two-on-wrist"):
        ArmSettings(rig="three")
