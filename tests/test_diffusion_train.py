"""Training and drawing: one step for all settings, exact resume, the stock pipelines' picture."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)

from genima_lite.diffusion import step
from genima_lite.diffusion.adapters import ADAPTERS, build_controlnet, prepare, widen
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.base import build_base, load_pipeline, preset
from genima_lite.diffusion.cache import Cache
from genima_lite.diffusion.components import (
    Components,
    as_condition,
    encode_pictures,
    encode_prompts,
    predict,
)
from genima_lite.diffusion.pictures import Pictures
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.diffusion.step import Batch, StepConfig, _timesteps, _weight, training_step
from genima_lite.diffusion.train import TrainConfig, Trainer, pipeline_of
from genima_lite.errors import UserError
from genima_lite.tiling import TILE_ORDER, tile

SIZE = 32


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def base_parts():
    return Components.of(build_base(preset("tiny", SIZE)))


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8)
    drawn = plain.copy()
    drawn[:, 4:12, 4:12] = (255, 0, 0)
    prompts = tuple(task_prompt(f"push the {c} button") for c in ("red", "navy", "teal") * 2)
    return Pictures(drawn, prompts, plain)


def short(adapter, **changes):
    return TrainConfig(adapter=adapter, steps=3, batch_size=2, warmup=0, **changes)


def test_pictures_are_checked(pictures):
    with pytest.raises(ValueError, match="uint8"):
        Pictures(pictures.pictures.astype(float), pictures.prompts)
    with pytest.raises(ValueError, match="prompts"):
        Pictures(pictures.pictures, pictures.prompts[:2])


def test_embedding_of_the_picture_is_the_first_layer_on_its_latents(pictures):
    components = base_parts()
    controlnet = build_controlnet(components.unet, components.vae)
    found = controlnet.controlnet_cond_embedding(as_condition(pictures.conditions))
    latents = encode_pictures(components, pictures.conditions)
    expected = torch.nn.functional.conv2d(latents, components.unet.conv_in.weight, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_fresh_controlnet_changes_nothing(pictures):
    components = base_parts()
    noisy, text = torch.randn(1, 192, 4, 4), torch.randn(1, 40, 64)
    plain = predict(components, noisy, torch.tensor([999]), text)
    components.controlnet = build_controlnet(components.unet, components.vae)
    controlled = predict(
        components, noisy, torch.tensor([999]), text, as_condition(pictures.conditions[:1])
    )
    torch.testing.assert_close(plain, controlled)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_setting_trains_what_it_says_and_nothing_else(adapter, pictures, tmp_path):
    components = base_parts()
    components.vae.requires_grad_(False)
    trainer = Trainer(components, pictures, short(adapter, lora_rank=2), tmp_path)
    networks = [n for n in (components.unet, components.controlnet) if n is not None]
    before = {name: p.detach().clone() for n in networks for name, p in _named(n)}
    losses = list(trainer.run())
    assert all(np.isfinite(losses))
    changed = {name for n in networks for name, p in _named(n) if not torch.equal(p, before[name])}
    trained = {name for n in networks for name, p in _named(n) if p.requires_grad}
    assert changed == trained
    assert sum(before[name].numel() for name in trained) == trainer.trained
    if adapter == "frozen":
        assert not any(name.startswith("UNet2DConditionModel") for name in trained)
    if adapter == "controlnet-lora":
        assert any("lora_A" in name for name in trained)
        assert any("controlnet_down_blocks" in name for name in trained)


def _named(network):
    return [(f"{type(network).__name__}.{name}", p) for name, p in network.named_parameters()]


def test_lora_behind_frozen_zero_convolutions_would_get_no_gradient(pictures):
    """Why `controlnet-lora` also trains the zero-convolutions."""
    components = base_parts()
    groups = prepare(components, "controlnet-lora", 2)
    lora = [p for n, p in components.controlnet.named_parameters() if "lora_B" in n]
    batch = Cache(components, pictures).draw(2, 0.0, torch.Generator().manual_seed(0))
    training_step(components, batch, StepConfig(), torch.Generator().manual_seed(0)).backward()
    assert all(p.grad is None or not p.grad.any() for p in lora)  # the outputs are zero at first
    with torch.no_grad():
        for p in groups["zero"]:
            p -= 0.1 * p.grad
            p.grad = None
    training_step(components, batch, StepConfig(), torch.Generator().manual_seed(0)).backward()
    assert any(p.grad.any() for p in lora)


@pytest.mark.parametrize(
    ("adapter", "precision"),
    [("up-blocks", "float32"), ("controlnet-lora", "float32"), ("up-blocks", "bfloat16")],
)
def test_a_killed_run_goes_on_exactly(adapter, precision, pictures, tmp_path):
    config = replace(short(adapter), steps=4, save_every=1, precision=precision)
    whole = list(Trainer(base_parts(), pictures, config, tmp_path / "whole").run())
    first = Trainer(base_parts(), pictures, config, tmp_path / "killed").run()
    losses = [next(first), next(first)]
    first.close()  # the last checkpoint is of step 2
    again = Trainer(base_parts(), pictures, config, tmp_path / "killed")
    assert again.step == 2
    assert losses + list(again.run()) == whole
    assert again.done


def test_time_can_run_out_and_other_settings_are_refused(pictures, tmp_path):
    trainer = Trainer(base_parts(), pictures, short("frozen"), tmp_path)
    assert list(trainer.run(max_minutes=0)) == []
    assert not trainer.done
    assert list((tmp_path / "logs").iterdir())
    with pytest.raises(UserError, match="another configuration"):
        Trainer(base_parts(), pictures, short("frozen", seed=1), tmp_path)
    larger = Components.of(build_base(replace(preset("tiny", SIZE), channels=(64, 64))))
    with pytest.raises(UserError, match="other sizes"):
        Trainer(larger, pictures, short("frozen"), tmp_path)


def test_wrong_input_is_refused(pictures, tmp_path):
    plain = Pictures(pictures.pictures, pictures.prompts)
    with pytest.raises(UserError, match="draw on"):
        Trainer(base_parts(), plain, short("frozen"), tmp_path)
    odd = Pictures(pictures.pictures[:, :24, :24], pictures.prompts)
    with pytest.raises(UserError, match="multiples of 16"):
        Trainer(base_parts(), odd, short("base"), tmp_path)
    with pytest.raises(UserError, match="unknown adapter"):
        prepare(base_parts(), "all")
    with pytest.raises(UserError, match="at least 1"):
        TrainConfig(steps=0)


def test_learning_reduces_the_loss(pictures, tmp_path):
    config = TrainConfig(adapter="concat", steps=40, batch_size=4, learning_rate=2e-3)
    losses = list(Trainer(base_parts(), pictures, config, tmp_path).run())
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])


def test_cache_pairs_pictures_with_their_prompts_and_drops_some(pictures):
    components = base_parts()
    cache = Cache(components, pictures)
    batch = cache.draw(64, 0.5, torch.Generator().manual_seed(0))
    clean = torch.cat([encode_pictures(components, pictures.pictures[i : i + 1]) for i in range(6)])
    texts, empty = encode_prompts(components, pictures.prompts), encode_prompts(components, [""])[0]
    dropped = 0
    for latents, text in zip(batch.latents, batch.text, strict=True):
        which = int((clean - latents).abs().amax((1, 2, 3)).argmin())
        assert (clean[which] - latents).abs().max() < 1e-3
        if torch.equal(text, empty):
            dropped += 1
        else:
            torch.testing.assert_close(text, texts[which])
    assert 20 < dropped < 44


@pytest.mark.parametrize("kind", ["sample", "epsilon", "v_prediction"])
def test_loss_is_zero_for_the_right_prediction(kind, monkeypatch):
    components = base_parts()
    components.scheduler = DDPMScheduler(prediction_type=kind)
    clean = torch.randn(2, 192, 4, 4)

    def perfect(components, noisy, timesteps, *rest):
        level = DDPMScheduler().alphas_cumprod[timesteps].reshape(-1, 1, 1, 1)
        noise = (noisy - level.sqrt() * clean) / (1 - level).sqrt()
        velocity = level.sqrt() * noise - (1 - level).sqrt() * clean
        return {"sample": clean, "epsilon": noise, "v_prediction": velocity}[kind]

    monkeypatch.setattr(step, "predict", perfect)
    batch = Batch(clean, torch.zeros(2, 40, 64))
    loss = step.training_step(components, batch, StepConfig(), torch.Generator().manual_seed(0))
    assert loss < 1e-6


@pytest.mark.parametrize(("beta", "best"), [(None, 0.75), (0.01, 1.0)])
def test_the_best_guess_is_the_weighted_mean_of_squares_and_median_of_sizes(
    beta, best, monkeypatch
):
    """A pixel is changed from 0 to 1 in one of four pictures; a changed one counts nine times."""
    guesses = torch.linspace(0, 1.2, 121)
    clean = torch.tensor([0.0, 0.0, 0.0, 1.0]).reshape(4, 1, 1, 1).repeat(1, 192, 4, 4)
    batch = Batch(clean, torch.zeros(4, 40, 64), condition_latents=torch.zeros_like(clean))
    predictions = iter(guesses)
    monkeypatch.setattr(step, "predict", lambda *_: next(predictions).expand(clean.shape))
    components, config = base_parts(), StepConfig(changed_weight=8.0, beta=beta)
    losses = [
        step.training_step(components, batch, config, torch.Generator()).item() for _ in guesses
    ]
    assert guesses[int(np.argmin(losses))] == pytest.approx(best, abs=0.011)


def test_a_step_refuses_a_negative_beta():
    with pytest.raises(UserError, match="beta"):
        StepConfig(beta=-0.1)


def test_timesteps_favor_noise_and_overstating_only_raises():
    generator = torch.Generator().manual_seed(0)
    true, said = _timesteps(4000, 1000, StepConfig(noise_power=3, overstate=0.35), generator)
    assert true.min() >= 0
    assert said.max() <= 999
    assert (said >= true).all()
    assert 0.25 < (said > true).float().mean() < 0.36
    assert true.float().mean() == pytest.approx(750, abs=15)


def test_weight_counts_changed_pixels_more():
    latents = torch.zeros(1, 2, 1, 1)
    before = torch.tensor([0.0, 1.0]).reshape(1, 2, 1, 1)
    weight = _weight(Batch(latents, latents, latents, before), 5.0)
    assert weight.flatten().tolist() == [1.0, 6.0]


@pytest.fixture(scope="module")
def drawn_folder(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("controlnet")
    trainer = Trainer(base_parts(), pictures, short("up-blocks"), folder)
    list(trainer.run())
    trainer.save_model()
    return folder


@pytest.mark.parametrize("steps", [1, 3])
def test_agent_draws_what_the_stock_controlnet_pipeline_draws(drawn_folder, pictures, steps):
    agent = DiffusionAgent.load(drawn_folder, steps)
    stock = StableDiffusionControlNetPipeline.from_pretrained(drawn_folder)
    _assert_same(agent, stock, pictures, steps)


def test_agent_with_the_scheduler_of_sd_turbo(drawn_folder, pictures):
    """SD-Turbo's scheduler scales its input, starts at another noise and predicts the noise."""
    agent = DiffusionAgent.load(drawn_folder, 2)
    stock = StableDiffusionControlNetPipeline.from_pretrained(drawn_folder)
    for one in (agent.components, stock):
        one.scheduler = EulerDiscreteScheduler(
            beta_schedule="scaled_linear", timestep_spacing="trailing"
        )
    _assert_same(agent, stock, pictures, 2)


