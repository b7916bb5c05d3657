"""An expert that sees no finer than a pixel."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from genima_lite.envs.bench import recovery
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.targets.expert_targets import way_to_target
from genima_lite.targets.horizon import HORIZON

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "blurred_expert.py"
blurred_way, solves = (runpy.run_path(str(SCRIPT))[name] for name in ("blurred_way", "solves"))


@pytest.fixture(scope="module")
def drawers():
    return BenchEnv("open_drawer", cameras=())


def test_without_blur_it_goes_where_the_expert_goes(drawers):
    drawers.reset(seed=4, options={"variation": 1})
    expert = way_to_target(drawers)
    way = blurred_way(drawers, 0.0, np.random.default_rng(0))
    assert way.shape == (HORIZON, 8)
    np.testing.assert_allclose(way[len(expert) - 1 :], np.tile(expert[-1], (21 - len(expert), 1)))


def test_the_arm_stays_where_it_is_while_it_is_asked(drawers):
    drawers.reset(seed=4, options={"variation": 1})
    before = drawers.scene.data.qpos.copy()
    blurred_way(drawers, 0.02, np.random.default_rng(0))
    np.testing.assert_array_equal(drawers.scene.data.qpos, before)


def test_rules_finer_than_a_pixel_leave_it_undecided(drawers, monkeypatch):
    def solved():
        drawers.reset(seed=4, options={"variation": 1})
        return solves(drawers, 0.015, np.random.default_rng(0))

    assert solved()
    monkeypatch.setattr(recovery, "TUBE", 0.0)
    monkeypatch.setattr(recovery, "SLOPE", 0.1)
    monkeypatch.setattr(recovery, "GRIPPED", 0.01)
    assert not solved()
