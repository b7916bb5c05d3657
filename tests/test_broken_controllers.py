"""Controllers that are damaged or wrong: refused with a sentence before anything is built."""

import json
import resource
import time
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from broken_tensors import BROKEN, change, first, poison
from safetensors.torch import load_file, save_file
from tiny_controller import TINY_CONTROLLER as TINY
from tiny_training import ControllerTraining, follow

from genima_lite.controller.checkpoint import METADATA, WEIGHTS, load_controller, save_controller
from genima_lite.controller.follow import predict_actions
from genima_lite.controller.run import ControllerRunConfig, FollowingMixture, preset_run
from genima_lite.controller.train import new_controller
from genima_lite.errors import UserError
from genima_lite.observation import Observation
from genima_lite.policies.api import Decision, PolicySettings
from genima_lite.training.tensors import save_tensors

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def folder(tmp_path):
    metadata = {"tasks": ["push_button"], "step": 1}
    save_controller(tmp_path, TINY, new_controller(TINY, 0).state_dict(), metadata)
    return tmp_path


def edit(folder, **changes):
    path = folder / METADATA
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def config(**changes):
    return lambda folder: edit(folder, config={**TINY.to_dict(), **changes})


def weights(alter):
    def damage(folder):
        tensors = load_file(folder / WEIGHTS)
        name = next(k for k, v in tensors.items() if v.ndim == 2 and v.shape[0] != v.shape[1])
        tensors[name] = alter(tensors[name])
        save_file({k: v for k, v in tensors.items() if v is not None}, folder / WEIGHTS)

    return damage


def text(content):
    return lambda folder: (folder / METADATA).write_bytes(content)


