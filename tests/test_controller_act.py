"""The controller's network: what it sees, what it returns, and the traps of other ACTs."""

from dataclasses import replace

import pytest
import torch
from tiny_controller import TINY_CONTROLLER
from torch.nn import functional as F

from genima_lite.controller.act import ACT, grid_code
from genima_lite.controller.config import PRESETS, ControllerConfig
from genima_lite.controller.loss import (
    Labels,
    controller_loss,
    kl_divergence,
    masked_mean,
    splat,
)
from genima_lite.errors import UserError

TINY = replace(TINY_CONTROLLER, encoder_layers=2, decoder_layers=2, latent=4, horizon=5)


def model_of(config=TINY, seed=0):
    torch.manual_seed(seed)
    return ACT(config)


def inputs(config=TINY, batch=2, seed=0):
    torch.manual_seed(seed)
    size, views = config.image_size, len(config.cameras)
    return torch.rand(batch, views, 3, size, size) * 2 - 1, torch.rand(batch, 8)


def labels_of(config=TINY, batch=2, seed=1):
    torch.manual_seed(seed)
    views = len(config.cameras)
    actions = torch.randn(batch, config.horizon, 8)
    actions[..., 7] = (actions[..., 7] > 0).float()
    return Labels(
        actions,
        torch.ones(batch, config.horizon, dtype=torch.bool),
        torch.rand(batch, views, 4, 2),
        torch.rand(batch, views, 4) > 0.3,
        F.normalize(torch.randn(batch, views, 4, 3), dim=-1),
        (torch.rand(batch) > 0.5).float(),
    )


def test_shapes():
    out = model_of()(*inputs())
    assert out.joints.shape == (2, 5, 7)
    assert out.gripper.shape == (2, 5)
    assert out.found.heat.shape == (2, 4, 4, 16, 16)
    assert out.found.keypoints.shape == (2, 4, 4, 2)
    assert out.found.axes.shape == (2, 4, 4, 3)
    assert out.found.visible.shape == (2, 4, 4)
    assert out.mean is None


def test_the_decoder_returns_its_last_layer():
    config = replace(TINY, decoder_layers=3)
    model = model_of(config).eval()
    seen = []
    for layer in model.decoder.layers:
        layer.register_forward_hook(lambda *a: seen.append(a[-1]))
    heads = []
    model.to_action.register_forward_pre_hook(lambda _, args: heads.append(args[0]))
    model(*inputs(config))
    assert len(seen) == 3
    torch.testing.assert_close(heads[0], model.decoder.norm(seen[-1]))
    assert not torch.allclose(heads[0], model.decoder.norm(seen[0]))


@pytest.mark.parametrize("spheres", [True, False])
def test_everything_predicted_is_in_the_loss(spheres):
    """No head may go untrained, as ACT's padding head does."""
    config = replace(TINY, spheres=spheres, text_features=3)
    model = model_of(config).train()
    labels = labels_of(config)
    views, state = inputs(config)
    out = model(views, state, torch.rand(2, 3), labels.actions, labels.valid)
    controller_loss(config, out, labels)[0].backward()
    untrained = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert untrained == []


def test_the_joint_loss_ignores_padding():
    labels = labels_of()
    labels.valid[:, 3:] = False
    model = model_of().eval()
    out = model(*inputs())
    before = controller_loss(TINY, out, labels)[0]
    labels.actions[:, 3:] = 1e6
    torch.testing.assert_close(controller_loss(TINY, out, labels)[0], before, rtol=0, atol=0)


def test_padding_does_not_dilute_the_loss():
    values = torch.full((1, 10, 7), 2.0)
    valid = torch.zeros(1, 10, dtype=torch.bool)
    valid[:, 0] = True
    assert masked_mean(values, valid) == 2.0  # a mean over all ten would say 0.2
    assert masked_mean(values, torch.zeros_like(valid)) == 0.0


def test_the_style_encoder_does_not_look_at_padding():
    model, labels = model_of().eval(), labels_of()
    labels.valid[:, 3:] = False
    state = inputs()[1]
    before = model.style(state, labels.actions, labels.valid)
    labels.actions[:, 3:] = 77.0
    after = model.style(state, labels.actions, labels.valid)
    torch.testing.assert_close(after, before)


def test_style_is_zero_outside_training():
    model = model_of().eval()
    first, second = model(*inputs()), model(*inputs())
    torch.testing.assert_close(first.joints, second.joints, rtol=0, atol=0)


def test_kl_divergence_equals_torchs():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 4), torch.randn(3, 4)
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    wanted = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(kl_divergence(mean, log_variance), wanted.sum(-1).mean())


