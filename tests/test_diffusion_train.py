"""Training and drawing: one step for all adapters, exact resume, the stock pipelines' picture."""

import json
import shutil
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
from launching import launch
from tiny_training import PROMPTS, SIZE, Squares, drawing, tiny_base

from genima_lite.diffusion import step
from genima_lite.diffusion.adapters import (
    ADAPTERS,
    LoraSettings,
    build_controlnet,
    prepare,
    widen,
)
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.base import build_base, load_pipeline, preset
from genima_lite.diffusion.batch import DrawingBatch
from genima_lite.diffusion.components import (
    Components,
    as_condition,
    encode_pictures,
    encode_prompts,
    predict,
)
from genima_lite.diffusion.metadata import METADATA
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.diffusion.step import Batch, StepConfig, _timesteps, _weight, training_step
from genima_lite.diffusion.train import AdapterConfig, Drawing, pipeline_of, save_model
from genima_lite.errors import UserError
from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.training.config import TrainingConfig
from genima_lite.training.tensors import load_tensors

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def pictures():
    """Pictures to draw on, (6, H, W, 3)."""
    return Squares().plain


def losses_of(trainer):
    return [made.loss for made in trainer.run()]


def saved(trainer):
    """Finish a run, and write the model where it ran."""
    losses_of(trainer)
    trainer.use_average()
    save_model(trainer.trainee.components, trainer.out)
    return trainer.out


def test_embedding_of_the_picture_is_the_first_layer_on_its_latents(pictures):
    components = tiny_base()
    controlnet = build_controlnet(components.unet, components.vae)
    found = controlnet.controlnet_cond_embedding(as_condition(pictures))
    latents = encode_pictures(components, pictures)
    expected = torch.nn.functional.conv2d(latents, components.unet.conv_in.weight, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_fresh_controlnet_changes_nothing(pictures):
    components = tiny_base()
    noisy, text = torch.randn(1, 192, 4, 4), torch.randn(1, 40, 64)
    plain = predict(components, noisy, torch.tensor([999]), text)
    components.controlnet = build_controlnet(components.unet, components.vae)
    controlled = predict(components, noisy, torch.tensor([999]), text, as_condition(pictures[:1]))
    torch.testing.assert_close(plain, controlled)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_adapter_trains_what_it_says_and_nothing_else(adapter, tmp_path):
    components = tiny_base()
    if adapter == "concat-lora":
        components.unet = widen(components.unet)
    trainer = drawing(tmp_path, adapter, components)
    networks = [n for n in (components.unet, components.controlnet) if n is not None]
    before = {name: p.detach().clone() for n in networks for name, p in _named(n)}
    assert all(np.isfinite(losses_of(trainer)))
    changed = {name for n in networks for name, p in _named(n) if not torch.equal(p, before[name])}
    trained = {name for n in networks for name, p in _named(n) if p.requires_grad}
    assert changed == trained
    assert sum(before[name].numel() for name in trained) == trainer.trained
    assert not any(p.requires_grad for p in components.vae.parameters())
    if adapter == "frozen":
        assert not any(name.startswith("UNet2DConditionModel") for name in trained)
    if adapter == "controlnet-lora":
        assert any("lora_A" in name for name in trained)
        assert any("controlnet_down_blocks" in name for name in trained)


def _named(network):
    return [(f"{type(network).__name__}.{name}", p) for name, p in network.named_parameters()]


def test_lora_behind_frozen_zero_convolutions_would_get_no_gradient(pictures):
    """Why `controlnet-lora` also trains the zero-convolutions."""
    components = tiny_base()
    groups = prepare(components, "controlnet-lora", LoraSettings(2))
    lora = [p for n, p in components.controlnet.named_parameters() if "lora_B" in n]
    latents, text = (
        encode_pictures(components, Squares().drawn[:2]),
        encode_prompts(components, "x"),
    )
    below = (as_condition(pictures[:2]), encode_pictures(components, pictures[:2]))
    batch = Batch(latents, text.expand(2, -1, -1), *below)
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
@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_killed_run_goes_on_exactly(killed_after, adapter, precision, tmp_path):
    more = {"steps": 4, "save_every": 2, "precision": precision}
    whole = losses_of(drawing(tmp_path / "whole", adapter, **more))
    first = drawing(tmp_path / "killed", adapter, **more).run()
    losses = [next(first).loss for _ in range(killed_after)]
    first.close()
    again = drawing(tmp_path / "killed", adapter, **more)
    assert again.step == killed_after // 2 * 2
    assert losses[: again.step] + losses_of(again) == whole
    assert again.done
    one, other = (
        load_tensors(tmp_path / name / "training.safetensors")[0] for name in ("whole", "killed")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_two_processes_do_what_one_does(tmp_path):
    one = drawing(tmp_path / "one", micro_batches=2, batch_size=4)
    wanted = losses_of(one)
    code, said = launch("torchrun", "tiny_training.py", "diffusion", str(tmp_path / "two"))
    assert code == 0, said
    found = json.loads((tmp_path / "two/losses.json").read_text())
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    kept = load_tensors(tmp_path / "two/training.safetensors")[0]
    for name, weight in one.trainee.named_parameters():
        if weight.requires_grad:
            torch.testing.assert_close(kept[f"weights.{name}"], weight.detach(), atol=1e-4, rtol=0)


def test_other_runs_are_refused(tmp_path):
    losses_of(drawing(tmp_path, "frozen"))
    with pytest.raises(UserError, match="seed = 0, not 1"):
        drawing(tmp_path, "frozen", seed=1)
    larger = Components.of(build_base(replace(preset("tiny", SIZE), channels=(64, 64))))
    with pytest.raises(UserError, match="another model"):
        drawing(tmp_path, "frozen", larger)


def test_wrong_input_is_refused():
    odd = Squares(24)
    trainee = Drawing(tiny_base(), PROMPTS, AdapterConfig("base"), TrainingConfig())
    with pytest.raises(UserError, match="multiples of 16"):
        trainee(odd.batch(np.random.default_rng(0), 2), torch.Generator())
    with pytest.raises(UserError, match="unknown adapter"):
        prepare(tiny_base(), "all")
    with pytest.raises(UserError, match="unknown adapter 'all'"):
        AdapterConfig("all")
    with pytest.raises(UserError, match="rank must be"):
        AdapterConfig(lora=LoraSettings(rank=0))


def test_learning_reduces_the_loss(tmp_path):
    more = {"steps": 40, "batch_size": 4, "learning_rate": 2e-3, "warmup": 20}
    losses = losses_of(drawing(tmp_path, "concat", **more))
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])


