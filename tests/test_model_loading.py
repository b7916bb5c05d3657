"""Models as they come: in one file, in half precision, with LoRA beside them, or not at all."""

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from diffusers import StableDiffusionPipeline
from paper_models import SIZE, sd, single_file, write, xl
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from genima_lite import hub
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import Components, encode_prompts, encode_sentences, predict
from genima_lite.diffusion.lora import add_lora
from genima_lite.errors import UserError
from genima_lite.provenance import model_fingerprint

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NETWORKS = ("unet", "vae", "text_encoder")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sd"), sd())


@pytest.fixture(scope="module")
def good_xl(tmp_path_factory):
    return write(tmp_path_factory.mktemp("xl"), xl())


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "model")


def assert_same(one, other):
    for name in NETWORKS:
        a, b = (getattr(each, name).state_dict() for each in (one, other))
        assert sorted(a) == sorted(b)
        assert all(torch.equal(a[key], b[key]) for key in a), name


@pytest.fixture
def alone(folder):
    """A folder with the JSON of a model, and one file with all weights."""
    for path in folder.rglob("*.safetensors"):
        path.unlink()
    path = folder / "sd_turbo.safetensors"
    save_file({k: v.contiguous() for k, v in single_file(sd()).items()}, path)
    return path


def test_one_file_holds_the_same_model(alone, good):
    assert_same(load_pipeline(good), load_pipeline(alone))
    stock = StableDiffusionPipeline.from_single_file(
        alone, config=str(good), local_files_only=True, safety_checker=None
    )
    assert_same(load_pipeline(good), stock)
    assert model_fingerprint(alone) != model_fingerprint(good)


def test_one_file_holds_a_stable_diffusion_xl(good_xl, tmp_path):
    folder = shutil.copytree(good_xl, tmp_path / "xl", ignore=lambda _, names: weights_of(names))
    path = folder / "sd_xl_turbo_1.0_fp16.safetensors"
    save_file({k: v.half().contiguous() for k, v in single_file(xl()).items()}, path)
    found, expected = load_pipeline(path), load_pipeline(good_xl)
    for name in (*NETWORKS, "text_encoder_2"):
        a, b = (getattr(each, name).state_dict() for each in (found, expected))
        assert sorted(a) == sorted(b)
        for key in a:
            torch.testing.assert_close(a[key], b[key].half().to(b[key].dtype), atol=0, rtol=0)


def weights_of(names):
    return [name for name in names if name.endswith(".safetensors")]


def test_weights_in_shards_are_the_same_model(folder, good):
    for path in (folder / "unet").glob("*.safetensors"):
        path.unlink()
    sd().unet.save_pretrained(folder / "unet", max_shard_size="200KB")
    assert len(list((folder / "unet").glob("*-of-*.safetensors"))) > 1
    assert_same(load_pipeline(folder), load_pipeline(good))
    assert model_fingerprint(folder) != model_fingerprint(good)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.pop("model.diffusion_model.middle_block.0.in_layers.0.weight"), "is missing"),
        (lambda t: t.pop("cond_stage_model.model.ln_final.weight"), "is missing"),
        (lambda t: [t.pop(k) for k in list(t) if k.startswith("model.")], "unet|missing"),
        (lambda t: t.update({k: v[:2] for k, v in t.items() if k.endswith("out.0.bias")}), "not"),
        (lambda t: t["model.diffusion_model.out.0.bias"].fill_(float("nan")), "not finite"),
    ],
)
def test_one_file_of_another_model_is_refused(change, match, alone):
    tensors = load_file(alone)
    change(tensors)
    save_file(tensors, alone)
    with pytest.raises(UserError, match=match) as refused:
        load_pipeline(alone)
    assert str(alone) in str(refused.value)


def test_one_file_needs_the_sizes_beside_it(alone, tmp_path):
    lonely = tmp_path / "lonely/sd_turbo.safetensors"
    lonely.parent.mkdir()
    shutil.copy(alone, lonely)
    with pytest.raises(UserError, match=r"lonely.*model_index.json is missing"):
        load_pipeline(lonely)


@pytest.mark.parametrize(
    ("dtype", "unet", "text", "vae"),
    [
        (torch.float32, torch.float32, torch.float32, torch.float32),
        (torch.bfloat16, torch.bfloat16, torch.float32, torch.float32),
        (torch.float16, torch.float16, torch.float16, torch.float32),
    ],
)
def test_weights_are_kept_in_the_precision_that_is_asked_for(dtype, unet, text, vae, good):
    loaded = load_pipeline(good, dtype)
    kept = (loaded.unet.dtype, loaded.text_encoder.dtype, loaded.vae.dtype)
    assert kept == (unet, text, vae), "an autoencoder that may overflow stays in float32"
    assert load_pipeline(good, dtype, trained=("unet",)).unet.dtype == torch.float32


