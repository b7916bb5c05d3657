"""What notebooks 04, 06 and 07 draw and browse: losses, copies, heatmaps, blame, failures."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("ipywidgets")

sys.path.insert(0, str(Path(__file__).parent))
from toy_training import CONFIG, trainer

from genima_lite.controller.checkpoint import load_controller
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.demos.collect import record_demo
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.evaluation.recording import RecordedStep, Recording
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.policies.api import PolicyFactory
from genima_lite.shipped import shipped
from genima_lite.targets import draw_targets
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.closing import blame_figure, browse_failures, error_places, visited_figure
from genima_lite.viz.following import find, heat_figure, spread_figure, untaught
from genima_lite.viz.learning import copying_figure, follow, gripper_places, loss_figure, smooth

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def png(figure):
    assert figure.png().startswith(b"\x89PNG")
    return figure.described()


def test_losses_go_on_where_a_run_was_stopped(tmp_path):
    whole = follow(trainer(tmp_path / "whole"))
    assert len(whole) == CONFIG.steps
    stopped = trainer(tmp_path / "stopped", replace(CONFIG, save_every=1))
    steps = stopped.run()
    stopped.run = lambda _: (next(steps) for _ in range(3))
    assert follow(stopped) == whole[:3]
    assert follow(trainer(tmp_path / "stopped", replace(CONFIG, save_every=1)))[:2] == whole[:2]
    assert follow(trainer(tmp_path / "whole")) == whole


def test_running_means_of_losses():
    np.testing.assert_allclose(smooth([4.0, 2.0, 0.0, 2.0], window=2), [4, 3, 1, 1])
    assert "4 steps" in png(loss_figure([4.0, 2.0, 1.0, 1.0], {1: 3.0, 4: 1.5}))


class Copier:
    """Draws the arm where it stands, or the target, as an agent would."""

    def __init__(self, segments, copies):
        self._segments, self._copies = segments, copies

    def draw(self, views, instruction, number):
        demo = self._segments[number][0]
        shown = type(demo)([demo[0], demo[0 if self._copies else len(demo) - 1]])
        seen = replace(shown[1], **{f"{c}_rgb": views[c] for c in TILE_ORDER}, misc=demo[0].misc)
        pair = type(demo)([demo[0], seen])
        return draw_targets(pair, 0, keyframes=False).views


def test_a_copier_is_told_from_one_that_goes_to_the_goal():
    env = BenchEnv("push_button", TILE_ORDER, 64)
    segments = list(perturbed_states(env, PerturbedStates(seed=5), 0, 4))
    for copies in (True, False):
        drawn, arm, goal = gripper_places(Copier(segments, copies), segments)
        to = arm if copies else goal
        away = np.linalg.norm(drawn - to, axis=1)
        assert np.nanmedian(away) < 0.01
        assert "dashed line" in png(copying_figure({"it": (drawn, arm, goal)}))


def test_a_controllers_eyes_find_the_drawn_gripper():
    demo = record_demo(BenchEnv("push_button", TILE_ORDER, 64), 7, 0)
    targets, model = draw_targets(demo, 0), load_controller(shipped("genima/controller"))
    found = find(model, targets.views, demo[0])
    place = 64 * found.keypoints[0, model.config.cameras.index("front"), 0].numpy()
    assert np.linalg.norm(place - targets.labels["front"].pixels[0]) < 3
    assert "gripper" in png(heat_figure(model, targets.views, found, "gripper"))


def test_weights_outside_the_loss_are_named():
    net = torch.nn.ModuleDict({"used": torch.nn.Linear(2, 1), "idle": torch.nn.Linear(2, 1)})
    net["used"](torch.ones(1, 2)).sum().backward()
    assert untaught(net) == ["idle.weight", "idle.bias"]


def test_a_group_is_a_row_with_its_median():
    assert "one: median 2; two: median 5" in png(
        spread_figure({"one": [1, 2, 3], "two": [5]}, "mm")
    )


def test_true_targets_make_drawings_errors_small():
    env, oracle = PolicyFactory("oracle")("push_button")
    true, drawn, reached = error_places(env, oracle, seed=2001)
    assert len(true) == len(drawn) == len(reached) > 1
    off = 1000 * np.linalg.norm(drawn - true, axis=1)
    assert np.nanmedian(off) < 15
    assert "decisions" in png(blame_figure(true, drawn, reached))
    assert "policy" in png(visited_figure({"expert": true, "policy": reached}))


def recording(success, count):
    view = {camera: np.full((16, 16, 3), 10, np.uint8) for camera in TILE_ORDER}
    steps = [
        RecordedStep(20 * i, {c: v + i for c, v in view.items()}, view, None) for i in range(count)
    ]
    result = EpisodeResult("push_button", 0, 2001, success, 60, None, None, count, {}, {})
    return Recording("genima", result, "push the button", steps, None, None)


def test_failures_are_browsed_by_episode_and_decision():
    playground = browse_failures([recording(False, 3), recording(True, 0), recording(True, 2)])
    assert playground.controls["episode"].max == 1
    before = np.asarray(Image.open(io.BytesIO(playground.image.value)))
    playground.controls["decision"].value = 2
    after = np.asarray(Image.open(io.BytesIO(playground.image.value)))
    assert (before != after).any()
    assert "failed" in playground.text.value
    assert "seen, drawn, seen next" in playground.text.value
    with pytest.raises(UserError, match="no recorded"):
        browse_failures([recording(False, 0)])