def test_a_batch_becomes_what_the_frozen_networks_make_of_it(pictures):
    components = tiny_base()
    trainee = Drawing(components, PROMPTS, AdapterConfig(), TrainingConfig())
    drawn, below = (torch.from_numpy(some[:2]) for some in (Squares().drawn, pictures))
    ready = trainee._ready(DrawingBatch(torch.tensor([2, 0]), drawn, below))
    torch.testing.assert_close(ready.latents, encode_pictures(components, Squares().drawn[:2]))
    torch.testing.assert_close(ready.condition_latents, encode_pictures(components, pictures[:2]))
    torch.testing.assert_close(ready.condition, as_condition(pictures[:2]))
    texts = encode_prompts(components, [task_prompt("push the navy button"), ""])
    torch.testing.assert_close(ready.text, texts)
    kept = (ready.latents.half(), ready.condition_latents.half())
    again = trainee._ready(DrawingBatch(torch.tensor([2, 0]), None, below, *kept))
    assert again.latents.dtype == torch.float32
    torch.testing.assert_close(again.latents, ready.latents, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["sample", "epsilon", "v_prediction"])
def test_loss_is_zero_for_the_right_prediction(kind, monkeypatch):
    components = tiny_base()
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
    components, config = tiny_base(), StepConfig(changed_weight=8.0, beta=beta)
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
def drawn_folder(tmp_path_factory):
    return saved(drawing(tmp_path_factory.mktemp("controlnet")))


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
        PROMPTS[1],
        image=as_condition(pictures[:1]),
        num_inference_steps=steps,
        guidance_scale=0.0,
        generator=torch.Generator().manual_seed(3),
        output_type="pil",
    ).images[0]
    found = agent.draw_tiled(pictures[0], PROMPTS[1], seed=3)
    _assert_alike(found, np.asarray(expected))


