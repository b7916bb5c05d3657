"""The base model: prompts, tokenizer, autoencoder, folder format."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers import AutoencoderDC, DDIMScheduler, DDPMScheduler, StableDiffusionPipeline

from genima_lite import hub
from genima_lite.diffusion.autoencoder import build_autoencoder
from genima_lite.diffusion.base import BaseConfig, build_base, check_folder, load_pipeline, preset
from genima_lite.diffusion.components import Components, encode_prompts
from genima_lite.diffusion.prompts import scene_caption, task_prompt
from genima_lite.diffusion.tokenizer import build_tokenizer, known_words
from genima_lite.envs.bench.tasks import load_task, task_names
from genima_lite.errors import UserError
from genima_lite.rlbench import COLORS

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def base():
    return build_base(preset("tiny", 64))


@pytest.fixture(scope="module")
def folder(base, tmp_path_factory):
    path = tmp_path_factory.mktemp("base")
    base.save_pretrained(path)
    return path


def test_prompt_holds_the_instruction_and_differs_between_tasks():
    prompts = {task_prompt(load_task(name).instructions(0)[0]) for name in task_names()}
    assert len(prompts) == len(task_names())
    assert "push the red button" in task_prompt(" push the red button ")
    with pytest.raises(UserError, match="empty"):
        task_prompt(" ")


def test_scene_caption_names_the_things():
    assert scene_caption(["red cup", "navy cup"]).endswith("robot arm, red cup, navy cup")


def test_every_known_word_is_one_token(base):
    tokenizer = base.tokenizer
    words = known_words()
    assert len(words) > 80
    assert "executing" in words
    for word in words:
        assert len(tokenizer(word).input_ids) == 3, word
    ids = [tokenizer(color).input_ids[1] for color in COLORS]
    assert len(set(ids)) == len(COLORS)


@pytest.mark.parametrize("text", ["push 2 zebras", "größe 8!", "x", "日本 7", 'a "b" - c'])
def test_no_end_of_text_inside(base, text):
    ids = base.tokenizer(text).input_ids
    assert ids[0] == base.tokenizer.bos_token_id
    assert ids[-1] == base.tokenizer.eos_token_id
    assert base.tokenizer.eos_token_id not in ids[1:-1]
    assert base.tokenizer.bos_token_id not in ids[1:-1]


def test_every_instruction_fits_and_prompts_of_colors_differ(base):
    components = Components.of(base)
    for name in task_names():
        task = load_task(name)
        for variation in range(task.variations):
            encode_prompts(components, [task_prompt(s) for s in task.instructions(variation)])
    two = encode_prompts(
        components, [task_prompt(f"push the {c} button") for c in ("teal", "navy")]
    )
    assert two.shape == (2, BaseConfig().text_length, 64)
    assert (two[0] - two[1]).pow(2).mean(-1).sqrt().max() > 0.5  # of a spread of 1


def test_a_prompt_that_would_be_cut_is_refused(base):
    with pytest.raises(UserError, match="tokens long"):
        encode_prompts(Components.of(base), ["cup " * 60])


def test_vocabulary_does_not_depend_on_the_order_of_words():
    words = ["red", "green", "green", "button"]
    one, two = build_tokenizer(words, 8), build_tokenizer(reversed(words), 8)
    assert one.get_vocab() == two.get_vocab()
    assert one("red button").input_ids == two("red button").input_ids


def test_autoencoder_is_pixel_unshuffle_and_lossless():
    vae = build_autoencoder()
    pictures = torch.rand(2, 3, 32, 48) * 2 - 1
    latents = vae.encode(pictures).latent_dist.sample()
    assert torch.equal(latents, torch.nn.functional.pixel_unshuffle(pictures, 8))
    assert (vae.decode(latents, generator=None).sample - pictures).abs().max() < 1e-5


def test_autoencoder_keeps_all_8_bit_colors_through_a_folder(folder):
    colors = torch.arange(256).reshape(1, 1, 16, 16).repeat(1, 3, 1, 1)
    pictures = colors / 127.5 - 1
    for kind in (type(build_autoencoder()), AutoencoderDC):  # the stock class loads it as well
        vae = kind.from_pretrained(folder / "vae")
        latents = torch.nn.functional.pixel_unshuffle(pictures, 8)
        decoded = (vae.decode(latents).sample / 2 + 0.5) * 255
        assert torch.equal(decoded.round().long(), colors)


def test_same_config_same_weights_and_global_seed_untouched(base):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    again = build_base(preset("tiny", 64))
    assert torch.equal(torch.rand(1), expected)
    for a, b in zip(base.unet.parameters(), again.unet.parameters(), strict=True):
        assert torch.equal(a, b)


def test_stock_pipeline_loads_the_folder_and_draws(folder, base):
    assert not list(folder.rglob("*.bin"))
    assert not list(folder.rglob("*.pkl"))
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    settings = {"num_inference_steps": 1, "guidance_scale": 0.0, "output_type": "np"}
    pictures = [
        each(
            task_prompt("push the red button"),
            generator=torch.Generator().manual_seed(0),
            **settings,
        )
        for each in (pipeline, base, load_pipeline(folder))
    ]
    assert pictures[0].images.shape == (1, 64, 64, 3)
    for other in pictures[1:]:
        np.testing.assert_allclose(pictures[0].images, other.images, atol=1e-5)


def test_the_only_sampling_step_starts_from_pure_noise(base):
    base.scheduler.set_timesteps(1)
    assert base.scheduler.timesteps.tolist() == [999]
    assert base.scheduler.alphas_cumprod[999] == 0


def test_noise_grows_by_the_same_factor_up_to_a_hundred_times_the_signal(base, folder):
    for kind, place in ((DDIMScheduler, folder), (DDPMScheduler, folder)):
        kept = kind.from_pretrained(place, subfolder="scheduler").alphas_cumprod[:999].double()
        noise = ((1 - kept) / kept).sqrt()
        np.testing.assert_allclose(noise[[0, 998]], [0.5, 100], rtol=1e-2)
        np.testing.assert_allclose(noise[1:] / noise[:-1], 200 ** (1 / 998), rtol=1e-3)


def test_text_reaches_every_resolution(base):
    names = [name for name, _ in base.unet.named_modules() if name.endswith("attn2")]
    assert {name.split(".")[1] for name in names if name.startswith("down_blocks")} == {"0", "1"}
    assert hasattr(base.unet, "add_embedding")


@pytest.mark.parametrize(
    "wrong",
    [{"channels": (40,)}, {"picture_size": 100}, {"text_width": 96}, {"layers": 0}, {"heads": 3}],
)
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(UserError):
        BaseConfig(**wrong)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="model_index"):
        check_folder(tmp_path)
    check_folder("stabilityai/sd-turbo")
    with pytest.raises(UserError, match="preset"):
        preset("huge")


def test_a_mistyped_folder_that_looks_like_a_hub_id_is_explained(monkeypatch):
    def offline(*_, **__):
        raise OSError("offline")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    with pytest.raises(UserError, match="'runs/nothing' is no folder.*offline.*local folder"):
        load_pipeline("runs/nothing")
