"""A step that measures both stages on held-out demonstrations and writes a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.controller.act import ACT
from genima_lite.controller.checkpoint import load_controller
from genima_lite.datasets.demonstrations import recorded
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.validate import validation_picture
from genima_lite.evaluation import pages
from genima_lite.evaluation.held_out import (
    DRAWN,
    FITTED,
    NETWORK,
    TRUE,
    Decision,
    Views,
    controller_errors,
    decisions_with_pictures,
    decisions_without,
    drawing_scores,
    error_summary,
)
from genima_lite.files import write_json, written_whole
from genima_lite.provenance import claim, fingerprint, model_fingerprint

PAGE, NUMBERS = "index.html", "report.json"
ROWS = 8
"""Decisions that the page shows."""


@dataclass(frozen=True)
class ReportConfig:
    """What is measured on what."""

    controller: str = "controller"
    """Folder of the controller."""
    drawn_by: str | None = "diffusion"
    """Folder of the diffusion model; `None` where there is none."""
    held_out: tuple[str, ...] = ()
    """Demonstrations with pictures."""
    held_out_states: tuple[str, ...] = ()
    """Demonstrations without."""
    trained_on: bool = False
    """Those with pictures are what the models learned from: there are no others."""
    compared: str | None = None
    """Folder of another controller that is measured beside."""


@dataclass(frozen=True)
class _Measured:
    """Decisions, what was drawn there, and numbers."""

    decisions: list[Decision]
    drawings: list[Views | None]
    numbers: dict[str, Any]


def write_report(
    out: Path, config: ReportConfig, report: Callable[[str, int, int, float | None], None]
) -> None:
    """Measure, and write `report.json`, `index.html` and the pictures of the page.

    Raises:
        UserError: a broken demonstration or model.
    """
    claim(out, _made_from(config))
    if (out / PAGE).exists():
        return
    measured = _measure(config, report)
    write_json(out / NUMBERS, measured.numbers)
    text = pages.page("Held-out demonstrations", _lead(measured, config), _body(out, measured))
    with written_whole(out / PAGE) as partial:
        partial.write_text(text, encoding="utf-8")


def _made_from(config: ReportConfig) -> dict[str, Any]:
    models = {name: getattr(config, name) for name in ("controller", "drawn_by", "compared")}
    return {
        **{name: None if at is None else model_fingerprint(at) for name, at in models.items()},
        "held_out": [fingerprint(each) for each in config.held_out],
        "held_out_states": [fingerprint(each) for each in config.held_out_states],
        "trained_on": config.trained_on,
    }


def _measure(
    config: ReportConfig, report: Callable[[str, int, int, float | None], None]
) -> _Measured:
    models = {"controller": load_controller(config.controller)}
    if config.compared is not None:
        models["compared"] = load_controller(config.compared)
    decisions = _decisions(config, models["controller"])
    drawings, total, done = _drawn(config, decisions), len(models) * len(decisions), 0

    def tell() -> None:
        nonlocal done
        done += 1
        report("measuring", done, total, None)

    seen = [i for i, drawing in enumerate(drawings) if drawing is not None]
    numbers: dict[str, Any] = {
        "trained_on": config.trained_on,
        "drawing": drawing_scores([decisions[i] for i in seen], _there(drawings)) if seen else None,
    }
    for name, model in models.items():
        errors = controller_errors(model, decisions, drawings, tell)
        numbers[name] = error_summary(decisions, errors)
    return _Measured(decisions, drawings, numbers)


def _there(drawings: Sequence[Views | None]) -> list[Views]:
    return [each for each in drawings if each is not None]


def _decisions(config: ReportConfig, model: ACT) -> list[Decision]:
    found: list[Decision] = []
    for each in recorded(config.held_out):
        found += decisions_with_pictures(each, model.config.keyframes)
    for number, each in enumerate(recorded(config.held_out_states)):
        found += decisions_without(each, model.config, number)
    return found


def _drawn(config: ReportConfig, decisions: Sequence[Decision]) -> list[Views | None]:
    """Return what is drawn at each decision; its number is the seed."""
    if config.drawn_by is None:
        return [None] * len(decisions)
    agent = DiffusionAgent.load(config.drawn_by)
    return [
        None
        if each.example is None
        else agent.draw(each.example.views, each.example.instruction, i)
        for i, each in enumerate(decisions)
    ]


# ------------------------------------------------------------------------------ the page


def _lead(measured: _Measured, config: ReportConfig) -> str:
    seen = len(_there(measured.drawings))
    lead = (
        f"{len(measured.decisions)} decisions of demonstrations, {seen} of them drawn. Nothing "
        "moves here: a policy's own errors do not add up as in closed loop."
    )
    if config.trained_on:
        lead += (
            " No task has two demonstrations with pictures, so none was held out: those with "
            "pictures are what the models learned from, and their numbers say nothing about others."
        )
    return lead


def _body(out: Path, measured: _Measured) -> list[str]:
    body = []
    if measured.numbers["drawing"] is not None:
        body.append(pages.section("What is drawn", _drawing_table(measured), _shown(out, measured)))
    tables = [pages.heading("The controller"), _controller_table(measured.numbers["controller"])]
    if "compared" in measured.numbers:
        tables.append(pages.heading("The one it began from"))
        tables.append(_controller_table(measured.numbers["compared"]))
    return [*body, pages.section("What is followed", *tables)]


def _drawing_table(measured: _Measured) -> str:
    head = ("task", "decisions", "spheres missed", "pixels off", "gripper's colour", "mm off")
    rows = [
        (
            task,
            str(score["frames"]),
            _share(score["misses"]),
            _number(score["pixels"], ".2f"),
            _share(score["gripper"]),
            _number(score["millimetres"], ".0f"),
        )
        for task, score in measured.numbers["drawing"].items()
    ]
    caption = (
        "Drawn against true spheres: shares missed, median pixels in the fixed cameras' views, "
        "gripper colours that are right where the sphere is found, median millimetres of the "
        "gripper's sphere in space."
    )
    return pages.table(head, rows, caption, "total")


def _controller_table(numbers: dict[str, Any]) -> str:
    ways = [
        (kind, way)
        for kind in (TRUE, DRAWN)
        for way in (NETWORK, FITTED)
        if any(found[kind][way] is not None for found in numbers.values())
    ]
    head = ("task", "decisions", *(f"{kind} targets, {way}" for kind, way in ways))
    rows = [
        (task, str(found["decisions"]), *(_errors(found[kind][way]) for kind, way in ways))
        for task, found in numbers.items()
    ]
    caption = (
        "Millimetres from the tip to its target where the actions end, and degrees of the joints "
        "below: median, 90 % quantile. Network: alone; fitted: led to the posture that fits the "
        "spheres (--fit)."
    )
    return pages.table(head, rows, caption, "total")


def _errors(found: dict[str, float] | None) -> pages.Cell:
    if found is None:
        return "-"
    joints = f"{found['joints']:.1f}, {found['joints_90']:.1f} degrees"
    return f"{found['tip']:.1f}, {found['tip_90']:.0f} mm", joints


def _share(value: float | None) -> str:
    return _number(value, ".1%")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _shown(out: Path, measured: _Measured) -> str:
    drawn = [(d.example, v) for d, v in zip(measured.decisions, measured.drawings, strict=True)]
    both = [(example, views) for example, views in drawn if example and views]
    picture = validation_picture([e for e, _ in both], [v for _, v in both], ROWS)
    name = pages.Assets(out).picture("drawings", np.repeat(np.repeat(picture, 2, 0), 2, 1))
    caption = "Rows are decisions: what was seen, what was drawn, the truth."
    return pages.image(name, "tiled views: seen, drawn, true", caption, 9.0)
