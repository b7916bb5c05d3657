"""The parts of a model from a checked folder (`genima_lite.diffusion.folder`).

Each network is first built without memory, on torch's meta device, and compared with what its files
hold; then the files' tensors become its weights. Nothing is left to what a library would look up.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from genima_lite import schema
from genima_lite.diffusion.autoencoder import LosslessAutoencoder
from genima_lite.diffusion.components import (
    Components,
    decode_pictures,
    encode_pictures,
    encode_prompts,
    encode_sentences,
    latent_side,
    predict,
)
from genima_lite.diffusion.folder import (
    INDEX,
    Weights,
    check_depth,
    find_weights,
    read_config,
    read_index,
)
from genima_lite.diffusion.single_file import Converted, read_single_file
from genima_lite.diffusion.tokenizer import read_tokenizer
from genima_lite.errors import UserError
from genima_lite.tensor_files import read_header
from genima_lite.training.tensors import check_fit, load_tensors

T = TypeVar("T")

_STEMS = {
    "unet": "diffusion_pytorch_model",
    "controlnet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}
"""The networks, and how their files' names begin."""

_OLD_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
"""Of attention in autoencoders that diffusers wrote before 0.17."""


@dataclass(frozen=True)
class _TextSizes:
    """What is taken from a text encoder's `config.json`; the defaults are CLIP's."""

    vocab_size: int = 49408
    hidden_size: int = 512
    intermediate_size: int = 2048
    projection_dim: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    max_position_embeddings: int = 77
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    attention_dropout: float = 0.0
    pad_token_id: int | None = 1
    bos_token_id: int | None = 49406
    eos_token_id: int | None = 49407
    architectures: tuple[str, ...] = ()


def load_components(
    place: Path, dtype: torch.dtype = torch.float32, trained: Container[str] = ()
) -> tuple[str, Components]:
    """Build a model's parts, on the CPU.

    Args:
        place: its folder; or a safetensors file with all of its weights, beside such a folder's
            JSON and vocabulary (`genima_lite.diffusion.single_file`).
        dtype: in which the networks are kept (`precision_of`).
        trained: names of networks that stay in single precision, which small steps need.

    Returns:
        The class of its pipeline, and the parts.

    Raises:
        UserError: whatever is wrong with it, before any of it is used.
    """
    folder = place.parent if place.suffix == ".safetensors" else place
    index = read_index(folder)
    names = [name for name in _STEMS if name in index]
    weights: Mapping[str, Weights] = {}
    if place == folder:
        weights = {name: find_weights(folder, name, _STEMS[name]) for name in names}
        depths = {name: len(weights[name].tensors) for name in names}
    else:
        depths = dict.fromkeys(names, len(read_header(place).tensors))
    bare = {name: _bare(folder, name, index[name], depths[name]) for name in names}
    if place != folder:
        weights = read_single_file(place, bare)
    for name, network in bare.items():
        _check_fit(name, weights[name], network)
    scheduler = _scheduler(folder, index["scheduler"])
    components = Components(**_tokenizers(folder, bare), scheduler=scheduler, **bare)
    check_channels(folder, components)
    for name, network in bare.items():
        kept = torch.float32 if name in trained else precision_of(name, network, dtype)
        _fill(name, network, _files(weights[name]), kept)
    _rehearse(folder, components)
    return index["_class_name"], components


def load_decoder(folder: Path, base: Any, dtype: torch.dtype = torch.float32) -> Any:
    """Load an `AutoencoderTiny` from a folder with its `config.json` and weights.

    Args:
        folder: where it lies.
        base: configuration of the autoencoder that it takes the place of.
        dtype: of its weights.

    Raises:
        UserError: no such network in it, or it is for other latents.
    """
    home, name = folder.absolute().parent, folder.absolute().name
    kind = "AutoencoderTiny"
    weights = find_weights(home, name, _STEMS["vae"])
    path, values = folder / "config.json", read_config(home, name, "config.json", kind)
    check_depth(path, values, len(weights.tensors))
    network = _made(path, lambda: diffusers.AutoencoderTiny.from_config(values))
    own, wanted = ((each.latent_channels, latent_side(each)) for each in (network.config, base))
    if own != wanted:
        raise UserError(
            f"{path}: decodes {own[0]} channels, {own[1]} pixels each; the model's latents have "
            f"{wanted[0]} channels, {wanted[1]} pixels each"
        )
    _check_fit(kind, weights, network)
    _fill(kind, network, _files(weights), dtype)
    return network


