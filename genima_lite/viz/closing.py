"""What notebook 07 looks at in closed loop: where errors come from, and failures to browse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.errors import Refusal, UserError
from genima_lite.targets.expert_targets import way_to_target
from genima_lite.targets.joints import joint_targets
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, Figure
from genima_lite.viz.learning import gripper_of
from genima_lite.viz.playground import beside, enlarged
from genima_lite.viz.views import lay_out
from genima_lite.viz.widgets import Playground, whole

if TYPE_CHECKING:
    from genima_lite.envs.api import RobotEnv
    from genima_lite.evaluation.recording import Recording
    from genima_lite.policies.api import Policy

SHOWN = 256
"""Pixels of a picture in the browser of failures."""


def error_places(
    env: RobotEnv, policy: Policy, seed: int, variation: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run an episode and return where the gripper should go, was drawn, and went at each decision.

    Args:
        env: with an expert.
        policy: one that draws, of this environment.
        seed, variation: of the episode.

    Returns:
        True, drawn (NaN where it is not found) and reached, (N, 3) metres each. Decisions at which
        the expert knows no way are left out.
    """
    _, info = env.reset(seed=seed, options={"variation": variation})
    policy.reset(info["instruction"], seed)
    rows, done = [], False
    while not done:
        seen = env.observation
        try:
            goal = panda.forward_kinematics(way_to_target(env)[-1, :7])[1][:3, 3]
        except Refusal:
            goal = None
        decision = policy.act(seen)
        done = env.execute(decision.actions).done
        if goal is not None and decision.drawn is not None:
            cameras = {name: Camera.from_observation(seen, name) for name in decision.drawn}
            reached = joint_targets(env.observation).positions[0]
            rows.append((goal, gripper_of(decision.drawn, cameras), reached))
    if not rows:
        return (np.zeros((0, 3)),) * 3
    true, drawn, reached_places = (np.array(column) for column in zip(*rows, strict=True))
    return true, drawn, reached_places


def blame_figure(true: np.ndarray, drawn: np.ndarray, reached: np.ndarray) -> Figure:
    """Draw both errors of every decision, in mm: the drawing's to the right, following's upwards.

    Args:
        true, drawn, reached: (N, 3) metres, of `error_places`.
    """
    figure = Figure(figsize=(5.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    off = 1000 * np.linalg.norm(drawn - true, axis=1)
    followed = 1000 * np.linalg.norm(reached - drawn, axis=1)
    most = max(5.0, float(np.nanmax([off, followed]))) * 1.3
    axes.fill_between([1, most], [1, most], 1, color=JOINT_COLOURS[4], alpha=0.15, lw=0)
    axes.plot([1, most], [1, most], color=QUIET_COLOUR, lw=0.8)
    axes.loglog(off, followed, "o", color=JOINT_COLOURS[0], ms=5)
    axes.text(0.96, 0.06, "drawing is worse", ha="right", transform=axes.transAxes, fontsize=9)
    axes.text(0.04, 0.92, "following is worse", transform=axes.transAxes, fontsize=9)
    axes.set(xlim=(1, most), ylim=(1, most))
    axes.set_xlabel("drawn to true target (mm)", fontsize=9)
    axes.set_ylabel("reached to drawn target (mm)", fontsize=9)
    axes.tick_params(labelsize=8, which="both")
    return figure.saying(
        f"{int(np.isfinite(off).sum())} decisions, a dot each: error of the drawing to the right, "
        "error of following it upwards, both logarithmic"
    )


def browse_failures(recordings: Sequence[Recording]) -> Playground:
    """Return sliders for episode and decision: seen, drawn, true, and what was seen next.

    Args:
        recordings: with steps; those without are left out.

    Raises:
        UserError: nothing to browse.
    """
    kept = [each for each in recordings if each.steps]
    if not kept:
        raise UserError("no recorded decisions to browse")

    def show(episode: int, decision: int) -> tuple[np.ndarray, str]:
        chosen = kept[episode]
        number = min(decision, len(chosen.steps) - 1)
        step, after = chosen.steps[number], chosen.steps[min(number + 1, len(chosen.steps) - 1)]
        parts: dict[str, Any] = {
            "seen": step.seen,
            "drawn": step.drawn,
            "true": step.true,
            "seen next": after.seen,
        }
        given = {name: views for name, views in parts.items() if views}
        pictures = [enlarged(lay_out(views), SHOWN) for views in given.values()]
        solved = "solved" if chosen.result.success else "failed"
        said = f"{chosen.result.task}, seed {chosen.result.seed}, {solved}: “{chosen.instruction}”"
        shown = beside(*pictures, names=list(given))
        return shown, f"{said}; step {step.step}; {', '.join(given)}"

    most = max(len(each.steps) for each in kept) - 1
    controls = {
        "episode": whole("episode", 0, len(kept) - 1, 0),
        "decision": whole("decision", 0, most, min(1, most)),
    }
    return Playground(show, controls, "a decision of an episode in four views")


def visited_figure(places: Mapping[str, np.ndarray]) -> Figure:
    """Draw places (N, 3) in metres by name, seen from above and from the side."""
    figure = Figure(figsize=(7.4, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, (across, up) in zip(panels, ((1, 0), (1, 2)), strict=True):
        for (name, at), colour, marker in zip(
            places.items(), JOINT_COLOURS[:1] + JOINT_COLOURS[3:], ".Xos", strict=False
        ):
            style: dict[str, Any] = {"color": colour, "ls": "", "ms": 6, "alpha": 0.7}
            axes.plot(100 * at[:, across], 100 * at[:, up], marker, label=name, **style)
        axes.set_xlabel(f"{'xyz'[across]} (cm)", fontsize=9)
        axes.set_ylabel(f"{'xyz'[up]} (cm)", fontsize=9)
        axes.set_aspect("equal", "datalim")
        axes.tick_params(labelsize=8)
    panels[0].set_title("from above", fontsize=9.5)
    panels[1].set_title("from the front", fontsize=9.5)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=8.5)
    return figure.saying(
        "Places of the gripper from above and from the front, for: " + ", ".join(places)
    )
