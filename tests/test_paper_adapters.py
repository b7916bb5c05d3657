"""Every family of base models: trained with each adapter, saved, and drawn by stock pipelines."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

import diffusers
from huggingface_hub import ModelCard
from paper_models import SIZE, sd, write, xl
from PIL import Image
from tiny_training import PROMPTS, Squares

from genima_lite.diffusion.adapters import LoraSettings, prepare, trained_networks
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.card import write_card
from genima_lite.diffusion.components import Components, as_condition
from genima_lite.diffusion.step import StepConfig, _noise, _snr_weight
from genima_lite.diffusion.train import AdapterConfig, Drawing, save_model
from genima_lite.errors import UserError
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer

pytestmark = pytest.mark.usefixtures("one_torch_thread")

LORA = LoraSettings(2, 4.0, ("to_q", "to_v"))
STEP = StepConfig(noise_power=1, changed_weight=0)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Folders of tiny models by family."""
    made = {"sd": sd(), "xl": xl(), "pix2pix": sd(in_channels=8)}
    root = tmp_path_factory.mktemp("bases")
    return {name: write(root / name, components) for name, components in made.items()}


def training(base, out, adapter, dtype=torch.float32, device="cpu", **more):
    """Return a trainer of a model in a folder."""
    config = TrainingConfig(steps=2, batch_size=2, warmup=0, learning_rate=5e-3, ema=0.5)
    adapter = AdapterConfig(adapter, LORA, step=STEP, **more)
    pipeline = load_pipeline(base, dtype, trained_networks(adapter.name))
    trainee = Drawing(Components.of(pipeline).to(device), PROMPTS, adapter, config)
    return Trainer(trainee, Squares(SIZE), config, out, {"of": "squares"}, device=device)


def trained(base, out, adapter, dtype=torch.float32, **more):
    """Train a model, write it, and return its trainer."""
    trainer = training(base, out, adapter, dtype, **more)
    assert all(np.isfinite(step.loss) for step in trainer.run())
    assert {p.dtype for p in trainer.trainee.parameters() if p.requires_grad} == {torch.float32}
    kept = trainer.trainee.unet.conv_in.weight.dtype
    assert kept == (torch.float32 if "unet" in trained_networks(adapter) else dtype)
    trainer.use_average()
    save_model(trainer.trainee.components, out)
    return trainer


def drawn_by(pipeline, **more):
    pipeline.set_progress_bar_config(disable=True)
    if not more:
        more = {"guidance_scale": 0.0, "height": SIZE, "width": SIZE}
    picture = pipeline(
        PROMPTS[1],
        image=as_condition(Squares(SIZE).plain[:1]),
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(3),
        output_type="pil",
        **more,
    ).images[0]
    return np.asarray(picture).astype(int)


def ours(folder, device="cpu"):
    agent = DiffusionAgent.load(folder, 2, device)
    return agent.draw_tiled(Squares(SIZE).plain[0], PROMPTS[1], seed=3).astype(int)


FAMILIES = {
    "sd": ("frozen", "StableDiffusionControlNetPipeline", {}),
    "sd and lora": ("unet-lora", "StableDiffusionControlNetPipeline", {}),
    "xl": ("frozen", "StableDiffusionXLControlNetPipeline", {}),
    "xl and lora": ("unet-lora", "StableDiffusionXLControlNetPipeline", {}),
    "pix2pix": ("concat", "StableDiffusionInstructPix2PixPipeline", {"guidance_scale": 1.0}),
    "pix2pix and lora": (
        "concat-lora",
        "StableDiffusionInstructPix2PixPipeline",
        {"guidance_scale": 1.0},
    ),
}


# Those without LoRA: tests/test_paper_recipes.py.
@pytest.mark.parametrize("family", [family for family in FAMILIES if "lora" in family])
def test_each_family_trains_and_draws_what_its_stock_pipeline_draws(family, bases, tmp_path):
    adapter, kind, how = FAMILIES[family]
    trained(bases[family.split()[0]], tmp_path, adapter, torch.bfloat16)
    stock = getattr(diffusers, kind).from_pretrained(tmp_path)
    found, expected = ours(tmp_path), drawn_by(stock, **how)
    assert abs(found - expected).max() <= 1
    assert (found - Squares(SIZE).plain[0]).any()
    lora = tmp_path / "pytorch_lora_weights.safetensors"
    assert lora.exists() == ("lora" in adapter)
    if lora.exists():
        whole = tmp_path / "unet/diffusion_pytorch_model.safetensors"
        assert lora.stat().st_size < whole.stat().st_size


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("family", FAMILIES)
def test_on_a_gpu_each_family_trains_and_then_draws_alike_on_both(family, bases, tmp_path):
    adapter, *_ = FAMILIES[family]
    how = {"device": "cuda", "gradient_checkpointing": True}
    trained(bases[family.split()[0]], tmp_path, adapter, torch.bfloat16, **how)
    one, other = (ours(tmp_path, device) for device in ("cpu", "cuda"))
    assert abs(one - other).max() <= 8, "the GPU draws in half precision"


