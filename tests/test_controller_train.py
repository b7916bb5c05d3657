"""Training a controller: learns, goes on exactly where it was killed, stores what it computed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from launching import launch
from tiny_training import FOLLOWING as CONFIG
from tiny_training import PRETRAINING, TRAINING, ControllerTraining, Motions, follow

from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.checkpoint import METADATA, WEIGHTS, load_controller, save_controller
from genima_lite.controller.train import (
    KEYPOINTS,
    Following,
    FollowingBatch,
    FollowingData,
    new_controller,
    validate,
)
from genima_lite.envs.api import make_env
from genima_lite.errors import UserError
from genima_lite.policies.api import PolicySettings, env_spec, make_policy
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer
from genima_lite.training.tensors import load_tensors

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def data():
    return Motions()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data):
    """A run that nobody killed: folder, and losses by stage."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, follow(folder, data=data)[1]


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    ("stage", "step"),
    [("keypoint pretraining", 1), ("keypoint pretraining", 3), ("training", 1), ("training", 5)],
)
def test_a_killed_run_goes_on_with_equal_losses_and_weights(stage, step, tmp_path, data, whole):
    def kill(now, done, *_):
        if (now, done) == (stage, step):
            raise Killed

    with pytest.raises(Killed):
        follow(tmp_path, data=data, report=kill)
    folder, losses = whole
    result, again = follow(tmp_path, data=data)
    assert result.done
    assert result.steps == TRAINING.steps
    for name in ("keypoint pretraining", "training"):
        assert again[name] == losses[name][len(losses[name]) - len(again[name]) :]
    saved_every = (PRETRAINING.training if stage != "training" else TRAINING).save_every
    assert len(again[stage]) == len(losses[stage]) - step + step % saved_every
    assert (tmp_path / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    for where in (".", KEYPOINTS):
        one, two = (
            load_tensors(at / where / "training.safetensors")[0] for at in (folder, tmp_path)
        )
        assert sorted(one) == sorted(two)
        assert all(torch.equal(one[name], two[name]) for name in one)
    assert follow(tmp_path, data=data)[1]["training"] == []


def test_batches_of_other_processes_are_the_same(tmp_path, data, whole):
    assert follow(tmp_path, data=data, workers=2)[1]["training"] == whole[1]["training"]


def test_two_processes_do_what_one_does(tmp_path, whole):
    code, said = launch("torchrun", "tiny_training.py", "controller", str(tmp_path))
    assert code == 0, said
    found = json.loads((tmp_path / "losses.json").read_text())
    wanted = [*whole[1]["keypoint pretraining"], *whole[1]["training"]]
    np.testing.assert_allclose(found, wanted, rtol=2e-4)
    one, other = (load_tensors(folder / WEIGHTS)[0] for folder in (whole[0], tmp_path))
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=2e-3, rtol=1e-2)


def test_training_leaves_other_random_numbers_alone(data):
    batch = FollowingBatch(data.batch(np.random.default_rng(0), 2), None)
    trainee, generator = Following(new_controller(CONFIG, 0)), torch.Generator().manual_seed(3)
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    one, other = (trainee(batch, generator)[0].item() for _ in range(2))
    assert torch.rand(1) == wanted
    assert one == other, "the generator decides dropout and style"
    assert one != trainee(batch, torch.Generator().manual_seed(4))[0].item()


def test_max_minutes_stops_and_saves(tmp_path, data):
    config = ControllerTraining(keypoint_pretraining=None)
    result, losses = follow(tmp_path, config, data, max_minutes=0)
    assert losses["training"] == []
    assert (result.steps, result.done) == (0, False)
    assert json.loads((tmp_path / METADATA).read_text())["step"] == 0
    result, _ = follow(tmp_path / "keypoints_first", data=data, max_minutes=0)
    assert not result.done
    assert not (tmp_path / "keypoints_first" / METADATA).exists()


