"""Five things to play with in a notebook, each a thin layer over `genima_lite.viz.playground`.

Each returns a `Playground`. As the last line of a cell it shows sliders and a picture; where no
kernel runs (on GitHub, in a printed page) the picture of its first setting is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from PIL import Image

from genima_lite import panda
from genima_lite.envs.api import EnvSpec, make_env, perturbation_names
from genima_lite.observation import Demo, Observation
from genima_lite.targets.horizon import HORIZON
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.described import show_widget
from genima_lite.viz.playground import (
    Stage,
    beside,
    drawn_picture,
    moved_tip,
    posed_picture,
    scrubbed_picture,
    views_of,
    with_spheres,
)

if TYPE_CHECKING:  # the networks take seconds to import, and most widgets need none
    from genima_lite.controller.act import ACT
    from genima_lite.diffusion.agent import DiffusionAgent

Picture = Callable[..., tuple[np.ndarray, str]]
"""From the controls' values, by name, to a picture (H, W, 3) uint8 and a line of text."""

DRAWN = "four views, and spheres that a model draws on them"


class Playground:
    """Controls, a picture that follows them, and a line of text below it.

    Args:
        picture: called with the controls' values by name.
        controls: by name.
        alt: what the picture shows, for those who do not see it; the line of text follows it.

    Attributes:
        controls: as given; setting one's `value` is what a reader does with the mouse.
        image: the picture, an `ipywidgets.Image`.
        text: the line below it.
    """

    def __init__(self, picture: Picture, controls: dict[str, Any], alt: str = "a picture"):
        self._picture, self.controls, self._alt = picture, controls, alt
        self.image = ipywidgets.Image(format="png")
        self.image.layout.max_width = "720px"
        self.image.layout.align_self = "flex-start"
        self.text = ipywidgets.Label()
        for control in controls.values():
            control.observe(self._update, "value")
        self._update()
        column = ipywidgets.VBox(list(controls.values()))
        self.box = ipywidgets.VBox([column, self.image, self.text])

    def _update(self, _: Any = None) -> None:
        values = {name: control.value for name, control in self.controls.items()}
        try:
            picture, text = self._picture(**values)
        except ValueError as error:  # out of reach, for example: say so and keep the picture
            self.text.value = str(error)
            return
        except Exception as error:  # elsewhere only a browser's log would tell
            self.text.value = f"{type(error).__name__}: {error}"
            raise
        self.image.value, self.text.value = png_bytes(picture), text

    def _ipython_display_(self) -> None:
        """Show the widget where one can, else its picture."""
        show_widget(self.box, self.image, f"{self._alt}: {self.text.value}")


def move_joints(task: str = "push_button", seed: int = 0) -> Playground:
    """Return sliders for the seven joints and the gripper: the arm and its spheres follow."""
    stage = Stage(task, seed)

    def picture(gripper: bool, **angles: float) -> tuple[np.ndarray, str]:
        joints = np.array([angles[f"joint{k + 1}"] for k in range(7)])
        tip = panda.forward_kinematics(joints)[1][:3, 3]
        return posed_picture(stage, joints, float(gripper)), f"tip at {np.round(tip, 3)} m"

    controls: dict[str, Any] = {
        f"joint{k + 1}": slider(
            f"joint {k + 1} (rad)", panda.LOWER[k], panda.UPPER[k], panda.HOME[k], 0.01
        )
        for k in range(7)
    }
    controls["gripper"] = box("gripper open")
    return Playground(picture, controls, "the arm and its spheres in four views")


def scrub_episode(demo: Demo, horizon: int = HORIZON) -> Playground:
    """Return sliders for the frame t and the horizon K: the targets of t + K on the views of t."""

    def picture(frame: int, horizon: int, keyframes: bool) -> tuple[np.ndarray, str]:
        return scrubbed_picture(demo, frame, horizon, keyframes), f"t = {frame}, K = {horizon}"

    return Playground(
        picture,
        {
            "frame": whole("frame t", 0, len(demo) - 1, 0),
            "horizon": whole("horizon K", 1, 40, horizon),
            "keyframes": box("cut at keyframes"),
        },
        "four views of frame t with the spheres of the target",
    )


def instruct(agent: DiffusionAgent, seen: Observation, instruction: str) -> Playground:
    """Return a box for the instruction and a slider for the noise: the agent draws again.

    Args:
        agent: what draws.
        seen: with the tiled cameras' views at the size that it was trained for.
        instruction: what stands in the box first.
    """
    views = views_of(seen)

    def picture(instruction: str, seed: int) -> tuple[np.ndarray, str]:
        drawn = agent.draw(views, instruction, seed)
        shown = beside(drawn_picture(views), drawn_picture(drawn), names=("seen", "drawn"))
        return shown, "left: seen; right: drawn"

    said = ipywidgets.Text(value=instruction, continuous_update=False, **wide("instruction"))
    return Playground(picture, {"instruction": said, "seed": whole("noise seed", 0, 20, 0)}, DRAWN)