def _assert_same(agent, stock, pictures, steps):
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        pictures.prompts[0],
        image=as_condition(pictures.conditions[:1]),
        num_inference_steps=steps,
        guidance_scale=0.0,
        generator=torch.Generator().manual_seed(3),
        output_type="pil",
    ).images[0]
    found = agent.draw_tiled(pictures.conditions[0], pictures.prompts[0], seed=3)
    _assert_alike(found, np.asarray(expected))


def _assert_alike(found, expected):
    """Sums may be added up in another order, which can tip a rounding."""
    differences = np.abs(found.astype(int) - expected.astype(int))
    assert differences.max() <= 1
    assert (differences > 0).mean() < 0.005


def test_agent_draws_what_the_stock_pix2pix_pipeline_draws(pictures, tmp_path):
    trainer = Trainer(base_parts(), pictures, short("concat"), tmp_path)
    list(trainer.run())
    trainer.save_model()
    agent = DiffusionAgent.load(tmp_path)
    stock = DiffusionPipeline.from_pretrained(tmp_path)
    assert isinstance(stock, StableDiffusionInstructPix2PixPipeline)
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        pictures.prompts[0],
        image=as_condition(pictures.conditions[:1]),
        num_inference_steps=1,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(3),
    ).images[0]
    found = agent.draw_tiled(pictures.conditions[0], pictures.prompts[0], seed=3)
    _assert_alike(found, np.asarray(expected))


