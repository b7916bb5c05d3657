"""Stable Diffusion 2 and XL, all but their size: folders as they lie on the hub."""

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from genima_lite.diffusion.base import build_base, preset
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.pipelines import pipeline_of

SIZE = 64
"""Pixels along each side of a tiled picture."""


def _vae(**more):
    return AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=2,
        **more,
    )


def _unet(**more):
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        use_linear_projection=True,
        **more,
    )


def _scheduler():
    return EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        timestep_spacing="trailing",
        prediction_type="epsilon",
        steps_offset=1,
    )


def sd(**unet):
    """Return the components of a tiny Stable Diffusion 2; further sizes are the UNet's."""
    components = Components.of(build_base(preset("tiny", SIZE)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        components.vae = _vae(scaling_factor=0.18215)
        components.unet = _unet(
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=64,
            attention_head_dim=(2, 4),
            **unet,
        )
    components.scheduler = _scheduler()
    return components


def xl():
    """Return the components of a tiny Stable Diffusion XL, whose autoencoder fits float16."""
    components = Components.of(build_base(preset("tiny", SIZE)))
    first = components.text_encoder.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        components.tokenizer_2 = components.tokenizer
        components.text_encoder_2 = CLIPTextModelWithProjection(
            CLIPTextConfig(
                **{
                    **first.to_dict(),
                    "hidden_size": 32,
                    "projection_dim": 32,
                    "num_attention_heads": 2,
                    "num_hidden_layers": 2,
                }
            )
        ).eval()
        components.vae = _vae(scaling_factor=0.13025, force_upcast=False)
        components.unet = _unet(
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=first.hidden_size + 32,
            attention_head_dim=(2, 4),
            transformer_layers_per_block=(1, 2),
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8,
        )
    components.scheduler = _scheduler()
    return components


def write(folder, components):
    """Write a folder in Stable Diffusion's format; return it."""
    pipeline_of(components).save_pretrained(folder)
    return folder


# ------------------------------------------------------------------ in one file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_MLP = {"linear_1": "0", "linear_2": "2"}
_TEXT = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def single_file(components):
    """Return the tensors of a tiny Stable Diffusion 2 or XL under the names of its first
    implementation.

    Written down from that implementation's modules, in their order.
    """
    return {
        **{f"model.diffusion_model.{k}": v for k, v in _ldm_unet(components.unet).items()},
        **{f"first_stage_model.{k}": v for k, v in _ldm_vae(components.vae).items()},
        **_texts(components),
        "alphas_cumprod": components.scheduler.alphas_cumprod.clone(),
    }


def _texts(components):
    first, second = components.text_encoder, components.text_encoder_2
    if second is None:
        found = {f"cond_stage_model.model.{k}": v for k, v in _open_clip(first).items()}
        return {**found, "cond_stage_model.model.text_projection": torch.eye(64)}
    names = {
        f"text_model.{k.removeprefix('text_model.')}": v for k, v in first.state_dict().items()
    }
    projected = {**_open_clip(second), "text_projection": second.text_projection.weight.T}
    return {
        **{f"conditioner.embedders.0.transformer.{k}": v for k, v in names.items()},
        **{f"conditioner.embedders.1.model.{k}": v for k, v in projected.items()},
    }


def _under(module, prefix, names=None):
    """Return a module's tensors below a prefix, some of its parts renamed."""
    found = {}
    for key, value in module.state_dict().items():
        for old, new in (names or {}).items():
            if key.startswith(f"{old}."):
                key = new + key.removeprefix(old)
                break
        found[f"{prefix}.{key}"] = value
    return found


def _ldm_unet(unet):
    found = {
        **_under(unet.conv_in, "input_blocks.0.0"),
        **_under(unet.time_embedding, "time_embed", _MLP),
        **_under(unet.conv_norm_out, "out.0"),
        **_under(unet.conv_out, "out.2"),
        **_under(unet.mid_block.resnets[0], "middle_block.0", _RESNET),
        **_under(unet.mid_block.attentions[0], "middle_block.1"),
        **_under(unet.mid_block.resnets[1], "middle_block.2", _RESNET),
    }
    if getattr(unet, "add_embedding", None) is not None:
        found |= _under(unet.add_embedding, "label_emb.0", _MLP)
    number = 1
    for block in unet.down_blocks:
        for i, resnet in enumerate(block.resnets):
            found |= _under(resnet, f"input_blocks.{number}.0", _RESNET)
            if getattr(block, "attentions", None):
                found |= _under(block.attentions[i], f"input_blocks.{number}.1")
            number += 1
        if block.downsamplers:
            found |= _under(block.downsamplers[0].conv, f"input_blocks.{number}.0.op")
            number += 1
    number = 0
    for block in unet.up_blocks:
        for i, resnet in enumerate(block.resnets):
            after = 1
            found |= _under(resnet, f"output_blocks.{number}.0", _RESNET)
            if getattr(block, "attentions", None):
                found |= _under(block.attentions[i], f"output_blocks.{number}.1")
                after = 2
            if block.upsamplers and i + 1 == len(block.resnets):
                found |= _under(block.upsamplers[0].conv, f"output_blocks.{number}.{after}.conv")
            number += 1
    return found


def _ldm_vae(vae):
    found = {
        **_under(vae.quant_conv, "quant_conv"),
        **_under(vae.post_quant_conv, "post_quant_conv"),
    }
    for name, side, blocks in (
        ("encoder", vae.encoder, vae.encoder.down_blocks),
        ("decoder", vae.decoder, list(vae.decoder.up_blocks)[::-1]),
    ):
        way = "down" if name == "encoder" else "up"
        found |= _under(side.conv_in, f"{name}.conv_in")
        found |= _under(side.conv_norm_out, f"{name}.norm_out")
        found |= _under(side.conv_out, f"{name}.conv_out")
        for i, resnet in enumerate(side.mid_block.resnets):
            found |= _under(resnet, f"{name}.mid.block_{i + 1}", {"conv_shortcut": "nin_shortcut"})
        attention = _under(
            side.mid_block.attentions[0],
            f"{name}.mid.attn_1",
            {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"},
        )
        found |= {k: v[..., None, None] if v.ndim == 2 else v for k, v in attention.items()}
        for i, block in enumerate(blocks):
            for j, resnet in enumerate(block.resnets):
                place = f"{name}.{way}.{i}.block.{j}"
                found |= _under(resnet, place, {"conv_shortcut": "nin_shortcut"})
            for sampler in (getattr(block, f"{way}samplers", None) or [])[:1]:
                found |= _under(sampler.conv, f"{name}.{way}.{i}.{way}sample.conv")
    return found


def _open_clip(encoder):
    values = {k.removeprefix("text_model."): v for k, v in encoder.state_dict().items()}
    found = {
        "token_embedding.weight": values["embeddings.token_embedding.weight"],
        "positional_embedding": values["embeddings.position_embedding.weight"],
        "ln_final.weight": values["final_layer_norm.weight"],
        "ln_final.bias": values["final_layer_norm.bias"],
    }
    for i in range(encoder.config.num_hidden_layers):
        own, theirs = f"encoder.layers.{i}.", f"transformer.resblocks.{i}."
        for kind in ("weight", "bias"):
            for old, new in _TEXT.items():
                found[f"{theirs}{new}.{kind}"] = values[f"{own}{old}.{kind}"]
            parts = [values[f"{own}self_attn.{each}_proj.{kind}"] for each in "qkv"]
            found[f"{theirs}attn.in_proj_{kind}"] = torch.cat(parts)
    return found
