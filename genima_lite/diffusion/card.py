"""The model card: `README.md` beside a trained model, in the hub's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from genima_lite.diffusion.lora import STOCK
from genima_lite.files import written_whole
from genima_lite.hub import is_hub_id
from genima_lite.targets.horizon import FUTURE, SPHERES

CARD, SAMPLES = "README.md", "samples.png"
"""The card, and the picture that it shows: seen, drawn and true."""

_PAGE = """---
{header}
---

# {title}

Four views of a robot arm and an instruction go in; {out}. This is the first stage of
[Genima](https://genima-robot.github.io/), trained with genima-lite{recipe}. A controller that
reads such pictures moves the arm.

{samples}
## How to use it

```python
import diffusers

pipeline = diffusers.{pipeline}.from_pretrained("{name}")
picture = pipeline({call}).images[0]
```

The prompt is `tiled perspectives of a robot arm executing 'push the red button'`; the picture holds
four views of {size} pixels: front and wrist above left and right shoulder.
{beside}
## How it was made

{settings}

## How well it draws

{metrics}
## What it does not know

It was trained on the tasks named above, with the cameras, arm and light of its demonstrations. It
draws a plausible target also where it is wrong: limit what the arm may do. The licence of the base
model holds for what was made from it.
"""

_TARGETS = {
    SPHERES: (
        "Joint targets drawn by a diffusion model",
        "the same views with coloured spheres on some\njoints come out, where these should be next",
    ),
    FUTURE: (
        "Future views drawn by a diffusion model",
        "what these views should be next comes out,\nas in SuSIE",
    ),
}
"""Title, and what comes out, by what is drawn."""

_BESIDE = """
`{file}` holds the LoRA alone, for who has the base already:
`pipeline.load_lora_weights("{name}")`, with the ControlNet, if there is one, from the subfolder
`controlnet`. The folders hold the same, added up.
"""


def write_card(
    folder: Path,
    pipeline: str,
    base: str,
    settings: Mapping[str, Any],
    validations: Sequence[Mapping[str, Any]],
) -> None:
    """Write a model's card.

    Args:
        folder: of the model; its name is the model's. A picture `samples.png` in it is shown.
        pipeline: name of the stock pipeline's class that draws with it.
        base: folder or id of the base model.
        settings: what it was made of, for people: JSON-able, by name.
        validations: numbers by name, the last of them last.
    """
    concat = "Pix2Pix" in pipeline
    call = "prompt, image=picture, num_inference_steps=10, " + (
        "guidance_scale=1.0, image_guidance_scale=1.0" if concat else "guidance_scale=0.0"
    )
    lora = (folder / STOCK).exists()
    samples = f"![seen, drawn, true]({SAMPLES})\n\nEach row: seen, drawn, true.\n"
    recipe = settings.get("recipe")
    title, out = _TARGETS[settings.get("target", SPHERES)]
    page = _PAGE.format(
        header=_header(pipeline, base),
        title=title,
        out=out,
        recipe=f", recipe `{recipe}`" if recipe else "",
        samples=samples if (folder / SAMPLES).exists() else "",
        pipeline=pipeline,
        name=folder.name,
        call=call,
        size=settings["view_size"],
        beside=_BESIDE.format(file=STOCK, name=folder.name) if lora else "",
        settings=_table("setting", settings),
        metrics=_table("on held-out decisions", validations[-1] if validations else {})
        or "It was not measured.\n",
    )
    with written_whole(folder / CARD) as partial:
        partial.write_text(page, encoding="utf-8")


def _header(pipeline: str, base: str) -> str:
    """Return what the hub reads of a card, as YAML."""
    tags = ["robotics", "genima", "controlnet" if "ControlNet" in pipeline else "image-to-image"]
    said = ModelCardData(
        base_model=base if is_hub_id(base) else None,
        library_name="diffusers",
        pipeline_tag="image-to-image",
        tags=tags,
    )
    return said.to_yaml()


def _table(title: str, values: Mapping[str, Any]) -> str:
    """Return values as a table, those of nested ones under dotted names; empty without any."""
    rows = [f"| {name} | {_cell(value)} |" for name, value in _flat(values)]
    return "\n".join([f"| {title} | |", "|---|---|", *rows, ""]) if rows else ""


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _cell(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = f"{value:.4g}" if isinstance(value, float) else text
    return text.replace("|", "\\|").replace("\n", " ")
