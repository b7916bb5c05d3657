"""Folders of models from elsewhere: loaded rightly, or refused with a sentence, and never run."""

import json
import os
import resource
import shutil
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from broken_tensors import BROKEN, poison
from safetensors.torch import load_file, save_file

from genima_lite import hub
from genima_lite.diffusion.base import build_base, load_pipeline, preset
from genima_lite.errors import UserError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

UNET = "unet/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
WEIGHTS = (UNET, "vae/diffusion_pytorch_model.safetensors", TEXT)
INDEX = "model_index.json"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good")
    build_base(preset("tiny", 32)).save_pretrained(path)
    return path


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "model")


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def set_tensors(path, alter):
    tensors = load_file(path)
    alter(tensors)
    save_file(tensors, path, {"format": "pt"})


def wider(folder):
    """Make a UNet for inpainting: further input channels, in sizes and weights."""

    def alter(tensors):
        old = tensors["conv_in.weight"]
        tensors["conv_in.weight"] = torch.cat([old, old[:, :5]], dim=1)

    set_tensors(folder / UNET, alter)
    edit(folder / "unet/config.json", in_channels=197)


def vocabulary(alter):
    def change(folder):
        path = folder / "tokenizer/tokenizer.json"
        values = json.loads(path.read_text())
        alter(values["model"])
        path.write_text(json.dumps(values))

    return change


def alike(model):
    vocab = model["vocab"]
    vocab["red</w>"] = vocab["navy</w>"]


def pickled(folder):
    (folder / UNET).unlink()
    torch.save({}, folder / "unet/diffusion_pytorch_model.bin")


def linked(folder):
    outside = folder.parent / "outside.safetensors"
    (folder / UNET).rename(outside)
    (folder / UNET).symlink_to(outside)


def sharded_outside(folder):
    (folder / UNET).rename(folder / "x.safetensors")
    names = dict.fromkeys(load_file(folder / "x.safetensors"), "../x.safetensors")
    index = folder / f"{UNET}.index.json"
    index.write_text(json.dumps({"weight_map": names}))


def part(name, *pair):
    return lambda folder: edit(folder / INDEX, **{name: list(pair)})


def config(name, **changes):
    return lambda folder: edit(folder / name, **changes)


