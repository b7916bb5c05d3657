"""What makes drawing faster: equal pictures within a tolerance, the same again, or a refusal."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers import AutoencoderTiny, StableDiffusionControlNetPipeline
from paper_models import SIZE, sd, write

from genima_lite.diffusion import agent as agents
from genima_lite.diffusion.adapters import build_controlnet
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.components import as_condition
from genima_lite.diffusion.speed import DrawingSpeed
from genima_lite.errors import UserError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

PICTURE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    components = sd()
    components.controlnet = build_controlnet(components.unet, components.vae)
    return write(tmp_path_factory.mktemp("model"), components)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    )
    tiny.save_pretrained(folder)
    return folder


def draw(folder, **speed):
    agent = DiffusionAgent.load(folder, 2, speed=DrawingSpeed(**speed))
    return agent, agent.draw_tiled(PICTURE, "push", seed=1).astype(int)


def test_half_precision_draws_the_same_but_for_a_few_levels(folder):
    (_, single), (agent, half) = draw(folder), draw(folder, half=True)
    assert agent.components.unet.dtype == torch.float16
    assert abs(single - half).max() <= 4
    assert (agent.draw_tiled(PICTURE, "push", seed=1) == half).all()
    assert not DrawingSpeed().is_half("cpu")
    assert DrawingSpeed().is_half("cuda")
    assert not DrawingSpeed(half=False).is_half("cuda")


def test_a_tiny_autoencoder_decodes_as_in_the_stock_pipeline(folder, decoder):
    agent, found = draw(folder, decoder=str(decoder))
    assert "decoder" not in agent.components.parts()
    stock = StableDiffusionControlNetPipeline.from_pretrained(folder)
    stock.vae = AutoencoderTiny.from_pretrained(decoder)
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        "push",
        image=as_condition(PICTURE[None]),
        num_inference_steps=2,
        guidance_scale=0.0,
        height=SIZE,
        width=SIZE,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    assert abs(found - np.asarray(expected).astype(int)).max() <= 1


def test_what_is_no_tiny_autoencoder_is_refused(folder, decoder, tmp_path):
    with pytest.raises(UserError, match="no weights"):
        draw(folder, decoder=str(tmp_path))
    with pytest.raises(UserError, match="_class_name is AutoencoderKL"):
        draw(folder, decoder=str(folder / "vae"))
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(
        (decoder / "diffusion_pytorch_model.safetensors").read_bytes()
    )
    sizes = json.loads((decoder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**sizes, "latent_channels": 8}))
    with pytest.raises(UserError, match="decodes 8 channels, 8 pixels each; .* have 4 channels"):
        draw(folder, decoder=str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({**sizes, "num_decoder_blocks": [2] * 4}))
    with pytest.raises(UserError, match="of another network"):
        draw(folder, decoder=str(tmp_path))


def test_one_step_is_compiled_and_draws_the_same(folder, monkeypatch):
    compiled = []

    def compile(function, mode):
        compiled.append((function.__name__, mode))
        return function

    monkeypatch.setattr(agents.torch, "compile", compile)
    (_, plain), (_, fast) = draw(folder), draw(folder, compile=True)
    assert compiled == [("predict", "reduce-overhead")]
    assert (plain == fast).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_half_precision_and_a_compiled_step_draw_alike(folder):
    plain = DiffusionAgent.load(folder, 2, "cuda", DrawingSpeed(half=False))
    fast = DiffusionAgent.load(folder, 2, "cuda", DrawingSpeed(compile=True))
    one, other = (each.draw_tiled(PICTURE, "push", 1).astype(int) for each in (plain, fast))
    assert abs(one - other).max() <= 4
    assert (fast.draw_tiled(PICTURE, "push", 1) == other).all()