WRONG = {
    "a word for a bool": (config(keyframes="no"), "keyframes"),
    "a number for a bool": (config(keyframes=1), "keyframes"),
    "a word for a number": (config(hidden="32"), "hidden"),
    "a number with a point": (config(hidden=32.5), "hidden"),
    "a word for a list": (config(cameras="wrist"), "cameras"),
    "a number in a list": (config(cameras=[1]), "cameras"),
    "an unknown field": (config(colour=1), "colour"),
    "an unknown camera": (config(cameras=["left"]), "unknown camera"),
    "no configuration": (lambda folder: edit(folder, config=None), "config"),
    "an unknown name": (lambda folder: edit(folder, extra=1), "extra"),
    "tasks as a word": (lambda folder: edit(folder, tasks="push_button"), "tasks"),
    "no fingerprint": (lambda folder: edit(folder, fingerprint=None), "fingerprint"),
    "a result of words": (lambda folder: edit(folder, result={"done": "yes"}), "result"),
    "larger views": (config(image_size=96), "do not belong together"),
    "another horizon": (config(horizon=40), "another network"),
    "no keyframes": (config(keyframes=False), "do not belong together"),
    "another order of cameras": (
        config(cameras=list(reversed(TINY.cameras))),
        "do not belong together",
    ),
    "a million layers": (config(encoder_layers=10**6), "encoder_layers"),
    "more layers": (config(decoder_layers=90), "is missing"),
    "wide channels": (config(channels=[10**7, 16]), "8192 channels"),
    "wider channels": (config(channels=[4096, 16]), "another network"),
    "a huge number": (config(hidden=10**400), METADATA),
    "wide perceptrons": (config(feedforward=10**9), "feedforward"),
    "NaN": (text(b'{"config": NaN}'), "NaN is no JSON"),
    "no JSON": (text(b"\xff\xfe"), "not readable as JSON"),
    "nested deeply": (text(b"[" * 100_000), "nested too deep"),
    "a list": (text(b"[]"), METADATA),
    "nothing": (text(b""), METADATA),
    "a folder": (
        lambda f: ((f / METADATA).unlink(), (f / METADATA).mkdir()),
        "a folder, not a file",
    ),
    "integer weights": (weights(lambda w: w.int()), "is of I32"),
    "a transposed weight": (weights(lambda w: w.transpose(0, 1).contiguous()), "another network"),
    "a missing weight": (weights(lambda _: None), "is missing"),
    "other weights": (
        lambda f: save_tensors(f / WEIGHTS, new_controller(TINY, 1).state_dict()),
        "do not belong together",
    ),
    "complex weights": (
        lambda f: change(f / WEIGHTS, lambda h: first(h).update(dtype="C64")),
        "C64",
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_controller_is_refused_by_name(how, folder):
    damage, match = WRONG[how]
    damage(folder)
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=match) as refused:
        load_controller(folder)
    assert "\n" not in str(refused.value)
    assert time.monotonic() - begun < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KB


@pytest.mark.parametrize("how", BROKEN)
def test_broken_weights_are_refused(how, folder):
    BROKEN[how](folder / WEIGHTS)
    with pytest.raises(UserError, match=WEIGHTS):
        load_controller(folder)


def test_weights_that_are_not_finite_are_refused(folder):
    poison(folder / WEIGHTS)
    with pytest.raises(UserError, match="do not belong together|not finite"):
        load_controller(folder)
    state = new_controller(TINY, 0).state_dict()
    next(iter(state.values())).fill_(float("nan"))
    save_controller(folder, TINY, state, {})
    with pytest.raises(UserError, match="not finite"):
        load_controller(folder)


def test_a_sound_controller_is_loaded(folder):
    for name, value in load_controller(folder).state_dict().items():
        assert torch.equal(value, new_controller(TINY, 0).state_dict()[name])


def observation(**changes):
    values = {"joint_positions": np.zeros(7), "gripper_open": 1.0}
    return Observation(**{**values, **changes})


VIEWS = {camera: np.zeros((32, 32, 3), np.uint8) for camera in TINY.cameras}


@pytest.mark.parametrize(
    "wrong",
    [
        {"joint_positions": np.full(7, np.nan)},
        {"joint_positions": np.zeros(6)},
        {"joint_positions": np.array(["0"] * 7)},
        {"gripper_open": float("nan")},
        {"gripper_open": 7.0},
    ],
)
def test_an_unknown_state_of_the_arm_is_refused(wrong):
    model = new_controller(TINY, 0).eval()
    assert predict_actions(model, VIEWS, observation()).shape == (TINY.horizon, 8)
    with pytest.raises(UserError, match=next(iter(wrong))):
        predict_actions(model, VIEWS, observation(**wrong))


@pytest.mark.parametrize(
    "view",
    [
        np.zeros((32, 32, 3)),
        np.zeros((32, 32, 3), np.uint16),
        np.zeros((32, 32, 4), np.uint8),
        np.zeros((32, 32), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        [[0]],
        None,
    ],
)
def test_a_view_that_is_none_is_refused_by_name(view):
    model = new_controller(TINY, 0).eval()
    with pytest.raises(UserError, match="view.* of wrist"):
        predict_actions(model, {**VIEWS, "wrist": view}, observation())


@pytest.mark.parametrize(
    "actions",
    [np.full((2, 8), np.nan), np.full((1, 8), np.inf), np.zeros((0, 8)), np.zeros((2, 7)), [1.0]],
)
def test_a_decision_has_finite_actions(actions):
    with pytest.raises(ValueError, match="decision"):
        Decision(actions)


@pytest.mark.parametrize("steps", [2, 5, 20])
def test_the_ensemble_executes_one_action(steps):
    with pytest.raises(UserError, match=f"ensemble decides .* execute {steps}"):
        PolicySettings(n_action_steps=steps, ensemble=True)
    PolicySettings(n_action_steps=1, ensemble=True)


DECISIONS = {
    "perturbed_states": 5,
    "mixture": FollowingMixture(motions=0, demonstrations=0.5, perturbed_states=0.5),
}


@pytest.mark.parametrize("name", ["lite-rgb", "wide-rgb", "resnet18-rgb"])
@pytest.mark.parametrize("more", [{}, {"drawings": 5}, DECISIONS])
def test_a_controller_without_spheres_looks_at_no_drawings(name, more):
    run = replace(preset_run(name, "demos"), tasks=("push_button",))
    with pytest.raises(UserError, match="draw"):
        replace(run, drawn_by="X", **more)


@pytest.mark.parametrize("field", ["encoder_layers", "hidden", "image_size", "latent"])
def test_sizes_beyond_reason_are_refused(field):
    with pytest.raises(UserError, match=field):
        replace(ControllerRunConfig().network, **{field: 10**7})


@pytest.mark.parametrize("change", [{"image_size": 64}, {"keyframes": False}, {"horizon": 10}])
def test_a_run_begins_with_a_controller_that_sees_and_does_the_same(change, folder, tmp_path):
    config = ControllerTraining(replace(TINY, **change), begin=str(folder))
    with pytest.raises(UserError, match=f"a controller with {next(iter(change))}"):
        follow(tmp_path / "run", config)
