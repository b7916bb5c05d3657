"""The lesson without pictures: its samples are those with pictures, and it goes on when killed."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_controller import TINY_CONTROLLER as CONFIG

from genima_lite.controller import sources
from genima_lite.controller.act import ACT
from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import load_controller
from genima_lite.controller.data import TrainingData
from genima_lite.controller.keypoint_pretraining import (
    Detections,
    KeypointPretraining,
    corrupt,
    detections,
    keypoint_loss,
    teach,
)
from genima_lite.controller.sources import MotionSource
from genima_lite.controller.train import TrainConfig, train
from genima_lite.datasets.motions import random_motion
from genima_lite.errors import UserError

PRETRAINING = KeypointPretraining(samples=2000, steps=150, batch_size=64)

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


def test_pictures_and_lesson_share_what_is_planned(monkeypatch):
    planned = []

    def plan(rng):
        planned.append(rng)
        return random_motion(rng)

    monkeypatch.setattr(sources, "random_motion", plan)
    source = MotionSource(CONFIG, AugmentConfig.none(), textures, motions=3)
    for each in (source, source.bare()):
        each.sample(np.random.default_rng(0), 30)
    assert len(planned) == 3


def test_the_lesson_is_learned(truth):
    torch.manual_seed(0)
    model = ACT(CONFIG)
    before = keypoint_loss(model, truth).item()
    teach(model, truth, PRETRAINING)
    assert keypoint_loss(model, truth).item() < 0.6 * before
    assert not model.to_action.weight.any(), "the transformer adds nothing yet"


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


def test_training_begins_with_the_lesson_and_goes_on_exactly(tmp_path, bare):
    source = MotionSource(CONFIG, AugmentConfig(), textures, motions=6)
    data = TrainingData(CONFIG, [(source, 1.0)], 0, [(bare, 1.0)])
    keypoint_pretraining = replace(PRETRAINING, steps=5)
    settings = TrainConfig(
        steps=4, batch_size=4, save_every=2, keypoint_pretraining=keypoint_pretraining
    )

    def losses(folder):
        seen = []
        train(folder, data, settings, report=lambda step, parts: seen.append(parts["loss"]))
        return seen

    class Killed(Exception):
        pass

    def kill(step, parts):
        if step == 3:
            raise Killed

    whole = losses(tmp_path / "whole")
    with pytest.raises(Killed):
        train(tmp_path / "killed", data, settings, report=kill)
    assert losses(tmp_path / "killed") == whole[2:]
    one, other = (load_controller(tmp_path / name) for name in ("whole", "killed"))
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_run_may_begin_with_another_controllers_weights_and_is_not_taught_again(tmp_path, bare):
    source = MotionSource(CONFIG, AugmentConfig(), textures, motions=6)
    data = TrainingData(CONFIG, [(source, 1.0)], 0, [(bare, 1.0)])
    keypoint_pretraining = replace(PRETRAINING, steps=5)
    settings = TrainConfig(
        steps=1, batch_size=2, ema=0, learning_rate=1e-9, keypoint_pretraining=keypoint_pretraining
    )
    first = train(tmp_path / "first", data, replace(settings, seed=1))
    second = train(tmp_path / "second", data, settings, begin=tmp_path / "first")
    for name, value in first.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[name], value, atol=1e-6, rtol=0)
    other = TrainingData(replace(CONFIG, hidden=64), [(source, 1.0)])
    with pytest.raises(UserError, match="another preset"):
        train(tmp_path / "third", other, settings, begin=tmp_path / "first")


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"dropped": 1.0}, {"pixels": -1.0}])
def test_an_impossible_lesson(wrong):
    with pytest.raises(UserError):
        KeypointPretraining(**wrong)


def test_detections_keep_their_order(truth):
    assert list(vars(truth)) == [
        "keypoints", "visible", "axes", "opened", "state", "actions", "valid",
    ]  # fmt: skip
    assert isinstance(Detections(*truth.parts()), Detections)