def change_scene(
    agent: DiffusionAgent, task: str, seed: int, size: int = 64, shown: str = "light"
) -> Playground:
    """Return a box for each perturbation and a slider for their strength: the agent draws on what
    is seen then. Things stand where they stood.

    Args:
        agent: what draws.
        task, seed: which scene.
        size: pixels along each side of a view, as the agent was trained for.
        shown: the perturbation that is on first.
    """

    def picture(strength: float, **on: bool) -> tuple[np.ndarray, str]:
        names = tuple(name for name, chosen in on.items() if chosen)
        env = make_env(EnvSpec(task, TILE_ORDER, size, perturbations=names, strength=strength))
        _, info = env.reset(seed=seed)
        views = views_of(env.observation)
        env.close()
        drawn = agent.draw(views, info["instruction"], 0)
        said = f"“{info['instruction']}”; left: seen; right: drawn"
        return beside(drawn_picture(views), drawn_picture(drawn), names=("seen", "drawn")), said

    controls = {name: box(name.replace("_", " ")) for name in perturbation_names(task=task)}
    for name, control in controls.items():
        control.value = name == shown
    strength = slider("strength", 0, 1, 1, 0.05)
    strength.continuous_update = False
    return Playground(picture, {**controls, "strength": strength}, DRAWN)


def lead_by_hand(
    model: ACT, stage: Stage, start: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Playground:
    """Return sliders that move the gripper's sphere: the controller says how to get there.

    The left picture shows the spheres at the target, on the views from the home posture; the right
    one where the controller's last action brings the arm, and the same spheres.

    Args:
        model: a controller that follows spheres.
        stage: with views of the size that it was trained for.
        start: where the sphere is at first: metres along x, y, z from the home posture's tip.
    """
    from genima_lite.controller.follow import predict_actions
    from genima_lite.targets.keypoints import targets_of

    seen = stage.pose(panda.HOME)

    def picture(x: float, y: float, z: float, gripper: bool) -> tuple[np.ndarray, str]:
        targets = targets_of(moved_tip(panda.HOME, np.array([x, y, z])), float(gripper))
        drawn = with_spheres(seen, targets)
        last = predict_actions(model, drawn, seen)[-1]
        reached = stage.pose(np.clip(last[:7], panda.LOWER, panda.UPPER), last[7])
        tip = panda.forward_kinematics(last[:7])[1][:3, 3]
        away = 1000 * np.linalg.norm(tip - targets.positions[0])
        after = drawn_picture(with_spheres(reached, targets))
        shown = beside(drawn_picture(drawn), after, names=("asked for", "reached"))
        return shown, f"the tip ends {away:.1f} mm from the sphere"

    controls: dict[str, Any] = {
        axis: slider(f"{axis} (m)", -0.15, 0.15, by, 0.005)
        for axis, by in zip("xyz", start, strict=True)
    }
    controls["gripper"] = box("gripper open")
    shown = "four views of the arm beside the spheres that it is asked for, and as it follows them"
    return Playground(picture, controls, shown)


def slider(name: str, low: float, high: float, value: float, step: float) -> Any:
    """Return a slider for a number from `low` to `high`."""
    return ipywidgets.FloatSlider(
        value=float(value), min=float(low), max=float(high), step=step, **wide(name)
    )


def whole(name: str, low: int, high: int, value: int) -> Any:
    """Return a slider for a whole number from `low` to `high`."""
    return ipywidgets.IntSlider(value=value, min=low, max=high, **wide(name))


def box(name: str) -> Any:
    """Return a box that is ticked."""
    return ipywidgets.Checkbox(value=True, description=name, indent=False)


def choice(name: str, values: Sequence[Any], value: Any) -> Any:
    """Return a list of which one is chosen."""
    return ipywidgets.Dropdown(options=list(values), value=value, **wide(name))


def wide(name: str) -> dict[str, Any]:
    """Return what all controls look like."""
    return {
        "description": name,
        "style": {"description_width": "90px"},
        "layout": ipywidgets.Layout(width="520px"),
    }


def png_bytes(picture: np.ndarray) -> bytes:
    """Return a picture (H, W, 3) uint8 as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "png", compress_level=1)
    return buffer.getvalue()