@pytest.mark.parametrize("adapter", ["unet-lora", "controlnet-lora"])
def test_lora_is_in_the_saved_weights(adapter, pictures, tmp_path):
    trainer = Trainer(base_parts(), pictures, short(adapter, lora_rank=2, ema=0.0), tmp_path)
    list(trainer.run())
    before = DiffusionAgent(trainer.components).draw_tiled(pictures.conditions[0], "x").astype(int)
    trainer.save_model()
    after = DiffusionAgent.load(tmp_path).draw_tiled(pictures.conditions[0], "x").astype(int)
    assert abs(after - before).max() <= 1
    assert "lora" not in " ".join(DiffusionAgent.load(tmp_path).components.unet.state_dict())


def test_averaged_weights_are_saved(pictures, tmp_path):
    trainer = Trainer(base_parts(), pictures, short("frozen", ema=0.5), tmp_path)
    list(trainer.run())
    average = trainer._average[0].clone()
    assert not torch.equal(average, trainer._weights[0])
    trainer.save_model()
    assert torch.equal(trainer._weights[0], average.half().float()), "in half precision"


def test_agent_on_views(drawn_folder, pictures):
    agent = DiffusionAgent.load(drawn_folder)
    half = SIZE // 2
    views = dict.fromkeys(TILE_ORDER, pictures.conditions[0][:half, :half])
    drawn = agent.draw(views, "push the red button")
    assert list(drawn) == list(TILE_ORDER)
    assert all(view.shape == (half, half, 3) and view.dtype == np.uint8 for view in drawn.values())
    again = agent.draw_tiled(tile(views), task_prompt("push the red button"))
    np.testing.assert_array_equal(tile(drawn), again)
    assert (tile(agent.draw(views, "push the red button", seed=1)) != again).any()
    with pytest.raises(UserError, match="no view of"):
        agent.draw({}, "push")
    with pytest.raises(UserError, match="multiples of 16"):
        agent.draw({camera: view[:6, :6] for camera, view in views.items()}, "push")


