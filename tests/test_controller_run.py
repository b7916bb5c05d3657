"""Whole runs of a controller: made from what they say, and from nothing else."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tiny_controller import TINY_CONTROLLER

from genima_lite.controller.checkpoint import load_controller
from genima_lite.controller.config import preset
from genima_lite.controller.keypoint_pretraining import KeypointPretraining
from genima_lite.controller.run import (
    ControllerRunConfig,
    FollowingMixture,
    train_controller,
    validation_batch,
)
from genima_lite.datasets.shards import Shards
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.diffusion.adapters import prepare
from genima_lite.diffusion.base import build_base
from genima_lite.diffusion.base import preset as base_preset
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.train import save_model
from genima_lite.errors import UserError
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.training.config import TrainingConfig

RGB = replace(TINY_CONTROLLER, spheres=False, text_features=8)
TRAINING = TrainingConfig(steps=4, batch_size=4, warmup=1, save_every=1)
PRETRAINING = KeypointPretraining(200, TrainingConfig(3, 8, warmup=0, ema=0.0, save_every=1))

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "demos"
    list(collect(root, ["push_button"], 2, CollectSettings(image_size=32)))
    return root


@pytest.fixture(scope="module")
def painters(tmp_path_factory):
    """Two diffusion models that have learned nothing."""
    root = tmp_path_factory.mktemp("painters")
    for seed in (0, 1):
        sizes = replace(base_preset("tiny", 64), seed=seed)
        components = Components.of(build_base(sizes))
        prepare(components, "frozen")
        save_model(components, root / str(seed))
    return root


@pytest.fixture(scope="module")
def held_out(demos, tmp_path_factory):
    return shutil.copytree(demos, tmp_path_factory.mktemp("data") / "held_out")


@pytest.fixture
def config(demos, held_out, painters):
    """A controller with spheres that learns from everything but DAgger."""
    return ControllerRunConfig(
        network=TINY_CONTROLLER,
        tasks=("push_button",),
        demos=(str(demos),),
        other_demos=(str(demos),),
        held_out=str(held_out),
        motions=3,
        drawings=3,
        perturbed_states=2,
        drawn_by=str(painters / "0"),
        mixture=FollowingMixture(1, 1, 1, 1, 1),
        keypoint_pretraining=PRETRAINING,
        training=TRAINING,
    )


def test_a_run_that_was_killed_anywhere_goes_on_to_the_same_weights(config, tmp_path):
    def kill_at(*when):
        def kill(stage, done, total, loss):
            if (stage, done) == when:
                raise KeyboardInterrupt

        return kill

    said = []
    whole = train_controller(tmp_path / "whole", config, report=lambda *what: said.append(what[:3]))
    assert whole.done
    stages = list(dict.fromkeys(stage for stage, _, _ in said))
    assert stages[:2] == ["drawings", "perturbed_states"]
    assert said[-1] == ("training", 4, 4)
    for when in (("drawings", 1), ("keypoint pretraining", 2), ("training", 3)):
        with pytest.raises(KeyboardInterrupt):
            train_controller(tmp_path / "killed", config, report=kill_at(*when))
    train_controller(tmp_path / "killed", config)
    name = "controller.safetensors"
    one, two = (tmp_path / run / name for run in ("whole", "killed"))
    assert one.read_bytes() == two.read_bytes()
    assert load_controller(tmp_path / "whole").config == TINY_CONTROLLER
    again = []
    train_controller(tmp_path / "whole", config, report=lambda *what: again.append(what[0]))
    assert "training" not in again


def test_other_models_other_demonstrations_and_settings_are_refused_by_name(
    config, demos, painters, tmp_path
):
    out = tmp_path / "out"
    train_controller(out, config)
    for change, named in (
        ({"drawn_by": str(painters / "1")}, "drawn_by = "),
        ({"motions": 4}, "motions = 3, not 4"),
        ({"mixture": FollowingMixture(1, 1, 1, 2, 1)}, r"mixture.drawings = 1, not 2"),
        ({"network": replace(TINY_CONTROLLER, hidden=64)}, r"network.hidden = 32, not 64"),
        ({"begin": str(out)}, "begin = null, not "),
    ):
        with pytest.raises(UserError, match=f"was made from {named}"):
            train_controller(out, replace(config, **change))
    copy = shutil.copytree(demos, tmp_path / "demos")
    same = {"demos": (str(copy),), "drawn_by": str(painters / "1/../0")}
    train_controller(out, replace(config, **same))  # the same content in other places
    (picture, *_) = sorted(copy.rglob("*.png"))
    picture.write_bytes(picture.read_bytes() + b" ")
    with pytest.raises(UserError, match="was made from demos = "):
        train_controller(out, replace(config, **same))


def test_a_baseline_learns_from_its_own_rollouts_and_from_those_kept_before(demos, tmp_path):
    config = ControllerRunConfig(
        network=RGB,
        tasks=("push_button",),
        demos=(str(demos),),
        mixture=FollowingMixture(motions=0, demonstrations=1),
        keypoint_pretraining=None,
        training=TRAINING,
    )
    first = tmp_path / "first"
    train_controller(first, config)
    more = replace(
        config,
        dagger=3,
        dagger_by=str(first),
        begin=str(first),
        mixture=FollowingMixture(motions=0, demonstrations=1, dagger=1),
    )
    pilot = PolicyFactory("act", PolicySettings(first))
    with pytest.raises(UserError, match="needs a pilot"):
        train_controller(tmp_path / "second", more)
    assert train_controller(tmp_path / "second", more, pilot=pilot).done
    kept = tmp_path / "second" / "data" / "dagger"
    assert len(Shards(kept)) >= 3
    third = replace(
        more,
        kept=(str(kept),),
        mixture=FollowingMixture(motions=0, demonstrations=1, dagger=1, kept=1),
    )
    assert train_controller(tmp_path / "third", third, pilot=pilot).done


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"drawn_by": None}, "give drawn_by"),
        ({"motions": -1}, "motions is -1"),
        ({"motions": 0}, "motions has weight 1.0, but there is no such source"),
        ({"perturbed_states": 0}, "perturbed_states has weight 1.0, but there is no"),
        ({"dagger": 2}, "dagger is there, but its weight is 0"),
        ({"dagger_by": "x"}, "dagger and dagger_by belong together"),
        ({"tasks": ()}, "need tasks"),
        ({"kept": ("x",)}, "kept is there, but its weight is 0"),
        ({"network": RGB, "drawings": 0}, "motions has weight 1.0"),
    ],
)
def test_impossible_runs_are_refused(config, change, named):
    with pytest.raises(UserError, match=named):
        replace(config, **change)


def test_a_painter_for_a_controller_that_looks_at_no_drawings_is_refused(demos):
    with pytest.raises(UserError, match="drawn_by: nothing to draw"):
        ControllerRunConfig(drawn_by="x")
    with pytest.raises(UserError, match="without spheres has no keypoint_pretraining"):
        ControllerRunConfig(
            network=RGB, demos=(str(demos),), mixture=FollowingMixture(0, demonstrations=1)
        )


def test_what_is_validated_on():
    assert validation_batch(TINY_CONTROLLER, None, 3).views.shape[0] == 3
    assert validation_batch(RGB, None) is None
    one, two = (validation_batch(TINY_CONTROLLER, None, 3).views.numpy() for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_presets():
    assert preset("lite", 96) == replace(preset("lite"), image_size=96)
    with pytest.raises(UserError, match="unknown preset"):
        preset("huge")
    with pytest.raises(UserError, match=r"image_size is 70.*multiple of 16"):
        preset("lite", 70)
