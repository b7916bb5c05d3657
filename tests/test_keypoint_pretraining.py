"""Keypoint pretraining: its samples are those with pictures; what it learns stays."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_controller import TINY_CONTROLLER as CONFIG
from tiny_training import TRAINING, ControllerTraining, Motions, follow

from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import load_controller
from genima_lite.controller.keypoint_pretraining import (
    Detections,
    KeypointData,
    KeypointPretraining,
    Shortcut,
    corrupt,
    detections,
    keypoint_loss,
)
from genima_lite.controller.sources import MotionSource
from genima_lite.controller.train import FollowingData, new_controller
from genima_lite.datasets.motions import KINDS, random_motion
from genima_lite.errors import UserError
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer

PRETRAINING = KeypointPretraining(
    samples=2000, training=TrainingConfig(steps=150, batch_size=64, warmup=0, ema=0.0)
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def bare():
    return MotionSource(CONFIG, AugmentConfig.none(), textures, motions=6).bare()


@pytest.fixture(scope="module")
def truth(bare):
    return detections([(bare, 1.0)], PRETRAINING)


def test_samples_without_pictures_have_the_labels_of_those_with(bare):
    drawn = MotionSource(CONFIG, AugmentConfig.none(), textures, motions=6)
    one, other = (s.sample(np.random.default_rng(3), 20) for s in (bare, drawn))
    assert one.drawn.views.size == 0
    np.testing.assert_array_equal(one.actions, other.actions)
    np.testing.assert_allclose(one.drawn.keypoints, other.drawn.keypoints, atol=1e-6)
    np.testing.assert_allclose(one.drawn.axes, other.drawn.axes, atol=1e-6)
    hidden = one.drawn.visible & ~other.drawn.visible
    assert not (other.drawn.visible & ~one.drawn.visible).any()
    assert hidden.mean() < 0.2, "only spheres behind spheres differ"


def test_pictures_and_keypoints_share_what_is_planned(monkeypatch):
    planned = []

    def plan(rng):
        planned.append(rng)
        return random_motion(rng)

    monkeypatch.setitem(KINDS, "bench", plan)
    source = MotionSource(CONFIG, AugmentConfig.none(), textures, motions=3)
    for each in (source, source.bare()):
        each.sample(np.random.default_rng(0), 30)
    assert len(planned) == 3


def test_keypoints_are_learned(truth, tmp_path):
    model, data = new_controller(CONFIG, 0), KeypointData(truth, PRETRAINING)
    before = keypoint_loss(model.geometry, truth, 0.1).item()
    list(Trainer(Shortcut(model), data, PRETRAINING.training, tmp_path, {}).run())
    assert keypoint_loss(model.geometry, truth, 0.1).item() < 0.6 * before
    assert not model.to_action.weight.any(), "the transformer adds nothing yet"


def test_keypoints_come_beside_pictures_in_proportion(truth):
    data = FollowingData(Motions(CONFIG), KeypointData(truth, PRETRAINING), ratio=8.0)
    batch = data.batch(np.random.default_rng(0), 4)
    assert len(batch.pictures.state) == 4
    assert len(batch.keypoints.state) == 32
    again = data.batch(np.random.default_rng(0), 4)
    assert torch.equal(batch.keypoints.keypoints, again.keypoints.keypoints)


def test_noise_is_as_large_as_said(truth):
    config = replace(PRETRAINING, spread=0.0, pixels=0.5, dropped=0.1)
    noisy = corrupt(truth, config, torch.Generator().manual_seed(0))
    off = (noisy.keypoints - truth.keypoints) * 64
    assert off.std().item() == pytest.approx(0.5, rel=0.05)
    torch.testing.assert_close(noisy.axes.norm(dim=-1), torch.ones_like(truth.visible))
    kept = noisy.visible.sum() / truth.visible.sum()
    assert kept.item() == pytest.approx(0.9**2, abs=0.02)
    exact = corrupt(truth, replace(PRETRAINING, pixels=0, axis=0, dropped=0), torch.Generator())
    torch.testing.assert_close(exact.keypoints, truth.keypoints)


def test_a_run_may_begin_with_another_controllers_weights_and_is_not_taught_again(tmp_path):
    slow = replace(TRAINING, steps=1, ema=0.0, learning_rate=1e-9)
    follow(tmp_path / "first", ControllerTraining(training=slow))
    config = ControllerTraining(training=slow, begin=str(tmp_path / "first"))
    seen = follow(tmp_path / "second", config)[1]
    assert seen["keypoint pretraining"] == []
    one, other = (load_controller(tmp_path / name).state_dict() for name in ("first", "second"))
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-6, rtol=0)
    other = replace(config, network=replace(CONFIG, hidden=64))
    with pytest.raises(UserError, match="another preset"):
        follow(tmp_path / "third", other)


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"dropped": 1.0}, {"pixels": -1.0}])
def test_impossible_keypoint_pretraining(wrong):
    with pytest.raises(UserError):
        KeypointPretraining(**wrong)


def test_detections_keep_their_order(truth):
    assert list(vars(truth)) == [
        "keypoints", "visible", "axes", "opened", "state", "actions", "valid",
    ]  # fmt: skip
    assert isinstance(Detections(*truth.parts()), Detections)