def test_base_model_does_not_draw_on_pictures():
    with pytest.raises(UserError, match="base model"):
        DiffusionAgent(base_parts())
    components = base_parts()
    with pytest.raises(UserError, match="sampling_steps"):
        DiffusionAgent(replace(components, unet=widen(components.unet)), 0)
    assert type(pipeline_of(components)).__name__ == "StableDiffusionPipeline"


def stable_diffusion(folder):
    """Write a folder as SD-Turbo's in all but size: learned autoencoder, noise prediction."""
    components = base_parts()
    torch.manual_seed(0)
    components.vae = AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=2,
        scaling_factor=0.18215,
    )
    components.unet = UNet2DConditionModel(
        sample_size=4,
        block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=64,
    )
    components.scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        timestep_spacing="trailing",
        prediction_type="epsilon",
        steps_offset=1,
    )
    pipeline_of(components).save_pretrained(folder)


@pytest.mark.parametrize("adapter", ["frozen", "unet-lora"])
def test_a_stable_diffusion_folder_goes_through_the_same_code(adapter, pictures, tmp_path):
    stable_diffusion(tmp_path / "sd")
    components = Components.of(load_pipeline(tmp_path / "sd"))
    config = short(adapter, learning_rate=1e-5, lora_rank=2, step=StepConfig(noise_power=1))
    trainer = Trainer(components, pictures, config, tmp_path / "out")
    assert all(np.isfinite(list(trainer.run())))
    trainer.save_model()
    agent = DiffusionAgent.load(tmp_path / "out", 2)
    stock = StableDiffusionControlNetPipeline.from_pretrained(tmp_path / "out")
    assert isinstance(stock.vae, AutoencoderKL)
    _assert_same(agent, stock, pictures, 2)


def test_half_precision_trains_alike_and_leaves_single_precision_weights(pictures, tmp_path):
    single, half = (
        Trainer(base_parts(), pictures, short("up-blocks", precision=name), tmp_path / name)
        for name in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(list(half.run()), list(single.run()), rtol=0.03)
    assert {weight.dtype for weight in half._weights} == {torch.float32}
    half.save_model()
    agent = DiffusionAgent.load(tmp_path / "bfloat16")
    drawn = agent.draw_tiled(pictures.conditions[0], pictures.prompts[0])
    with torch.no_grad():
        wanted = DiffusionAgent(half.components).draw_tiled(
            pictures.conditions[0], pictures.prompts[0]
        )
    np.testing.assert_allclose(drawn.astype(int), wanted.astype(int), atol=2)


def test_an_unknown_precision_is_refused():
    with pytest.raises(UserError, match="choose from float32, bfloat16"):
        TrainConfig(precision="int8")


def test_the_exact_part_of_the_embedding_is_not_trained(pictures, tmp_path):
    trainer = Trainer(base_parts(), pictures, short("up-blocks"), tmp_path)
    embedding = trainer.components.controlnet.controlnet_cond_embedding
    trained = {name for name, p in embedding.named_parameters() if p.requires_grad}
    assert trained == {"conv_out.weight", "conv_out.bias"}
