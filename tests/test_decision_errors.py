"""The measurement of single decisions."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from genima_lite.controller.checkpoint import load_controller
from genima_lite.datasets.demonstrations import read_demos
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.shipped import shipped
from genima_lite.targets import decision_frames, demo_targets, draw_targets_of

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "decision_errors.py"
measure = runpy.run_path(str(SCRIPT))["measure"]

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_a_model_that_draws_expert_targets_errs_like_the_oracle_and_ways_are_those_of_the_tip(
    tmp_path,
):
    list(collect(tmp_path, ["push_button"], 1, CollectSettings(5000, 64, None)))
    ((demo, sentences),) = read_demos(tmp_path)
    targets = demo_targets(demo)
    frames = decision_frames(targets)[:-1]
    truths = iter(draw_targets_of(demo, frames))

    class Truthful:
        def draw(self, views, instruction, seed):
            return next(truths).views

    models = (load_controller(shipped(name)) for name in ("genima/controller", "act"))
    rows = measure([(demo, sentences)], Truthful(), *models)
    np.testing.assert_array_equal(rows[:, 2], rows[:, 1])
    tips = np.array([observation.gripper_pose[:3] for observation in demo])
    ways = np.linalg.norm(tips[targets[frames]] - tips[frames], axis=1)
    np.testing.assert_allclose(rows[:, 0], ways, atol=3e-3)
    assert np.median(rows[:, 1]) < 0.01
    assert (rows[:, 3] != rows[:, 1]).all()
