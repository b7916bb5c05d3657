"""Sizes side by side: only what an arm says differs, and pixels of any view count as 64ths."""

import argparse
import runpy
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("diffusers")

from genima_lite.diffusion.validate import DrawingScore
from genima_lite.tiling import TILE_ORDER

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "compare_sizes.py"
WORDS = {"scenes": 64, "base_steps": 10, "batch": 2, "device": "cpu", "workers": 1}


def words(tmp_path):
    return argparse.Namespace(out=tmp_path, **WORDS)


def seen(size, level):
    """Stand in for an example whose views have one level, and its true ones another."""
    shape = (size, size, 3)
    views, true = ({c: np.full(shape, n, np.uint8) for c in TILE_ORDER} for n in (level, 100))
    return argparse.Namespace(views=views, expert_targets=argparse.Namespace(views=true))


def test_arms_differ_in_what_they_say_alone(tmp_path):
    script = runpy.run_path(str(SCRIPT))
    arms = script["ARMS"].values()
    base, fine, wide = (script["base_config"](words(tmp_path), arm) for arm in arms)
    assert (base.training.steps, base.even_steps) == (7, 3)
    assert replace(fine, base=replace(fine.base, picture_size=128)) == base
    assert replace(wide, base=replace(wide.base, channels=(64, 128))) == base
    assert fine.base.picture_size == 192
    assert wide.base.channels == (128, 256)


@pytest.mark.parametrize(("arm", "pixels"), [("base", 3.0), ("fine", 2.0), ("wide", 3.0)])
def test_pixels_are_of_64_and_each_arm_is_judged_on_views_of_its_size(tmp_path, arm, pixels):
    joints = {"gripper": 6.0, "base": 0.3}
    score = DrawingScore(1, 4, 3.0, 0.5, (0.2, 0.8), 0.25, 0.7, 1.0, 30.0, joints)
    collected = []
    script = runpy.run_path(str(SCRIPT))
    parts = script["scored"].__globals__
    parts["train"] = lambda words, name: tmp_path / name
    parts["dataset"] = lambda out, settings, episodes, size, workers: collected.append(size)
    parts["read_demos"] = lambda demos: demos
    parts["decision_examples"] = lambda demos: [seen(size=collected[-1], level=i) for i in range(3)]
    parts["DiffusionAgent"] = argparse.Namespace(load=lambda folder: folder)
    parts["score_drawings"] = lambda agent, examples: (
        score,
        [e.expert_targets.views for e in examples],
    )
    found, shown = script["scored"](words(tmp_path), arm)
    assert found.pixels == pytest.approx(pixels)
    assert found.by_joint == pytest.approx({k: v * pixels / 3 for k, v in joints.items()})
    assert collected == [{"base": 64, "fine": 96, "wide": 64}[arm]]
    levels = [[int(part.mean()) for part in row] for row in shown]
    assert levels == [[i, 100, 100] for i in range(3)]
    picture = script["side_by_side"]([shown, shown])
    assert picture.shape == (3 * 384, 4 * 384, 3), "seen, two arms, true"
    assert [int(column.mean()) for column in np.split(picture[-384:], 4, 1)] == [2, 100, 100, 100]
    same = asdict(score) | {"pixels": found.pixels, "by_joint": found.by_joint}
    assert asdict(found) == same, "shares and millimetres are of any size"
