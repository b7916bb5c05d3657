"""Damages to model folders: their classes, sizes and files. Code that runs leaves `executed`."""

import json
import os
import shutil
from pathlib import Path

import numpy as np

from .jsons import edit

EVIL = """
from pathlib import Path
Path("executed").touch()
class Evil:
    @classmethod
    def from_pretrained(cls, *_, **__):
        return cls()
"""
CLASSES = (
    *(["evil", "Evil"], ["unet", "Evil"], ["os", "system"], ["diffusers", "AutoencoderKL"]),
    *(["transformers", "pipeline"], [None, None], ["diffusers", "FluxTransformer2DModel"], [], "x"),
    *(
        ["diffusers.pipelines", "Evil"],
        ["diffusers", "UNet2DConditionModel", 1],
        None,
        ["torch", "load"],
    ),
)
HUGE = (10**5, 10**6, 10**7, 2**31, 2**63, [10**6] * 4, -1, 0)


def evil_class(victim: Path, rng: np.random.Generator) -> None:
    """A component of another class, with code beside it."""
    index = json.loads((victim / "model_index.json").read_text(encoding="utf-8"))
    names = [name for name, value in index.items() if isinstance(value, list)]
    name = names[rng.integers(len(names))]
    for folder in (victim, victim / name, victim / "unet"):
        folder.mkdir(exist_ok=True)
        (folder / "evil.py").write_text(EVIL)
        (folder / f"{folder.name}.py").write_text(EVIL)
    edit(
        victim / "model_index.json", lambda d: d.update({name: CLASSES[rng.integers(len(CLASSES))]})
    )


def evil_pipeline(victim: Path, rng: np.random.Generator) -> None:
    """A pipeline of another class, with code beside it."""
    classes = (["evil", "Evil"], "Evil", "FluxPipeline", "StableDiffusionXLPipeline", "os", None, 7,
               "DiffusionPipeline", ["pipeline", "Evil"])  # fmt: skip
    for name in ("evil.py", "pipeline.py", "model_index.py"):
        (victim / name).write_text(EVIL)
    chosen = classes[rng.integers(len(classes))]
    edit(victim / "model_index.json", lambda d: d.update(_class_name=chosen))


def auto_map(victim: Path, rng: np.random.Generator) -> None:
    """A configuration that asks for code of the folder, as transformers allows."""
    configs = sorted(victim.rglob("*config*.json"))
    path = configs[rng.integers(len(configs))]
    (path.parent / "evil.py").write_text(EVIL)
    names = ("AutoModel", "AutoConfig", "AutoTokenizer", "CLIPTextModel")
    edit(path, lambda d: d.update(auto_map=dict.fromkeys(names, "evil.Evil")))


def foreign_model(victim: Path, rng: np.random.Generator) -> None:
    """A network's configuration names another class or kind."""
    configs = sorted(victim.rglob("*config*.json"))
    path = configs[rng.integers(len(configs))]
    key = ("_class_name", "model_type", "architectures", "tokenizer_class")[rng.integers(4)]
    values = ("Evil", "gpt2", ["Evil"], "../evil", None, 7, "BertTokenizer", "DDPMScheduler")
    edit(path, lambda d: d.update({key: values[rng.integers(len(values))]}))


def huge_network(victim: Path, rng: np.random.Generator) -> None:
    """A small configuration of an enormous network."""
    keys = {
        "unet": ("layers_per_block", "block_out_channels", "cross_attention_dim", "in_channels",
                 "attention_head_dim", "transformer_layers_per_block", "norm_num_groups"),
        "vae": ("layers_per_block", "block_out_channels", "latent_channels", "in_channels"),
        "text_encoder": ("num_hidden_layers", "hidden_size", "vocab_size",
                         "max_position_embeddings", "intermediate_size"),
        "scheduler": ("num_train_timesteps", "trained_betas", "steps_offset"),
        "controlnet": ("layers_per_block", "block_out_channels", "cross_attention_dim"),
    }  # fmt: skip
    places = [name for name in keys if (victim / name).is_dir()]
    name = places[rng.integers(len(places))]
    key = keys[name][rng.integers(len(keys[name]))]
    path = next((victim / name).glob("*config.json"))
    edit(path, lambda d: d.update({key: HUGE[rng.integers(len(HUGE))]}))


def huge_controller(victim: Path, rng: np.random.Generator) -> None:
    """A small configuration of an enormous controller."""
    keys = ("encoder_layers", "decoder_layers", "hidden", "heads", "feedforward", "channels",
            "blocks", "image_size", "horizon", "text_features", "latent")  # fmt: skip
    key = keys[rng.integers(len(keys))]
    values = (10**6, 10**7, 2**40, [8, 10**7], [10**5, 10**5], 96, 64)
    edit(victim / "controller.json", lambda d: d["config"].update({key: values[rng.integers(7)]}))