def precision_of(name: str, network: Any, dtype: torch.dtype) -> torch.dtype:
    """Return in which precision a network is kept that does not learn.

    UNet and ControlNet are kept as asked. Prompts and pictures are encoded once, so bfloat16, with
    two decimal places, would save nothing there; and an autoencoder goes to float16 only if its
    `config.json` says that its numbers do not overflow in it (`force_upcast` false), as that of
    Stable Diffusion XL does.
    """
    if name in ("unet", "controlnet"):
        return dtype
    overflows = name == "vae" and network.config.get("force_upcast", True)
    return torch.float32 if dtype == torch.bfloat16 or overflows else dtype


def _tokenizers(folder: Path, bare: Mapping[str, Any]) -> dict[str, Any]:
    """Return one tokenizer for each text encoder."""
    found = {}
    for encoder in (name for name in bare if name.startswith("text_encoder")):
        name, sizes = encoder.replace("text_encoder", "tokenizer"), bare[encoder].config
        found[name] = read_tokenizer(folder, sizes.max_position_embeddings, name)
        if len(found[name]) > sizes.vocab_size:
            raise UserError(
                f"{folder}: the {name} has {len(found[name])} pieces, the {encoder} knows "
                f"{sizes.vocab_size}"
            )
    return found


def check_channels(folder: Path | str, components: Components) -> None:
    """Refuse networks that do not fit each other, or want more than we give them.

    Raises:
        UserError: the message says which.
    """
    unet, vae, control = (components.unet.config, components.vae.config, components.controlnet)
    latent = vae.latent_channels
    if unet.out_channels != latent or unet.in_channels not in (latent, 2 * latent):
        raise UserError(
            f"{folder}: the UNet takes {unet.in_channels} channels and gives {unet.out_channels}, "
            f"the autoencoder has {latent}; only {latent} or {2 * latent} (InstructPix2Pix) fit, "
            "inpainting models do not"
        )
    encoders = [components.text_encoder, components.text_encoder_2]
    given = sum(encoder.config.hidden_size for encoder in filter(None, encoders))
    for name, config in (("UNet", unet), ("ControlNet", control and control.config)):
        if config is None:
            continue
        kinds = ("text_time",) if components.is_xl else (None, "text")
        if config.addition_embed_type not in kinds:
            raise UserError(
                f"{folder}: the {name} wants {config.addition_embed_type or 'nothing'} beside the "
                f"prompt, its pipeline gives {kinds[-1]}; get a model whose parts belong together"
            )
        if config.cross_attention_dim != given:
            raise UserError(
                f"{folder}: the {name} reads text features of length {config.cross_attention_dim}, "
                f"the text encoder gives {given}"
            )


def _bare(folder: Path, name: str, kind: str, tensors: int) -> Any:
    """Return a network as its `config.json` says, without memory for its weights."""
    path = folder / name / "config.json"
    values = read_config(folder, name, "config.json", kind)
    check_depth(path, values, tensors)
    if name.startswith("text_encoder"):
        sizes = asdict(schema.decode(_TextSizes, values, path, others=True))
        if kind not in (sizes.pop("architectures") or ("CLIPTextModel",)):
            raise UserError(f"{path}: architectures names no {kind}")
        encoder = CLIPTextModel if kind == "CLIPTextModel" else CLIPTextModelWithProjection
        return _made(path, lambda: encoder(CLIPTextConfig(**sizes)))
    network = LosslessAutoencoder if kind == "LosslessAutoencoder" else getattr(diffusers, kind)
    return _made(path, lambda: network.from_config(values))


def _made(path: Path, make: Callable[[], T]) -> T:
    """Call what a library does with values of a file, without memory for weights."""
    try:
        with torch.device("meta"):
            return make()
    except Exception as error:  # of any kind: whatever the values make the library stumble over
        said = str(error).partition("\n")[0]
        raise UserError(f"{path}: describes nothing that can be built ({said})") from None


