"""Training: learns, goes on exactly where it was killed, stores what it computed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_controller import TINY_CONTROLLER

from genima_lite.controller import train as training
from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import METADATA, TRAINING, WEIGHTS, load_controller
from genima_lite.controller.data import TrainingData
from genima_lite.controller.recipe import preset, training_data, validation_batch
from genima_lite.controller.sources import MotionSource
from genima_lite.controller.train import TrainConfig, start, train, training_step, validate
from genima_lite.envs.api import make_env
from genima_lite.errors import UserError
from genima_lite.policies.api import PolicySettings, env_spec, make_policy

CONFIG = replace(TINY_CONTROLLER, latent=4, dropout=0.1)
SETTINGS = TrainConfig(steps=6, batch_size=4, warmup=1, save_every=3, seed=5)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def data():
    source = MotionSource(CONFIG, AugmentConfig(), textures, motions=4)
    return TrainingData(CONFIG, [(source, 1.0)])


def losses_of(folder, data, settings=SETTINGS, **more):
    seen = []
    train(folder, data, settings, report=lambda step, parts: seen.append(parts["loss"]), **more)
    return seen


def test_a_killed_run_goes_on_with_equal_losses_and_weights(tmp_path, data):
    whole = losses_of(tmp_path / "whole", data)

    class Killed(Exception):
        pass

    def kill(step, parts):
        if step == 5:  # two steps after the last checkpoint
            raise Killed

    with pytest.raises(Killed):
        train(tmp_path / "killed", data, SETTINGS, report=kill)
    assert losses_of(tmp_path / "killed", data) == whole[3:]
    for name in (WEIGHTS, TRAINING):
        one, two = (tmp_path / run / name for run in ("whole", "killed"))
        assert one.read_bytes() == two.read_bytes()
    assert losses_of(tmp_path / "killed", data) == []


def test_batches_of_other_processes_are_the_same(tmp_path, data):
    assert losses_of(tmp_path / "two", data, workers=2) == losses_of(tmp_path / "none", data)
    with pytest.raises(UserError, match="workers is -1"):
        train(tmp_path / "fewer", data, SETTINGS, workers=-1)


def test_training_leaves_other_random_numbers_alone(data):
    run = start(CONFIG, SETTINGS)
    batch = data.batch(0, 2)
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    training_step(run, batch)
    assert torch.rand(1) == wanted


def test_max_minutes_stops_and_saves(tmp_path, data):
    assert losses_of(tmp_path, data, max_minutes=0) == []
    assert json.loads((tmp_path / METADATA).read_text())["step"] == 0


def test_saved_and_loaded_controllers_are_bit_identical(tmp_path, data):
    run = train(tmp_path, data, SETTINGS)
    loaded, batch = load_controller(tmp_path), data.batch(0, 3)
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, run.average[name])
    run.model.load_state_dict(run.average)
    with torch.no_grad():
        one = run.model.eval()(batch.views, batch.state)
        two = loaded(batch.views, batch.state)
    assert torch.equal(one.joints, two.joints)
    assert torch.equal(one.gripper, two.gripper)
    assert sorted(p.suffix for p in tmp_path.iterdir() if p.is_file()) == [
        ".json",
        ".safetensors",
        ".safetensors",
    ]


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, data, monkeypatch):
    run = train(tmp_path, data, SETTINGS)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}

    def broken(tensors, path, metadata):
        path.write_bytes(b"half a file")
        raise OSError("disk full")

    monkeypatch.setattr("genima_lite.controller.checkpoint.save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        training.save(run, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


def test_checkpoints_of_another_preset_are_refused(tmp_path, data):
    train(tmp_path, data, SETTINGS)
    other = replace(CONFIG, hidden=64)
    source = MotionSource(other, AugmentConfig(), textures, motions=4)
    with pytest.raises(UserError, match="another preset, its hidden is 32, not 64"):
        train(tmp_path, TrainingData(other, [(source, 1.0)]), SETTINGS)
    with pytest.raises(UserError, match="batch_size = 4, not 8"):
        train(tmp_path, data, replace(SETTINGS, batch_size=8))
    metadata = json.loads((tmp_path / METADATA).read_text())
    metadata["config"]["hidden"] = 64
    (tmp_path / METADATA).write_text(json.dumps(metadata))
    with pytest.raises(UserError, match="another preset"):
        load_controller(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"no tensors")
    with pytest.raises(UserError, match="not readable"):
        load_controller(tmp_path)
    with pytest.raises(UserError, match="no controller.json"):
        load_controller(tmp_path / "nowhere")


def test_one_batch_is_learned_by_heart():
    config = replace(CONFIG, dropout=0.0, hidden=64, latent=0)
    source = MotionSource(config, AugmentConfig.none(), textures, motions=4)
    batch = TrainingData(config, [(source, 1.0)]).batch(0, 4)
    run = start(config, TrainConfig(steps=250, learning_rate=3e-3, warmup=10, ema=0.0))
    for _ in range(250):
        training_step(run, batch)
    parts = validate(run.model, batch)
    assert parts["joint_error"] < 0.01
    assert parts["gripper"] < 0.05
    assert parts["sphere_error"] < 1.0


@pytest.mark.parametrize("change", [{"steps": 0}, {"ema": 1.0}, {"warmup": -1}])
def test_impossible_settings_are_refused(change):
    with pytest.raises(UserError, match="training:"):
        replace(SETTINGS, **change)


def test_recipes():
    assert validation_batch(CONFIG, None, 3).views.shape[0] == 3
    assert validation_batch(replace(CONFIG, spheres=False), None) is None
    with pytest.raises(UserError, match="unknown preset"):
        preset("huge")
    assert preset("lite", 96) == replace(preset("lite"), image_size=96)
    with pytest.raises(UserError, match="image_size is 70.*multiple of 16"):
        preset("lite", 70)
    with pytest.raises(UserError, match="0 to 1"):
        training_data(CONFIG, generated=2.0)
    with pytest.raises(UserError, match="needs demonstrations"):
        training_data(replace(CONFIG, spheres=False))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("controllers")
    for name, changes in (("oracle", {}), ("act", {"spheres": False, "text_features": 8})):
        run = start(replace(CONFIG, **changes), SETTINGS)
        training.save(run, root / name)
    return root


@pytest.mark.parametrize("name", ["oracle", "act"])
def test_policies_drive_the_arm(name, checkpoints):
    settings = PolicySettings(checkpoints / name, n_action_steps=5)
    env = make_env(env_spec(name, "push_button", settings))
    policy = make_policy(name, env, settings)
    _, info = env.reset(seed=1)
    policy.reset(info["instruction"], 1)
    actions = policy.act(env.observation).actions
    assert actions.shape == (5, 8)
    assert env.action_space.contains(actions[0])
    ensemble = make_policy(name, env, PolicySettings(checkpoints / name, ensemble=True))
    ensemble.reset(info["instruction"], 1)
    for _ in range(3):
        actions = ensemble.act(env.observation).actions
        assert env.execute(actions).steps == len(actions) == 1
    env.close()


def test_the_oracle_draws_the_plans_future(checkpoints):
    from genima_lite.cameras import Camera
    from genima_lite.targets.keypoints import draw_views, targets_of

    settings = PolicySettings(checkpoints / "oracle")
    env = make_env(env_spec("oracle", "push_button", settings))
    policy = make_policy("oracle", env, settings)
    env.reset(seed=1)
    policy.reset("", 1)
    policy.act(env.observation)  # all twenty steps of it
    views = policy._views(env.observation)
    cameras = [[Camera.from_observation(env.observation, name) for name in CONFIG.cameras]]
    below = np.stack([env.observation.image(name) for name in CONFIG.cameras])[None]
    plan, targets = policy._expert.plan, policy._expert.targets
    first = targets[0]  # the frame that the first twenty steps lead to
    row = plan[targets[first]]
    wanted = draw_views(below, cameras, CONFIG.cameras, [targets_of(row[:7], row[7])])
    np.testing.assert_array_equal(np.stack(list(views.values())), wanted.views[0])
    env.close()


def test_wrong_policies_end_with_a_sentence(checkpoints):
    env = make_env(env_spec("oracle", "push_button", PolicySettings(checkpoints / "oracle")))
    with pytest.raises(UserError, match="no controller.json"):
        env_spec("oracle", "push_button", PolicySettings(checkpoints))
    with pytest.raises(UserError, match="policy oracle or genima"):
        make_policy("act", env, PolicySettings(checkpoints / "oracle"))
    with pytest.raises(UserError, match="policy act"):
        make_policy("oracle", env, PolicySettings(checkpoints / "act"))
    with pytest.raises(UserError, match="--n-action-steps is 21"):
        make_policy("oracle", env, PolicySettings(checkpoints / "oracle", n_action_steps=21))
    with pytest.raises(UserError, match="--n-action-steps is 0"):
        make_policy("oracle", env, PolicySettings(checkpoints / "oracle", n_action_steps=0))
