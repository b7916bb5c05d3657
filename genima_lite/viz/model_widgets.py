"""Widgets that look into a diffusion model; see `genima_lite.viz.widgets` for what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.validate import Example
from genima_lite.tiling import tile
from genima_lite.viz.anatomy import overlaid
from genima_lite.viz.attention import drawing_maps
from genima_lite.viz.denoising import LAST, as_picture, noised, sample
from genima_lite.viz.playground import beside, enlarged
from genima_lite.viz.widgets import Playground, choice, slider, whole


def denoise(components: Components, picture: np.ndarray, caption: str) -> Playground:
    """Return sliders for the noise level, the steps, guidance and seed.

    Left: a picture with that much noise; right: what the base model makes of it. At the last
    noise level nothing of the picture is left.

    Args:
        components: of a base model.
        picture: (H, H, 3) uint8.
        caption: what the model is told.
    """

    def show(level: int, steps: int, guidance: float, seed: int) -> tuple[np.ndarray, str]:
        before = as_picture(components, noised(components, picture, level, seed))
        begin = (picture, level)
        made = sample(components, caption, steps, guidance, seed, len(picture), begin)
        said = f"“{caption}”; left: noise of timestep {level}; right: after {steps} steps"
        pictures = enlarged(before, 384), enlarged(made.picture, 384)
        return beside(*pictures, names=("with noise", f"after {steps} steps")), said

    controls = {
        "level": whole("noise level", 0, LAST, LAST),
        "steps": whole("steps", 1, 8, 4),
        "guidance": slider("guidance", 1, 5, 3, 0.5),
        "seed": whole("seed", 0, 20, 1),
    }
    for control in controls.values():
        control.continuous_update = False
    return Playground(show, controls, "what a diffusion model makes of noise")


def look_at_word(
    agent: DiffusionAgent, views: Mapping[str, np.ndarray], instruction: str, word: str
) -> Playground:
    """Return a list of an instruction's words: where does the drawing network look for each?

    Args:
        agent: what draws.
        views: by camera.
        instruction: what is asked for.
        word: of the instruction, chosen first.
    """
    drawn, maps = drawing_maps(agent, views, instruction)
    picture = tile(drawn)

    def show(word: str) -> tuple[np.ndarray, str]:
        most = 100 * maps[word].max()
        text = f"“{word}”: at most {most:.0f} % of a place's attention; left: drawn"
        pictures = enlarged(picture, 384), enlarged(overlaid(picture, maps[word]), 384)
        return beside(*pictures, names=("drawn", f"attention to “{word}”")), text

    return Playground(
        show, {"word": choice("word", list(maps), word)}, "a drawing, and as a heat map over it"
    )


def compare_drawings(
    agents: Mapping[str, DiffusionAgent], examples: Sequence[Example]
) -> Playground:
    """Return sliders for the example and the noise: what each model draws, and what is true.

    Args:
        agents: by name.
        examples: held-out decisions.
    """

    def show(example: int, seed: int) -> tuple[np.ndarray, str]:
        chosen = examples[example]
        drawn = [a.draw(chosen.views, chosen.instruction, seed) for a in agents.values()]
        shown = [chosen.views, *drawn, chosen.expert_targets.views]
        names = "seen", *agents, "true"
        pictures = [enlarged(tile(views), 256) for views in shown]
        said = f"“{chosen.instruction}”; left to right: {', '.join(names)}"
        return beside(*pictures, names=names), said

    controls = {
        "example": whole("decision", 0, len(examples) - 1, 0),
        "seed": whole("noise seed", 0, 20, 0),
    }
    return Playground(show, controls, "what several models draw on the same four views")