def test_an_autoencoder_that_fits_float16_is_kept_in_it(good_xl):
    assert load_pipeline(good_xl, torch.float16).vae.dtype == torch.float16
    assert load_pipeline(good_xl, torch.bfloat16).vae.dtype == torch.float32


def prediction(folder, dtype):
    components = Components.of(load_pipeline(folder, dtype))
    noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    text, whole = (each(components, ["push"]) for each in (encode_prompts, encode_sentences))
    with torch.no_grad():
        return predict(components, noisy, torch.tensor([900]), text, sentence=whole)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_predicts_alike(dtype, good, good_xl):
    for model in (good, good_xl):
        single, half = (prediction(model, each) for each in (torch.float32, dtype))
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, single, atol=0.05, rtol=0.05)


def test_a_stable_diffusion_xl_predicts_what_stock_networks_do(good_xl):
    components = Components.of(load_pipeline(good_xl))
    stock = Components.of(load_pipeline(good_xl))
    pipeline = load_pipeline(good_xl)
    tokens, _, pooled, _ = pipeline.encode_prompt("push the red button", device="cpu")
    torch.testing.assert_close(encode_prompts(components, ["push the red button"]), tokens)
    torch.testing.assert_close(encode_sentences(components, ["push the red button"]), pooled)
    ids = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]])
    noisy = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        expected = stock.unet(
            noisy, 900, tokens, added_cond_kwargs={"text_embeds": pooled, "time_ids": ids}
        ).sample
        found = predict(components, noisy, torch.tensor([900]), tokens, sentence=pooled)
    torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match="whole prompt"):
        predict(components, noisy, torch.tensor([900]), tokens)


# ------------------------------------------------------------------------------ LoRA


def with_lora(**config):
    """Return a UNet with random LoRA; its output is the truth."""
    unet = sd().unet.requires_grad_(False)
    targets = ["to_q", "to_out.0", "conv1", "proj_in", "ff.net.2"]
    config = LoraConfig(r=3, target_modules=targets, **config)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        unet.add_adapter(config)
        for name, parameter in unet.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
    return unet


def output(unet):
    generator = torch.Generator().manual_seed(0)
    noisy, text = (torch.randn(size, generator=generator) for size in ((1, 4, 8, 8), (1, 40, 64)))
    with torch.no_grad():
        return unet(noisy, 900, text).sample


SCALES = {
    "alpha is the rank": {"lora_alpha": 3},
    "alpha is more": {"lora_alpha": 12},
    "rank-stabilised": {"lora_alpha": 6, "use_rslora": True},
    "patterns": {"lora_alpha": 3, "alpha_pattern": {"to_q": 9}, "rank_pattern": {"conv1": 2}},
}


@pytest.mark.parametrize("said", SCALES)
def test_lora_as_diffusers_writes_it(said, tmp_path, good):
    unet = with_lora(**SCALES[said])
    metadata = unet.peft_config["default"].to_dict()
    StableDiffusionPipeline.save_lora_weights(
        tmp_path,
        unet_lora_layers=get_peft_model_state_dict(unet),
        unet_lora_adapter_metadata=metadata,
    )
    for place in (tmp_path, tmp_path / "pytorch_lora_weights.safetensors"):
        loaded = load_pipeline(good, lora=place).unet
        torch.testing.assert_close(output(loaded), output(unet), atol=1e-5, rtol=1e-4)
    assert (output(unet) - output(sd().unet)).abs().max() > 0.01
    assert not [name for name in loaded.state_dict() if "lora" in name]


@pytest.mark.parametrize("said", SCALES)
def test_lora_as_peft_writes_it(said, tmp_path):
    unet = with_lora(**SCALES[said])
    model = get_peft_model(sd().unet, unet.peft_config["default"])
    own = {k.replace("base_model.model.", ""): v for k, v in model.named_parameters()}
    with torch.no_grad():
        for name, value in unet.named_parameters():
            if "lora_" in name:
                own[name].copy_(value)
    model.save_pretrained(tmp_path)
    plain = sd().unet
    assert add_lora(plain, tmp_path) > 5
    torch.testing.assert_close(output(plain), output(unet), atol=1e-5, rtol=1e-4)


def lora_file(path, **tensors):
    save_file({k.replace("__", "."): v for k, v in tensors.items()}, path)
    return path