def _assert_alike(found, expected):
    """Sums may be added up in another order, which can tip a rounding."""
    differences = np.abs(found.astype(int) - expected.astype(int))
    assert differences.max() <= 1
    assert (differences > 0).mean() < 0.005


def test_agent_draws_what_the_stock_pix2pix_pipeline_draws(pictures, tmp_path):
    saved(drawing(tmp_path, "concat"))
    agent = DiffusionAgent.load(tmp_path)
    stock = DiffusionPipeline.from_pretrained(tmp_path)
    assert isinstance(stock, StableDiffusionInstructPix2PixPipeline)
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        PROMPTS[1],
        image=as_condition(pictures[:1]),
        num_inference_steps=1,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(3),
    ).images[0]
    found = agent.draw_tiled(pictures[0], PROMPTS[1], seed=3)
    _assert_alike(found, np.asarray(expected))


@pytest.mark.parametrize("adapter", ["unet-lora", "controlnet-lora"])
def test_lora_is_in_the_saved_weights(adapter, pictures, tmp_path):
    trainer = drawing(tmp_path, adapter, ema=0.0)
    losses_of(trainer)
    before = DiffusionAgent(trainer.trainee.components).draw_tiled(pictures[0], "x").astype(int)
    save_model(trainer.trainee.components, tmp_path)
    after = DiffusionAgent.load(tmp_path).draw_tiled(pictures[0], "x").astype(int)
    assert abs(after - before).max() <= 1
    assert "lora" not in " ".join(DiffusionAgent.load(tmp_path).components.unet.state_dict())


def test_averaged_weights_are_saved(tmp_path):
    trainer = drawing(tmp_path, "frozen", ema=0.5)
    saved(trainer)
    kept = load_tensors(tmp_path / "training.safetensors")[0]
    name = "controlnet.conv_in.weight"
    assert not torch.equal(kept[f"average.{name}"], kept[f"weights.{name}"])
    expected = kept[f"average.{name}"].half().float()
    assert torch.equal(trainer.trainee.controlnet.conv_in.weight, expected), "in half precision"


def test_agent_on_views(drawn_folder, pictures):
    agent = DiffusionAgent.load(drawn_folder)
    half = SIZE // 2
    views = dict.fromkeys(TILE_ORDER, pictures[0][:half, :half])
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
        DiffusionAgent(tiny_base())
    components = tiny_base()
    for steps in (0, 10**9):
        with pytest.raises(UserError, match="sampling_steps"):
            DiffusionAgent(replace(components, unet=widen(components.unet)), steps)
    assert type(pipeline_of(components)).__name__ == "StableDiffusionPipeline"


def test_a_model_whose_own_words_make_it_slow_says_so(drawn_folder, tmp_path):
    folder = shutil.copytree(drawn_folder, tmp_path / "slow")
    said = {"tasks": ["lamp_on"], "view_size": 32, "horizon": 20, "keyframes": True}
    (folder / METADATA).write_text(json.dumps({**said, "sampling_steps": 1000}))
    with pytest.warns(UserWarning, match="sampling_steps 1000.*1000 times as long"):
        DiffusionAgent.load(folder)


def stable_diffusion(folder):
    """Write a folder as SD-Turbo's in all but size: learned autoencoder, noise prediction."""
    components = tiny_base()
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
    config = AdapterConfig(adapter, LoraSettings(2), step=StepConfig(noise_power=1))
    trainer = drawing(tmp_path / "out", config, components, learning_rate=1e-5)
    assert all(np.isfinite(losses_of(trainer)))
    saved(trainer)
    agent = DiffusionAgent.load(tmp_path / "out", 2)
    stock = StableDiffusionControlNetPipeline.from_pretrained(tmp_path / "out")
    assert isinstance(stock.vae, AutoencoderKL)
    _assert_same(agent, stock, pictures, 2)