WRONG = {
    "a class of the folder": (config(INDEX, _class_name=["evil", "Evil"]), "_class_name"),
    "an unknown pipeline": (config(INDEX, _class_name="EvilPipeline"), "_class_name"),
    "no pipeline": (config(INDEX, _class_name=None), "_class_name"),
    "a part of the folder": (part("unet", "evil", "EvilNet"), "unet is"),
    "a part of a library": (part("unet", "transformers", "AutoModel"), "unet is"),
    "another part": (part("extra", "evil", "Evil"), "'extra' is no part"),
    "a checker of the folder": (part("safety_checker", "evil", "Evil"), "safety_checker"),
    "nested": (config(INDEX, unet={"a": 1}), "unet is"),
    "no part": (part("vae", None, None), "vae is"),
    "a class in the sizes": (config("unet/config.json", _class_name=["evil", "Evil"]), "_class_na"),
    "a map of code": (
        config("text_encoder/config.json", auto_map={"AutoModel": "evil.E"}),
        "auto_",
    ),
    "a tokenizer's code": (
        config("tokenizer/tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.E", None]}),
        "auto_map",
    ),
    "Stable Diffusion XL": (
        config(INDEX, _class_name="StableDiffusionXLPipeline"),
        "names no text_encoder_2",
    ),
    "a second text encoder": (
        part("text_encoder_2", "transformers", "CLIPTextModelWithProjection"),
        "text_encoder_2 is for Stable Diffusion XL",
    ),
    "XL's text": (config("unet/config.json", addition_embed_type="text_time"), "unet|UNet"),
    "inpainting": (wider, "197 channels"),
    "pickled weights": (pickled, "could run code.*save_pretrained"),
    "no weights": (lambda folder: (folder / UNET).unlink(), "no weights"),
    "a link out of the folder": (linked, "a link out of"),
    "a shard outside": (sharded_outside, "no name of a safetensors file"),
    "NaN": (lambda folder: poison(folder / TEXT), r"text_encoder.*not finite"),
    "a missing tensor": (
        lambda folder: set_tensors(folder / TEXT, lambda t: t.pop(next(iter(t)))),
        "text_encoder.*is missing",
    ),
    "another tensor": (
        lambda folder: set_tensors(folder / TEXT, lambda t: t.update(x=torch.ones(2))),
        "text_encoder.*'x' has no place",
    ),
    "integers": (
        lambda folder: set_tensors(
            folder / TEXT, lambda t: t.update({k: v.int() for k, v in list(t.items())[:1]})
        ),
        "I32, not real numbers",
    ),
    "no sizes": (lambda folder: (folder / "unet/config.json").unlink(), "unet/config.json"),
    "sizes as a list": (
        lambda folder: (folder / "unet/config.json").write_text("[]"),
        "config.json",
    ),
    "a million layers": (config("unet/config.json", layers_per_block=10**6), "layers_per_block"),
    "some more layers": (config("unet/config.json", layers_per_block=150), "more layers"),
    "layers as a word": (config("unet/config.json", layers_per_block="many"), "can be built"),
    "wide channels": (config("unet/config.json", block_out_channels=[10**7, 64]), "block_out_cha"),
    "wider channels": (config("unet/config.json", block_out_channels=[10**6, 64]), "unet"),
    "many blocks": (
        config("unet/config.json", down_block_types=["DownBlock2D"] * 99),
        "down_block",
    ),
    "layers of text": (config("text_encoder/config.json", num_hidden_layers=10**6), "num_hidden"),
    "words of text": (config("text_encoder/config.json", vocab_size=10**6), "another network"),
    "width as text": (config("text_encoder/config.json", hidden_size="x"), "hidden_size"),
    "unknown activation": (config("text_encoder/config.json", hidden_act="evil"), "can be built"),
    "steps of noise": (
        config("scheduler/scheduler_config.json", num_train_timesteps=10**9),
        "num_train_timesteps",
    ),
    "unknown prediction": (
        config("scheduler/scheduler_config.json", prediction_type="x"),
        "predic",
    ),
    "no list of noise": (
        config("scheduler/scheduler_config.json", trained_betas=10**5),
        "noise must",
    ),
    "noise": (config("scheduler/scheduler_config.json", trained_betas=[2.0] * 1000), "noise must"),
    "no tokenizer": (lambda folder: shutil.rmtree(folder / "tokenizer"), "vocab.json is missing"),
    "no vocabulary": (vocabulary(lambda m: m.update(vocab={})), "not in the vocabulary"),
    "words alike": (vocabulary(alike), "numbered"),
    "no merges": (vocabulary(lambda m: m.pop("merges")), "merges"),
    "unknown merges": (vocabulary(lambda m: m["merges"].append(["zz", "qq"])), "no vocabulary"),
    "numbers as words": (vocabulary(lambda m: m["vocab"].update({"red</w>": "4"})), "vocab"),
    "a tokenizer as a pipe": (
        lambda folder: (
            (folder / "tokenizer/tokenizer.json").unlink(),
            os.mkfifo(folder / "tokenizer/tokenizer.json"),
        ),
        "pipe",
    ),
    "an index as a device": (
        lambda folder: ((folder / INDEX).unlink(), (folder / INDEX).symlink_to("/dev/zero")),
        "device",
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_folder_is_refused_and_runs_nothing(how, folder):
    marker = folder.parent / "executed"
    for place in (".", "unet", "text_encoder", "tokenizer"):
        (folder / place / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    damage, match = WRONG[how]
    damage(folder)
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=match) as refused:
        load_pipeline(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not marker.exists()
    assert time.monotonic() - begun < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KB


@pytest.mark.parametrize("how", BROKEN)
def test_broken_weights_are_refused(how, folder):
    BROKEN[how](folder / UNET)
    with pytest.raises(UserError, match=r"unet"):
        load_pipeline(folder)


@pytest.mark.parametrize("name", WEIGHTS)
def test_half_weights_of_any_part_are_refused(name, folder):
    BROKEN["cut off"](folder / name)
    with pytest.raises(UserError, match=name.split("/")[0]):
        load_pipeline(folder)


def same(one, other, exactly=True):
    for name in ("unet", "text_encoder", "vae"):
        a, b = (getattr(each, name).state_dict() for each in (one, other))
        assert sorted(a) == sorted(b)
        for key, value in a.items():
            assert value.dtype == torch.float32
            torch.testing.assert_close(b[key], value, atol=0 if exactly else 1e-3, rtol=1e-3)


def test_half_precision_alone_is_loaded(good, folder):
    for name in (UNET, TEXT):
        half = {k: v.half() for k, v in load_file(folder / name).items()}
        save_file(half, (folder / name).with_suffix(".fp16.safetensors"))
        (folder / name).unlink()
    same(load_pipeline(good), load_pipeline(folder), exactly=False)


def test_weights_in_several_files_are_loaded(good, folder):
    for name in (UNET, TEXT):
        tensors = load_file(folder / name)
        names = sorted(tensors)
        places = {k: f"part-{i % 3}.safetensors" for i, k in enumerate(names)}
        for file in sorted(set(places.values())):
            some = {k: tensors[k] for k in names if places[k] == file}
            save_file(some, (folder / name).with_name(file))
        (folder / f"{name}.index.json").write_text(json.dumps({"weight_map": places}))
        (folder / name).unlink()
    same(load_pipeline(good), load_pipeline(folder))
    (folder / "unet/part-1.safetensors").unlink()
    with pytest.raises(UserError, match=r"part-1.safetensors: no such file"):
        load_pipeline(folder)


def test_a_text_encoder_of_an_older_version_is_loaded(good, folder):
    tensors = {f"text_model.{k}": v for k, v in load_file(folder / TEXT).items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(40)[None]
    save_file(tensors, folder / TEXT)
    same(load_pipeline(good), load_pipeline(folder))


def test_a_vocabulary_in_two_files_is_the_same(good, folder):
    place = folder / "tokenizer"
    model = json.loads((place / "tokenizer.json").read_text())["model"]
    (place / "vocab.json").write_text(json.dumps(model["vocab"]))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (place / "merges.txt").write_text("\n".join(lines) + "\n")
    (place / "tokenizer.json").unlink()
    one, other = (load_pipeline(each).tokenizer for each in (good, folder))
    words = ["push the red button", "2 zebras", "größe"]
    assert one(words).input_ids == other(words).input_ids
    assert one.model_max_length == other.model_max_length


def test_a_model_of_the_hub_goes_through_the_same_checks(good, tmp_path, monkeypatch):
    cache = tmp_path / "models--some--model"
    snapshot = cache / "snapshots/1"
    (cache / "blobs").mkdir(parents=True)
    for number, path in enumerate(p for p in good.rglob("*") if p.is_file()):
        shutil.copy(path, cache / f"blobs/{number}")
        link = snapshot / path.relative_to(good)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(cache / f"blobs/{number}", link.parent))
    asked = []

    def download(name, allow_patterns, ignore_patterns=None):
        asked.append(allow_patterns)
        return str(snapshot)

    monkeypatch.setattr(hub, "snapshot_download", download)
    same(load_pipeline(good), load_pipeline("some/model"))
    assert all(each.endswith((".json", ".txt", ".safetensors")) for each in asked[0])
    (snapshot / INDEX).unlink()
    (snapshot / INDEX).write_text(json.dumps({"_class_name": "Evil"}))
    with pytest.raises(UserError, match="_class_name"):
        load_pipeline("some/model")


@pytest.mark.parametrize("name", ["./nothing", "nothing", "a/b/c", "", "../x"])
def test_what_is_no_folder_and_no_name_of_the_hub_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "snapshot_download", None)
    with pytest.raises(UserError, match="no model in"):
        load_pipeline(name)


def test_a_loaded_model_draws_as_the_one_in_memory(good):
    base = build_base(preset("tiny", 32))
    ids = base.tokenizer("push the red button", padding="max_length", return_tensors="pt").input_ids
    loaded = load_pipeline(good)
    np.testing.assert_allclose(
        *(each.text_encoder(ids)[0].detach().numpy() for each in (base, loaded)), atol=1e-6
    )