@pytest.mark.parametrize("family", ["sd", "xl", "pix2pix"])
def test_lora_beside_the_folder_draws_on_the_base_what_the_fused_folder_draws(
    family, bases, tmp_path
):
    adapter, kind, how = FAMILIES[f"{family} and lora"]
    trained(bases[family], tmp_path, adapter)
    further = {}
    if (tmp_path / "controlnet").exists():
        further["controlnet"] = diffusers.ControlNetModel.from_pretrained(tmp_path / "controlnet")
    stock = getattr(diffusers, kind).from_pretrained(bases[family], **further)
    plain = drawn_by(stock, **how)
    stock.load_lora_weights(tmp_path)
    found = drawn_by(stock, **how)
    assert abs(found - ours(tmp_path)).max() <= 1, "but for the folder's half precision"
    assert (found != plain).any()
    again = load_pipeline(bases[family], lora=tmp_path).unet
    fused = load_pipeline(tmp_path).unet
    for one, other in zip(again.parameters(), fused.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_rank_alpha_and_targets_are_settings(bases):
    components = Components.of(load_pipeline(bases["sd"]))
    prepare(components, "unet-lora", LORA)
    (config,) = components.unet.peft_config.values()
    assert (config.r, config.lora_alpha, set(config.target_modules)) == (2, 4.0, {"to_q", "to_v"})
    names = [n for n, p in components.unet.named_parameters() if "lora_A" in n]
    assert names
    assert all(".to_q." in name or ".to_v." in name for name in names)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"alpha": 0.0}, {"targets": ()}])
def test_impossible_lora_is_refused(wrong):
    with pytest.raises(UserError, match="lora"):
        LoraSettings(**wrong)


def test_adapters_that_do_not_fit_the_base_are_refused(bases):
    with pytest.raises(UserError, match="reads the picture already"):
        prepare(Components.of(load_pipeline(bases["sd"])), "concat-lora")
    with pytest.raises(UserError, match="take 'concat' or 'concat-lora'"):
        prepare(Components.of(load_pipeline(bases["pix2pix"])), "frozen")
    with pytest.raises(UserError, match="targets nowhere"):
        prepare(
            Components.of(load_pipeline(bases["sd"])),
            "unet-lora",
            LoraSettings(targets=("nowhere",)),
        )


def test_the_text_encoders_leave_and_gradients_may_be_computed_anew(bases, tmp_path):
    plain = training(bases["sd"], tmp_path / "a", "frozen")
    again = training(bases["sd"], tmp_path / "b", "frozen", gradient_checkpointing=True)
    assert again.trainee.unet.is_gradient_checkpointing
    names = [name for name, _ in again.trainee.named_parameters()]
    assert not [name for name in names if name.startswith("text")]
    losses = [[step.loss for step in each.run()] for each in (plain, again)]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_both_networks_are_compiled_in_place(bases, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda network: compiled.append(network))
    trainee = training(bases["sd"], tmp_path, "frozen", compile=True).trainee
    assert compiled == [trainee.unet, trainee.controlnet]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_min_snr_weighs_an_error_of_the_clean_picture_by_its_ratio(kind):
    noiser = diffusers.DDPMScheduler(prediction_type=kind)
    steps = torch.tensor([10, 400, 990])
    kept = noiser.alphas_cumprod[steps]
    snr = kept / (1 - kept)
    of_clean = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones(3)}[kind]
    found = _snr_weight(noiser, steps, 5.0).flatten() * of_clean
    torch.testing.assert_close(found, snr.clamp(max=5.0))
    noiser.alphas_cumprod[999] = 0.0  # pure noise
    assert torch.isfinite(_snr_weight(noiser, torch.tensor([999]), 5.0)).all()


def test_offset_noise_shifts_whole_channels():
    plain, shifted = (
        _noise(torch.Size((400, 4, 8, 8)), offset, torch.Generator().manual_seed(0))
        for offset in (0.0, 0.5)
    )
    assert plain.mean((2, 3)).std() == pytest.approx(1 / 8, rel=0.1)
    assert shifted.mean((2, 3)).std() == pytest.approx((1 / 64 + 0.25) ** 0.5, rel=0.1)
    with pytest.raises(UserError, match="offset_noise"):
        StepConfig(offset_noise=-1)


def test_the_card_is_what_the_hub_reads(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "samples.png")
    (tmp_path / "pytorch_lora_weights.safetensors").touch()
    settings = {"view_size": 256, "tasks": ["push_button"], "training": {"learning_rate": 1e-5}}
    validations = [{"step": 1, "pixels": 9.0}, {"step": 2, "pixels": 1.23456, "misses": None}]
    for pipeline in ("StableDiffusionControlNetPipeline", "StableDiffusionInstructPix2PixPipeline"):
        write_card(tmp_path, pipeline, "stabilityai/sd-turbo", settings, validations)
        card = ModelCard.load(tmp_path / "README.md")
        assert card.data.base_model == "stabilityai/sd-turbo"
        assert card.data.library_name == "diffusers"
        assert "robotics" in card.data.tags
        for part in ("1.235", "| training.learning_rate | 1e-05 |", "samples.png", pipeline):
            assert part in card.text
        assert "load_lora_weights" in card.text
    write_card(tmp_path, pipeline, "some/folder/here", settings, [])
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.base_model is None
    assert "It was not measured" in card.text