def test_the_average_is_saved_and_loaded_bit_identically(whole):
    kept = load_tensors(whole[0] / "training.safetensors")[0]
    loaded = dict(load_controller(whole[0]).named_parameters())
    for name, value in loaded.items():
        assert torch.equal(value, kept[f"average.model.{name}"]), name
    assert any(not torch.equal(v, kept[f"weights.model.{name}"]) for name, v in loaded.items())
    assert sorted(p.name for p in whole[0].iterdir()) == [
        METADATA, WEIGHTS, KEYPOINTS, "logs", "training.safetensors",
    ]  # fmt: skip


def test_validation_is_written_down(tmp_path, data):
    batch = data.batch(np.random.default_rng(9), 8)
    follow(tmp_path, data=data, validation=batch)
    texts = load_tensors(tmp_path / "training.safetensors")[1]
    seen = json.loads(texts["training"])["validations"]
    assert [each["step"] for each in seen] == [3, 6]
    wanted = validate(load_controller(tmp_path), batch)
    assert seen[-1]["joint_error"] == pytest.approx(wanted["joint_error"])


def test_other_runs_are_refused(tmp_path, data):
    follow(tmp_path, ControllerTraining(keypoint_pretraining=None), data)
    larger = ControllerTraining(replace(CONFIG, hidden=64), keypoint_pretraining=None)
    with pytest.raises(UserError, match=r"another model: 'model\..*32.*64"):
        follow(tmp_path, larger, data)
    other = replace(TRAINING, batch_size=8)
    with pytest.raises(UserError, match=r"training.batch_size = 4, not 8"):
        follow(tmp_path, ControllerTraining(training=other, keypoint_pretraining=None), data)
    metadata = json.loads((tmp_path / METADATA).read_text())
    metadata["config"]["hidden"] = 64
    (tmp_path / METADATA).write_text(json.dumps(metadata))
    with pytest.raises(UserError, match="another preset"):
        load_controller(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"no tensors")
    with pytest.raises(UserError, match="not readable"):
        load_controller(tmp_path)
    with pytest.raises(UserError, match=r"no controller\.json"):
        load_controller(tmp_path / "nowhere")


def test_one_batch_is_learned_by_heart(tmp_path):
    config = replace(CONFIG, dropout=0.0, hidden=64, latent=0)
    batch = Motions(config, AugmentConfig.none()).batch(np.random.default_rng(0), 4)

    class Same:
        def batch(self, rng, size):
            return batch

    training = TrainingConfig(
        steps=250, batch_size=4, learning_rate=3e-3, warmup=10, ema=0.0, save_every=250
    )
    model = new_controller(config, 0)
    trainer = Trainer(Following(model), FollowingData(Same()), training, tmp_path, {})
    assert len(list(trainer.run())) == 250
    parts = validate(model, batch)
    assert parts["joint_error"] < 0.01
    assert parts["gripper"] < 0.05
    assert parts["sphere_error"] < 1.0


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("controllers")
    for name, changes in (("oracle", {}), ("act", {"spheres": False, "text_features": 8})):
        config = replace(CONFIG, **changes)
        save_controller(root / name, config, new_controller(config, 5).state_dict(), {})
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
    with pytest.raises(UserError, match="n_action_steps is 0"):
        make_policy("oracle", env, PolicySettings(checkpoints / "oracle", n_action_steps=0))


@pytest.mark.parametrize("write", range(6))
def test_a_run_killed_at_any_write_goes_on_to_the_same_bytes(write, tmp_path, data, monkeypatch):
    training = TrainingConfig(steps=2, batch_size=2, warmup=0, save_every=1)
    config = ControllerTraining(training=training, keypoint_pretraining=None)
    replaced = []

    def killed(self, target, rename=Path.replace):
        if len(replaced) == write:
            raise Killed
        replaced.append(target)
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        try:
            follow(tmp_path / "killed", config, data)
        except Killed:
            pass
        else:
            assert write == len(replaced) == 5, "three checkpoints, weights, metadata"
    for name in ("killed", "whole"):
        assert follow(tmp_path / name, config, data)[0].done
    one, other = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("killed", "whole"))
    assert one == other
    load_controller(tmp_path / "killed")
    files = [path.name for path in (tmp_path / "killed").iterdir() if path.is_file()]
    assert sorted(files) == [METADATA, WEIGHTS, "training.safetensors"]
