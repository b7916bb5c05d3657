"""Looking into a diffusion model: sampling, attention, and the widgets on them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("diffusers")
pytest.importorskip("ipywidgets")

from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.prompts import scene_caption, task_prompt
from genima_lite.shipped import shipped
from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.viz.attention import drawing_maps, recorded_attention, words_of
from genima_lite.viz.denoising import as_picture, noised, sample
from genima_lite.viz.model_widgets import denoise, look_at_word

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CAPTION = scene_caption(["blue cup"])


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(shipped("mini-turbo"))


@pytest.fixture(scope="module")
def agent():
    return DiffusionAgent.load(shipped("genima/diffusion"))


def views():
    rng = np.random.default_rng(0)
    return {camera: rng.integers(0, 256, (64, 64, 3), np.uint8) for camera in TILE_ORDER}


def picture(playground):
    return np.asarray(Image.open(io.BytesIO(playground.image.value)))


@pytest.mark.parametrize(("steps", "guidance"), [(1, 1.0), (3, 3.0)])
def test_a_sample_is_the_one_of_the_stock_pipeline(pipeline, steps, guidance):
    stock = pipeline(
        CAPTION,
        num_inference_steps=steps,
        guidance_scale=guidance,
        height=128,
        width=128,
        generator=torch.Generator().manual_seed(3),
    ).images[0]
    made = sample(Components.of(pipeline), CAPTION, steps, guidance, seed=3)
    assert len(made.timesteps) == len(made.noisy) == len(made.clean) == steps
    np.testing.assert_allclose(made.picture.astype(int), np.asarray(stock, int), atol=1)


def test_less_noise_leaves_more_of_the_picture(pipeline):
    base, seen = Components.of(pipeline), tile(views())
    away = [
        np.abs(as_picture(base, noised(base, seen, t)).astype(int) - seen).mean()
        for t in (0, 300, 999)
    ]
    assert away[0] < away[1] < away[2]


def test_attention_is_shared_among_words_and_recording_changes_nothing(agent):
    seen, before = views(), dict(agent.components.unet.attn_processors)
    plain = agent.draw(seen, "pick up the red cup")
    with recorded_attention(agent.components.unet) as kept:
        drawn = agent.draw(seen, "pick up the red cup")
    assert agent.components.unet.attn_processors == before
    for camera in TILE_ORDER:
        np.testing.assert_allclose(drawn[camera].astype(int), plain[camera].astype(int), atol=1)
    for weights in kept.values():
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


def test_words_are_found_among_the_tokens(agent):
    words = words_of(agent.components, task_prompt("pick up the red cup"))
    assert {"tiled", "robot", "pick", "red", "cup"} <= set(words)
    ids = agent.components.tokenizer(task_prompt("pick up the red cup")).input_ids
    assert agent.components.tokenizer.decode([ids[words["red"]]]).strip() == "red"
    _, maps = drawing_maps(agent, views(), "pick up the red cup")
    assert maps["red"].shape == (16, 16)


def test_another_word_shows_another_map(agent):
    playground = look_at_word(agent, views(), "pick up the red cup", "cup")
    before = picture(playground)
    playground.controls["word"].value = "the"
    assert (picture(playground) != before).any()


def test_the_noise_slider_shows_the_noise_and_what_becomes_of_it(pipeline):
    playground = denoise(Components.of(pipeline), tile(views()), CAPTION)
    before = picture(playground)
    playground.controls["level"].value = 100
    after = picture(playground)
    assert (after[:, :384] != before[:, :384]).any()
    assert (after[:, -384:] != before[:, -384:]).any()
    assert "timestep 100" in playground.text.value
