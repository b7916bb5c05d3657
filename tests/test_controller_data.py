"""The controller's data: labels that fit the pictures, masked tails, the same in evaluation."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
import torch

from genima_lite import panda
from genima_lite.cameras import mounted_camera
from genima_lite.controller.augment import AugmentConfig, corrupt, spheres_shown
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.data import ControllerData, collate
from genima_lite.controller.ensemble import TemporalEnsemble
from genima_lite.controller.normalise import (
    denormalise_actions,
    normalise_actions,
    normalise_state,
)
from genima_lite.controller.pictures import stack_views, to_input
from genima_lite.controller.sources import DemoSource, MotionSource, chunk
from genima_lite.controller.text import text_features
from genima_lite.datasets.motions import random_motion
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.errors import UserError
from genima_lite.targets.keypoints import draw_views, targets_of
from genima_lite.tiling import TILE_ORDER, tile, untile

CONFIG = ControllerConfig(image_size=32, channels=(8, 16), blocks=(1, 1))
CLEAN = AugmentConfig.none()


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "demos"
    list(collect(folder, ["push_button"], 1, CollectSettings(image_size=32)))
    return folder


def test_normalisation_round_trip():
    rng = np.random.default_rng(0)
    joints = rng.uniform(panda.LOWER, panda.UPPER, (6, 7))
    actions = rng.uniform(np.append(panda.LOWER, 0), np.append(panda.UPPER, 1), (6, 20, 8))
    numbers = normalise_actions(actions, joints)
    logits = np.log(actions[..., 7] / (1 - actions[..., 7]))
    back = denormalise_actions(numbers[..., :7], logits, joints)
    np.testing.assert_allclose(back, actions, atol=2e-6)
    assert numbers.dtype == np.float32


def test_states_span_minus_one_to_one():
    np.testing.assert_allclose(normalise_state(panda.UPPER, 1.0), np.ones(8), rtol=1e-6)
    np.testing.assert_allclose(normalise_state(panda.LOWER, 0.0)[:7], -np.ones(7), rtol=1e-6)


def test_the_gripper_is_squashed_and_joints_stay_within_limits():
    out = denormalise_actions(np.full((1, 7), 1e3), np.array([0.3]), panda.HOME)
    assert 0.5 < out[0, 7] < 0.6  # the bare logit, 0.3, would have closed it
    np.testing.assert_array_equal(out[0, :7], panda.UPPER)
    huge = denormalise_actions(np.zeros((2, 7)), np.array([-1e4, 1e4]), panda.HOME)
    np.testing.assert_allclose(huge[:, 7], [0, 1], atol=1e-12)


def test_the_tail_is_masked():
    actions = np.arange(80.0).reshape(10, 8)
    rows, valid = chunk(actions, 7, 5)
    assert valid.tolist() == [True, True, True, False, False]
    np.testing.assert_array_equal(rows, actions[[7, 8, 9, 9, 9]])
    assert chunk(actions, 0, 5)[1].all()


def test_ensembling_keeps_exact_zeros():
    ensemble = TemporalEnsemble(decay=0.0)
    ensemble.add(np.full((3, 8), 2.0))
    ensemble.next()
    ensemble.add(np.zeros((3, 8)))
    np.testing.assert_allclose(ensemble.next(), np.ones(8))  # dropping the zeros would say 2


def test_ensembling_weighs_the_oldest_most_and_forgets():
    ensemble = TemporalEnsemble(decay=np.log(2))
    ensemble.add(np.zeros((2, 8)))
    ensemble.next()
    ensemble.add(np.ones((2, 8)))
    np.testing.assert_allclose(ensemble.next(), np.full(8, 1 / 3))
    np.testing.assert_allclose(ensemble.next(), np.ones(8))
    with pytest.raises(ValueError, match="no prediction"):
        ensemble.next()


def test_tiles_reach_the_network_in_its_order():
    views = {name: np.full((32, 32, 3), i, np.uint8) for i, name in enumerate(TILE_ORDER)}
    stacked = stack_views(CONFIG, untile(tile(views)))
    assert [int(view[0, 0, 0]) for view in stacked] == [0, 1, 2, 3]
    reordered = stack_views(CONFIG, dict(reversed(views.items())))
    np.testing.assert_array_equal(reordered, stacked)


def test_wrong_views_are_refused():
    views = {name: np.zeros((32, 32, 3), np.uint8) for name in TILE_ORDER}
    with pytest.raises(UserError, match="view of front"):
        stack_views(CONFIG, {k: v for k, v in views.items() if k != "front"})
    with pytest.raises(UserError, match="take pictures of 32"):
        stack_views(CONFIG, views | {"wrist": np.zeros((64, 64, 3), np.uint8)})
    with pytest.raises(UserError, match="float64"):
        stack_views(CONFIG, views | {"wrist": np.zeros((32, 32, 3))})


def test_input_spans_minus_one_to_one():
    view = np.zeros((1, 2, 2, 3), np.uint8)
    view[0, 0, 1] = 255
    tensor = to_input(view)
    assert tensor.shape == (1, 3, 2, 2)
    assert tensor[0, :, 0, 1].tolist() == [1.0, 1.0, 1.0]
    assert tensor[0, :, 1, 0].tolist() == [-1.0, -1.0, -1.0]


def test_training_and_evaluation_see_the_same(demos):
    """A recorded frame goes through training's way and the policy's way."""
    from genima_lite.demos.layout import iterate_episodes
    from genima_lite.demos.read import read_episode

    config = replace(CONFIG, spheres=False, text_features=4)
    source = DemoSource(config, CLEAN, textures, demos)
    batch = collate(config, source.at(np.random.default_rng(0), [3]))
    episode = next(iter(iterate_episodes(demos)))
    frame = read_episode(episode.path, config.cameras)[3]
    views = {name: frame.image(name) for name in config.cameras}
    torch.testing.assert_close(batch.views[0], to_input(stack_views(config, views)), rtol=0, atol=0)
    state = normalise_state(frame.joint_positions, frame.gripper_open)
    np.testing.assert_array_equal(batch.state[0].numpy(), state)


def test_samples_of_demonstrations_hold_the_next_actions(demos):
    source = DemoSource(CONFIG, CLEAN, textures, demos)
    episode = source._episodes[0]
    path = episode.path
    samples = source.at(np.random.default_rng(0), [0, len(source) - 1])
    np.testing.assert_array_equal(samples.actions[0], path.actions[:20])
    np.testing.assert_array_equal(samples.joints[0], path.joints[0])
    assert samples.valid.all(), "at the end the arm waits"
    assert (samples.actions[1] == path.actions[-1]).all()


def test_at_a_stop_the_arm_waits(demos):
    source = DemoSource(CONFIG, CLEAN, textures, demos)
    path = source._episodes[0].path
    frame = next(t for t, target in enumerate(path.targets) if target == t + 7)
    samples = source.at(np.random.default_rng(0), [frame])
    np.testing.assert_array_equal(samples.actions[0, :7], path.actions[frame : frame + 7])
    assert (samples.actions[0, 7:] == path.actions[frame + 6]).all()


def test_by_the_papers_rule_nothing_waits(demos):
    source = DemoSource(replace(CONFIG, keyframes=False), CLEAN, textures, demos)
    path = source._episodes[0].path
    samples = source.at(np.random.default_rng(0), [5, len(path.actions) - 1])
    np.testing.assert_array_equal(samples.actions[0], path.actions[5:25])
    assert samples.valid[1].sum() == 1


def test_motions_end_where_their_actions_lead():
    motion = random_motion(np.random.default_rng(4))
    assert len(motion.joints) == len(motion.gripper_open) == len(motion.actions) + 1
    np.testing.assert_array_equal(motion.joints[1:], motion.actions[:, :7])
    np.testing.assert_array_equal(motion.gripper_open[1:], motion.actions[:, 7])
    assert (np.ptp(motion.actions[-20:], axis=0) == 0).all()
    assert (np.abs(np.diff(motion.joints, axis=0)) <= panda.VELOCITY_LIMIT * 0.05).all()


def test_spheres_are_drawn_at_their_labels():
    """Without augmentation the pixel at a visible centre differs from the background."""
    from genima_lite.cameras import mounted_camera

    tip = panda.forward_kinematics(panda.HOME)[1]
    cameras = [[mounted_camera(name, 64, tip) for name in TILE_ORDER]]
    plain = np.full((1, 4, 64, 64, 3), 200, np.uint8)
    drawn = draw_views(plain, cameras, TILE_ORDER, [targets_of(panda.HOME, 1.0)])
    assert drawn.visible.sum() >= 4
    for view, sphere in zip(*np.nonzero(drawn.visible[0]), strict=True):
        column, row = (drawn.keypoints[0, view, sphere] * 64).astype(int)
        assert (drawn.views[0, view, row, column] != 200).any()
    np.testing.assert_allclose(np.linalg.norm(drawn.axes, axis=-1), 1, atol=1e-5)


def test_moved_cameras_see_spheres_elsewhere_and_the_wrist_sees_them_where_they_were():
    config = replace(CONFIG, moved_cameras=1.0)
    seen = [
        MotionSource(each, CLEAN, textures, motions=1).sample(np.random.default_rng(0), 40)
        for each in (CONFIG, config)
    ]
    path = MotionSource(config, CLEAN, textures, motions=1)._motion(0)
    wrist, front = config.cameras.index("wrist"), config.cameras.index("front")
    base = seen[1].drawn.keypoints[:, front, 1]  # it stands still: only the camera moves
    assert np.ptp(seen[0].drawn.keypoints[:, front, 1], axis=0).max() < 1e-6
    assert np.ptp(base, axis=0).min() > 0.05
    for samples in seen:
        _, tips = panda.forward_kinematics(samples.joints)
        for tip, keypoints in zip(tips, samples.drawn.keypoints[:, wrist], strict=True):
            camera = mounted_camera("wrist", config.image_size, tip)
            ends = [targets_of(path.joints[t], 1.0).poses[:, :3, 3] for t in path.targets]
            pixels = [camera.project(end)[0] / config.image_size for end in ends]
            assert min(np.abs(each - keypoints).max() for each in pixels) < 1e-4


def test_hidden_spheres_are_neither_drawn_nor_labelled():
    from genima_lite.cameras import mounted_camera

    tip = panda.forward_kinematics(panda.HOME)[1]
    cameras = [[mounted_camera(name, 64, tip) for name in TILE_ORDER]]
    plain = np.full((1, 4, 64, 64, 3), 200, np.uint8)
    shown = np.zeros((1, 4, 4), bool)
    drawn = draw_views(plain, cameras, TILE_ORDER, [targets_of(panda.HOME, 1.0)], shown)
    np.testing.assert_array_equal(drawn.views, plain)
    assert not drawn.visible.any()


def test_shifted_pictures_take_their_labels_along():
    from genima_lite.targets.keypoints import DrawnViews

    views = np.zeros((6, 1, 16, 16, 3), np.uint8)
    views[:, :, 8, 5] = 255
    keypoints = np.full((6, 1, 4, 2), [5.5 / 16, 8.5 / 16], np.float32)
    seen = np.ones((6, 1, 4), bool)
    clean = DrawnViews(views, keypoints, seen, np.zeros((6, 1, 4, 3), np.float32), np.ones(6, bool))
    config = replace(CLEAN, shift=1.0, shift_pixels=2)
    moved = corrupt(config, np.random.default_rng(0), clean, np.zeros_like(views))
    assert (moved.keypoints != keypoints).any()
    for view, place in zip(moved.views[:, 0], moved.keypoints[:, 0, 0], strict=True):
        column, row = (place * 16).astype(int)
        assert view[row, column].tolist() == [255, 255, 255]


def test_no_augmentation_changes_nothing():
    from genima_lite.targets.keypoints import without_targets

    views = textures(np.random.default_rng(0), 4, 32).reshape(2, 2, 32, 32, 3)
    out = corrupt(CLEAN, np.random.default_rng(0), without_targets(views), np.zeros_like(views))
    np.testing.assert_array_equal(out.views, views)
    assert spheres_shown(CLEAN, np.random.default_rng(0), 3, 4).all()


def test_batches_depend_on_the_generator_alone():
    def data(seed):
        source = MotionSource(CONFIG, AugmentConfig(), textures, seed=seed, motions=3)
        return ControllerData(CONFIG, {"motions": source}, {"motions": 1.0})

    def batch(data, step):
        return data.batch(np.random.default_rng([0, step]), 4)

    first, again = data(0), data(0)
    batch(first, 0)
    one, two = batch(first, 7), batch(again, 7)
    torch.testing.assert_close(one.views, two.views, rtol=0, atol=0)
    torch.testing.assert_close(one.labels.actions, two.labels.actions, rtol=0, atol=0)
    assert not torch.equal(one.views, batch(first, 8).views)
    assert not torch.equal(one.views, batch(data(1), 7).views)


@pytest.fixture
def mixed(demos):
    sources = {
        "motions": MotionSource(CONFIG, CLEAN, textures, motions=2),
        "demonstrations": DemoSource(CONFIG, CLEAN, textures, demos),
    }
    return ControllerData(CONFIG, sources, {"motions": 1, "demonstrations": 3})


def test_sources_are_mixed_by_their_weights(mixed, demos):
    batch = mixed.batch(np.random.default_rng(0), 8)
    assert batch.views.shape == (8, 4, 3, 32, 32)
    assert batch.labels.valid.shape == (8, 20)
    recorded = DemoSource(CONFIG, CLEAN, textures, demos)
    every = collate(CONFIG, recorded.at(np.random.default_rng(0), range(len(recorded)))).state
    from_demos = [bool((every == row).all(1).any()) for row in batch.state]
    assert from_demos == [False] * 2 + [True] * 6
    assert [weight for _, weight in mixed.bare] == [1, 3]


def some_views(data):
    return data.batch(np.random.default_rng(5), 2).views.numpy()


def test_spawned_workers_make_the_same_batches(mixed):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(some_views, (mixed,)), some_views(mixed))


def test_instructions_have_features_of_their_own():
    red, blue = text_features("push the red button", 64), text_features("push the blue button", 64)
    assert red.shape == (64,)
    assert np.abs(red - blue).max() > 0.1
    np.testing.assert_array_equal(red, text_features("Push the RED button!", 64))
    np.testing.assert_array_equal(text_features("", 8), np.zeros(8))


def test_a_data_set_without_a_camera_or_size_is_refused(demos, tmp_path):
    import shutil

    copy = tmp_path / "demos"
    shutil.copytree(demos, copy)
    for folder in copy.rglob("wrist_rgb"):
        shutil.rmtree(folder)
    plain = replace(CONFIG, spheres=False)
    with pytest.raises(UserError, match="no camera wrist"):
        DemoSource(plain, CLEAN, textures, copy)
    with pytest.raises(UserError, match=r"episode0: .*take pictures of 64"):
        DemoSource(replace(plain, image_size=64), CLEAN, textures, demos)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no demonstrations"):
        DemoSource(CONFIG, CLEAN, textures, tmp_path / "empty")
    with pytest.raises(UserError, match="needs demonstrations"):
        MotionSource(plain, CLEAN, textures)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("opacity", 2.0),
        ("joint_noise", -1.0),
        ("joint_noise", 1e300),
        ("shift_pixels", 10**6),
        ("blur_pixels", (0.1, 1e6)),
    ],
)
def test_impossible_augmentations_are_refused(name, value):
    with pytest.raises(UserError, match=f"{name} is .*give 0 to"):
        AugmentConfig(**{name: value})
