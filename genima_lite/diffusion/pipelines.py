"""The stock diffusers pipeline that draws with some components."""

from __future__ import annotations

from typing import Any

import diffusers

from genima_lite.diffusion.components import Components


def pipeline_of(components: Components, kind: str | None = None) -> Any:
    """Return the stock diffusers pipeline that draws with these components.

    Args:
        components: the networks are shared, not copied.
        kind: name of its class, one of `genima_lite.diffusion.folder.PIPELINES`; by default what
            fits.
    """
    unchecked: dict[str, Any] = {"feature_extractor": None}
    if not components.is_xl:
        unchecked |= {"safety_checker": None, "requires_safety_checker": False}
    return getattr(diffusers, kind or _kind(components))(**components.parts(), **unchecked)


def _kind(components: Components) -> str:
    """Return the name of the pipeline's class."""
    xl = "XL" if components.is_xl else ""
    if components.controlnet is not None:
        return f"StableDiffusion{xl}ControlNetPipeline"
    return f"StableDiffusion{xl}{'InstructPix2Pix' if components.concatenates else ''}Pipeline"