PLACE = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize(
    ("names", "alpha"),
    [(("lora_A", "lora_B"), None), (("lora.down", "lora.up"), None), (("lora_A", "lora_B"), 1.0)],
)
def test_lora_by_hand(names, alpha, tmp_path):
    down, up = torch.randn(2, 64), torch.randn(64, 2)
    tensors = dict(zip((f"{PLACE}.{name}.weight" for name in names), (down, up), strict=True))
    if alpha is not None:
        tensors[f"{PLACE}.alpha"] = torch.tensor(alpha)
    unet = sd().unet
    before = unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight.clone()
    assert add_lora(unet, lora_file(tmp_path / "x.safetensors", **tensors)) == 1
    after = unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight
    expected = before + (1 if alpha is None else alpha / 2) * up @ down
    torch.testing.assert_close(after, expected)


WRONG = {
    "no LoRA": ({"unet.x.weight": torch.ones(2)}, "'unet.x.weight' is no LoRA of a UNet"),
    "half of it": ({f"{PLACE}.lora_A.weight": torch.ones(2, 64)}, "has no lora_B"),
    "another network": (
        {f"{PLACE}.lora_A.weight": torch.ones(2, 9), f"{PLACE}.lora_B.weight": torch.ones(64, 2)},
        "does not fit",
    ),
    "no such layer": (
        {"unet.a.lora_A.weight": torch.ones(2, 9), "unet.a.lora_B.weight": torch.ones(64, 2)},
        "'unet.a' does not fit",
    ),
    "of a text encoder": (
        {"text_encoder.a.lora_A.weight": torch.ones(2, 9)},
        "is no LoRA of a UNet",
    ),
    "too large": (
        {
            f"{PLACE}.lora_A.weight": torch.full((2, 64), 1e30),
            f"{PLACE}.lora_B.weight": torch.full((64, 2), 1e30),
        },
        "becomes too large",
    ),
    "ranks": (
        {f"{PLACE}.lora_A.weight": torch.ones(2, 64), f"{PLACE}.lora_B.weight": torch.ones(64, 3)},
        "does not fit",
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_lora_that_does_not_fit_is_refused_and_changes_nothing(how, tmp_path):
    tensors, match = WRONG[how]
    unet = sd().unet
    with pytest.raises(UserError, match=match) as refused:
        add_lora(unet, lora_file(tmp_path / "x.safetensors", **tensors))
    assert "x.safetensors" in str(refused.value)
    assert all(
        torch.equal(a, b) for a, b in zip(unet.parameters(), sd().unet.parameters(), strict=True)
    )


def test_dora_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="no LoRA in it"):
        add_lora(sd().unet, tmp_path)
    lora_file(tmp_path / "adapter_model.safetensors", x=torch.ones(1))
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 2, "use_dora": True}))
    with pytest.raises(UserError, match="use_dora"):
        add_lora(sd().unet, tmp_path)


# ------------------------------------------------------------------------------ the hub


def halves(folder):
    """Let a folder have weights in half precision alone."""
    for path in list(folder.rglob("*.safetensors")):
        save_file({k: v.half() for k, v in load_file(path).items()}, path)
        path.rename(path.with_suffix(".fp16.safetensors"))


def test_half_precision_alone_is_downloaded_and_loaded(folder, good, monkeypatch):
    halves(folder)
    asked = []

    def download(name, allow_patterns, ignore_patterns):
        asked.append(ignore_patterns)
        return str(good.parent / "nothing" if ignore_patterns else folder)

    empty = good.parent / "nothing/unet"
    empty.mkdir(parents=True, exist_ok=True)
    (empty / "config.json").write_text("{}")
    monkeypatch.setattr(hub, "snapshot_download", download)
    loaded = load_pipeline("some/model", torch.float16)
    assert "*.fp16.*" in asked[0]
    assert asked[1] == []
    assert loaded.unet.dtype == torch.float16
    np.testing.assert_allclose(
        output(loaded.unet.float()), output(load_pipeline(good).unet), atol=2e-3
    )


def test_a_model_that_is_gone_is_one_sentence(monkeypatch):
    def gone(*_, **__):
        raise OSError("404 Client Error\nRepository Not Found\nmore lines")

    monkeypatch.setattr(hub, "snapshot_download", gone)
    with pytest.raises(UserError, match="'stabilityai/sd-turbo'.*404.*local folder.*'laptop'") as e:
        load_pipeline("stabilityai/sd-turbo")
    assert "\n" not in str(e.value)
