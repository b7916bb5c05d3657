"""How often the expert solves its task: every scene counts."""

import runpy
from pathlib import Path

import pytest

from genima_lite import panda
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import top_down
from genima_lite.envs.bench.waypoint import Waypoint

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "experts.py"
script = runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def buttons():
    return BenchEnv("push_button", cameras=())


def test_from_home_and_from_beside_its_way_the_expert_solves_what_it_can(buttons):
    results = list(script["from_home"](buttons, 3, 2, 5000))
    assert [(r.seed, r.variation, r.success) for r in results] == [
        (10001, 3, True),
        (10003, 3, True),
    ]
    assert sum(script["with_noise"](buttons, 3, 5000)) >= 2
    assert sum(script["set_down"](buttons, 3, 5000)) >= 2
    steps = sorted(r.steps for r in results)
    expected = f"2 of 2 (34.2% to 100.0%), seeds 10001 to 10003, steps {steps[0]}/"
    assert script["described"](results).startswith(expected)


def test_a_scene_out_of_reach_is_a_failure_and_not_drawn_again(buttons, monkeypatch):
    far = [Waypoint(top_down([1.4, 0.0, 0.8]))]
    monkeypatch.setattr(type(buttons.task), "waypoints", lambda task, scene: far)
    results = list(script["from_home"](buttons, 0, 2, 5000))
    assert "0 of 2" in script["described"](results)
    assert script["described"](results).endswith("failed: 10001 refused, 10003 refused")
    assert list(script["with_noise"](buttons, 1, 5000)) == [False]
    with pytest.raises(panda.Unreachable):
        list(buttons.expert_stretches())