def _scheduler(folder: Path, kind: str) -> Any:
    """Return the scheduler, which has few numbers and no weights."""
    path = folder / "scheduler" / "scheduler_config.json"
    values = read_config(folder, "scheduler", path.name, kind)
    steps = values.get("num_train_timesteps", 1000)
    if not isinstance(steps, int) or not 1 <= steps <= 100_000:
        raise UserError(f"{path}: num_train_timesteps is {steps}; give 1 to 100000")
    if values.get("prediction_type", "epsilon") not in ("epsilon", "sample", "v_prediction"):
        raise UserError(f"{path}: unknown prediction_type '{values['prediction_type']}'")
    try:
        made = getattr(diffusers, kind).from_config(values)
        kept = torch.as_tensor(made.alphas_cumprod)
    except Exception as error:  # as above
        raise UserError(f"{path}: describes no {kind} ({error})") from None
    if kept.shape != (steps,) or not bool(((kept >= 0) & (kept <= 1)).all()):
        raise UserError(f"{path}: noise must grow over {steps} steps, from 0 to 1")
    return made


def _own_name(name: str, tensor: str) -> str:
    """Return how a tensor of some part is called here, whatever version wrote it."""
    if name.startswith("text_encoder"):
        return tensor.removeprefix("text_model.")
    if name == "vae" and ".attentions." in tensor:
        for old, new in _OLD_NAMES.items():
            tensor = tensor.replace(old, new)
    return tensor


def _renamed(name: str, tensors: Mapping[str, T]) -> dict[str, T]:
    """Return tensors by their own names, without what older versions kept beside the weights."""
    found = {_own_name(name, tensor): value for tensor, value in tensors.items()}
    return {tensor: value for tensor, value in found.items() if not tensor.endswith("position_ids")}


def _check_fit(name: str, weights: Weights, network: nn.Module) -> None:
    """Refuse weights of another network."""
    where = weights.files[0] if len(weights.files) == 1 else weights.files[0].parent
    check_fit(where, _renamed(name, weights.tensors), _renamed(name, network.state_dict()))


def _files(weights: Weights) -> Iterable[Mapping[str, Tensor]]:
    """Yield the tensors of a network file by file."""
    if isinstance(weights, Converted):
        return [weights.values]
    return (load_tensors(path)[0] for path in weights.files)


def _fill(
    name: str, network: nn.Module, files: Iterable[Mapping[str, Tensor]], dtype: torch.dtype
) -> None:
    """Make files' tensors a network's weights, in a precision."""
    own = {_own_name(name, tensor): tensor for tensor in network.state_dict()}
    for tensors in files:
        kept = {own[k]: v.to(dtype) for k, v in _renamed(name, tensors).items()}
        network.load_state_dict(kept, strict=False, assign=True)
    for module in network.modules():
        for buffer, value in module.named_buffers(recurse=False):
            if value.is_meta:  # the numbers of a prompt's places, which no file keeps
                setattr(module, buffer, torch.arange(value.shape[-1])[None])
    network.eval()


@torch.no_grad()
def _rehearse(folder: Path, components: Components) -> None:
    """Let all parts work once, on a small picture; refuse what does not fit together."""
    side = 2 * components.picture_multiple  # normalisation wants more than one place
    picture = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    try:
        latents = encode_pictures(components, picture)
        text = encode_prompts(components, ["a"])
        condition = torch.zeros(1, 3, side, side)
        scheduler = components.scheduler
        scheduler.set_timesteps(1)
        t = scheduler.timesteps[0]
        noisy = scheduler.scale_model_input(torch.zeros_like(latents), t)
        sentence = encode_sentences(components, ["a"])
        prediction = predict(components, noisy, t, text, condition, latents, sentence)
        found = scheduler.step(prediction, t, latents).prev_sample
        shape = decode_pictures(components, found).shape
    except Exception as error:  # as above
        said = str(error).partition("\n")[0]
        raise UserError(
            f"{folder}: the parts named in {INDEX} do not fit together ({said})"
        ) from None
    if shape != condition.shape:
        raise UserError(
            f"{folder}: the autoencoder makes pictures of {tuple(shape)}, not 3 colours"
        )