def test_swapped_views_are_noticed():
    model, (views, state) = model_of().eval(), inputs()
    swapped = views[:, [1, 0, 2, 3]]
    assert not torch.allclose(model(views, state).joints, model(swapped, state).joints, atol=1e-4)


def test_a_picture_does_not_depend_on_its_batch():
    model, (views, state) = model_of().train(), inputs()
    alone = model(views[:1], state[:1]).joints
    torch.testing.assert_close(model(views, state).joints[:1], alone, atol=1e-5, rtol=1e-4)


def test_language_is_heard_once_film_is_trained():
    config = replace(TINY, text_features=3)
    model, (views, state) = model_of(config).eval(), inputs()
    one, other = torch.eye(3)[:1].expand(2, 3), torch.eye(3)[1:2].expand(2, 3)
    torch.testing.assert_close(model(views, state, one).joints, model(views, state, other).joints)
    torch.nn.init.normal_(model.pictures.films[0].linear.weight)
    assert not torch.allclose(model(views, state, one).joints, model(views, state, other).joints)


def test_proprioception_is_hidden_only_in_training():
    model = model_of(replace(TINY, proprio_dropout=0.99))
    state = torch.ones(500, 8)
    assert (model.train()._maybe_hidden(state) == 0).all(1).float().mean() > 0
    assert (model.eval()._maybe_hidden(state) == 1).all()


def test_splats_have_their_mean_at_the_place():
    keypoints = torch.tensor([[0.3, 0.55], [0.8, 0.2]])
    heat = splat(keypoints, 8, 10).unflatten(-1, (8, 10))
    columns, rows = (torch.arange(10) + 0.5) / 10, (torch.arange(8) + 0.5) / 8
    torch.testing.assert_close((heat.sum(-2) * columns).sum(-1), keypoints[:, 0])
    torch.testing.assert_close((heat.sum(-1) * rows).sum(-1), keypoints[:, 1])
    torch.testing.assert_close(heat.sum((-1, -2)), torch.ones(2))


def test_position_codes_differ():
    code = grid_code(4, 4, 32)
    assert len({tuple(row.tolist()) for row in code}) == 16


def test_wrong_pictures_and_missing_text_are_refused():
    model, (views, state) = model_of(), inputs()
    with pytest.raises(UserError, match="32x32"):
        model(views[..., :16, :16], state)
    with pytest.raises(UserError, match="4 views"):
        model(views[:, :3], state)
    with pytest.raises(UserError, match="takes no"):
        model(views, state, torch.rand(2, 3))
    with pytest.raises(UserError, match="needs"):
        model_of(replace(TINY, text_features=3))(views, state)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"cameras": ("front", "sky")}, "sky"),
        ({"cameras": ("front", "front")}, "once"),
        ({"image_size": 30}, "multiple"),
        ({"blocks": (1,)}, "one entry"),
        ({"channels": (9, 16)}, "multiples of 8"),
        ({"heads": 3}, "heads"),
        ({"decoder_layers": 0}, "decoder_layers"),
        ({"latent": -1}, "latent"),
        ({"dropout": 1.0}, "dropout"),
        ({"kl_weight": -1.0}, "weights"),
        ({"moved_cameras": 1.5}, "moved_cameras is 1.5"),
        ({"moved_cameras": 0.5, "spheres": False}, "needs spheres"),
    ],
)
def test_impossible_configurations_are_refused(change, hint):
    with pytest.raises(UserError, match=hint):
        replace(TINY, **change)


def test_configurations_survive_json():
    import json

    for config in PRESETS.values():
        assert ControllerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(UserError, match="unknown name 'colour'"):
        ControllerConfig.from_dict({"colour": 1})


def test_a_pretrained_encoder_is_loaded_and_its_norms_are_frozen(tmp_path):
    from transformers import AutoBackbone, ResNetConfig

    torch.manual_seed(3)
    sizes = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    resnet = AutoBackbone.from_config(sizes)
    resnet.save_pretrained(tmp_path)
    model = ACT(replace(TINY, backbone=str(tmp_path))).train()
    name, weights = next(iter(resnet.named_parameters()))
    torch.testing.assert_close(dict(model.pictures.resnet.named_parameters())[name], weights)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    with pytest.raises(UserError, match="configured is"):
        ACT(replace(TINY, backbone=str(tmp_path), blocks=(2, 1)))
    with pytest.raises(UserError, match="no folder with a ResNet"):
        ACT(replace(TINY, backbone=str(tmp_path / "nowhere")))