def test_half_precision_trains_alike_and_leaves_single_precision_weights(pictures, tmp_path):
    single, half = (drawing(tmp_path / name, precision=name) for name in ("float32", "bfloat16"))
    np.testing.assert_allclose(losses_of(half), losses_of(single), rtol=0.03)
    assert {weight.dtype for weight in half.trainee.parameters()} == {torch.float32}
    saved(half)
    agent = DiffusionAgent.load(tmp_path / "bfloat16")
    drawn = agent.draw_tiled(pictures[0], PROMPTS[1])
    with torch.no_grad():
        ours = DiffusionAgent(half.trainee.components)
        wanted = ours.draw_tiled(pictures[0], PROMPTS[1])
    np.testing.assert_allclose(drawn.astype(int), wanted.astype(int), atol=2)


def test_validation_draws_with_the_averages(pictures, tmp_path):
    components = tiny_base()
    picture = []

    def validate():
        agent = DiffusionAgent(components)
        picture.append(agent.draw_tiled(pictures[0], PROMPTS[1]))
        return {"brightness": float(picture[-1].mean())}, picture[-1]

    trainer = drawing(tmp_path, components=components, validate=validate)
    losses_of(trainer)
    assert [seen["step"] for seen in trainer.validations] == [3]
    trainer.use_average()
    again = DiffusionAgent(components).draw_tiled(pictures[0], PROMPTS[1])
    np.testing.assert_array_equal(picture[-1], again)


def test_the_exact_part_of_the_embedding_is_not_trained(tmp_path):
    embedding = drawing(tmp_path).trainee.controlnet.controlnet_cond_embedding
    trained = {name for name, p in embedding.named_parameters() if p.requires_grad}
    assert trained == {"conv_out.weight", "conv_out.bias"}


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.int64, bool])
def test_only_pictures_of_bytes_are_drawn_on(drawn_folder, pictures, dtype):
    half = SIZE // 2
    agent, view = DiffusionAgent.load(drawn_folder), pictures[0][:half, :half]
    wrong = (view / 255 if dtype is np.float32 else view).astype(dtype)
    for views in (
        {**dict.fromkeys(TILE_ORDER, view), "front": wrong},
        dict.fromkeys(TILE_ORDER, wrong),
    ):
        with pytest.raises(UserError, match=f"view of .* is .*{np.dtype(dtype).name}; give"):
            agent.draw(views, "push")
    with pytest.raises(UserError, match="tiled picture"):
        agent.draw_tiled(tile(dict.fromkeys(TILE_ORDER, wrong)), "push")


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 1), (16, 16, 4), (3, 16, 16), (0, 0, 3)])
def test_only_pictures_of_three_colors_are_drawn_on(drawn_folder, shape):
    agent = DiffusionAgent.load(drawn_folder)
    with pytest.raises(UserError, match="view of .*uint8; give a picture"):
        agent.draw(dict.fromkeys(TILE_ORDER, np.zeros(shape, np.uint8)), "push")


def test_a_picture_that_is_not_finite_is_no_picture(drawn_folder, pictures):
    agent = DiffusionAgent.load(drawn_folder)
    with torch.no_grad():
        agent.components.unet.conv_out.bias[0] = float("nan")
    with pytest.raises(UserError, match="not finite"):
        agent.draw_tiled(pictures[0], "push")


def test_a_model_is_written_file_by_file_whole(tmp_path):
    trainer = drawing(tmp_path)
    (tmp_path / ".writing.killed").mkdir()
    save_model(trainer.trainee.components, tmp_path)
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert {"model_index.json", "unet/config.json", "tokenizer/tokenizer.json"} <= files
    assert not [name for name in files if "partial" in name or "writing" in name]
    modes = {(tmp_path / name).stat().st_mode & 0o777 for name in files}
    assert len(modes) == 1, "weights may be read by whoever may read the rest"
    assert not list(tmp_path.glob(".*"))