def other_channels(victim: Path, rng: np.random.Generator) -> None:
    """A UNet of nine channels, or of one that does not fit the autoencoder."""
    count = (9, 8, 3, 1)[rng.integers(4)]
    edit(victim / "unet/config.json", lambda d: d.update(in_channels=count))


def no_tokenizer(victim: Path, rng: np.random.Generator) -> None:
    """The tokenizer's words, or its whole folder, are missing."""
    if rng.random() < 0.5:
        shutil.rmtree(victim / "tokenizer")
    else:
        (victim / "tokenizer/tokenizer.json").unlink()


def other_words(victim: Path, rng: np.random.Generator) -> None:
    """The tokenizer knows a few words only, or has the words' numbers mixed."""

    def change(document):
        words = document["model"]["vocab"]
        kept = rng.random() < 0.5
        numbers = list(words.values()) if kept else [0] * len(words)
        document["model"]["vocab"] = dict(
            zip(words, rng.permutation(numbers).tolist(), strict=True)
        )

    edit(victim / "tokenizer/tokenizer.json", change)


def half_precision_only(victim: Path, rng: np.random.Generator) -> None:
    """Weights under the names that half precision has on the hub."""
    for path in list(victim.rglob("*.safetensors")):
        path.rename(path.with_name(f"{path.stem}.fp16.safetensors"))


def pickled_weights(victim: Path, rng: np.random.Generator) -> None:
    """Weights as a pickle that runs code, in place of safetensors or beside them."""
    paths = sorted(victim.rglob("*.safetensors"))
    path = paths[rng.integers(len(paths))]
    code = b"\x80\x02cposix\nsystem\nX\x0e\x00\x00\x00touch executed\x85R."
    name = "pytorch_model.bin" if path.stem == "model" else f"{path.stem}.bin"
    (path.parent / name).write_bytes(code)
    if rng.random() < 0.7:
        path.unlink()


def sharded(victim: Path, rng: np.random.Generator) -> None:
    """An index of shards that names files elsewhere, or none."""
    path = victim / "unet/diffusion_pytorch_model.safetensors"
    names = ("../../demos/provenance.json", "/dev/zero", "missing.safetensors", path.name)
    chosen = names[rng.integers(len(names))]
    index = {"metadata": {"total_size": 10**12}, "weight_map": {"conv_in.weight": chosen}}
    path.with_name(f"{path.name}.index.json").write_text(json.dumps(index))
    path.rename(path.with_name("part.safetensors"))


def lost_component(victim: Path, rng: np.random.Generator) -> None:
    """A component's folder, or its entry in the index, is missing."""
    names = [path.name for path in sorted(victim.iterdir()) if path.is_dir()]
    name = names[rng.integers(len(names))]
    if rng.random() < 0.5:
        shutil.rmtree(victim / name)
    else:
        edit(victim / "model_index.json", lambda d: d.pop(name, None))


def swapped_components(victim: Path, rng: np.random.Generator) -> None:
    """Two components have changed places."""
    names = [path.name for path in sorted(victim.iterdir()) if path.is_dir()]
    one, other = (victim / names[i] for i in rng.permutation(len(names))[:2])
    one.rename(victim / "aside")
    other.rename(one)
    (victim / "aside").rename(other)


def linked_weights(victim: Path, rng: np.random.Generator) -> None:
    """Weights that are a link to a pipe or to a device."""
    paths = sorted(victim.rglob("*.safetensors"))
    path = paths[rng.integers(len(paths))]
    path.unlink()
    if rng.random() < 0.5:
        os.mkfifo(victim / "pipe")
        path.symlink_to(victim / "pipe")
    else:
        path.symlink_to("/dev/zero")


def betas(victim: Path, rng: np.random.Generator) -> None:
    """A schedule that is none."""
    values = ([], [2.0] * 1000, [0.0] * 1000, [-0.1] * 10, "x", [0.5], None, [10**6] * 3)
    path = victim / "scheduler/scheduler_config.json"
    edit(path, lambda d: d.update(trained_betas=values[rng.integers(len(values))]))


def metadata(victim: Path, rng: np.random.Generator) -> None:
    """Metadata that say what the weights are not."""
    path = victim / ("genima.json" if (victim / "genima.json").exists() else "controller.json")
    changes = ({"tasks": "push_button"}, {"tasks": []}, {"tasks": ["lamp_on"]}, {"tasks": [1]},
               {"view_size": 96}, {"horizon": "20"}, {"keyframes": "no"}, {"result": None},
               {"config": {}}, {"config": None})  # fmt: skip
    edit(path, lambda d: d.update(changes[rng.integers(len(changes))]))


DIFFUSION = (
    *(evil_class, evil_pipeline, auto_map, foreign_model, huge_network, other_channels),
    *(no_tokenizer, other_words, half_precision_only, pickled_weights, sharded, lost_component),
    *(swapped_components, linked_weights, betas),
)
"""Damages to a folder in Stable Diffusion's format."""

CONTROLLER = (huge_controller, metadata)
"""Damages to a controller's folder."""
