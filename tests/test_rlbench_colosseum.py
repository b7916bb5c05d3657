"""The Colosseum's perturbations, on doubles of its package and of RLBench."""

import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from genima_lite.envs.api import EnvSpec, make_env, perturbation_names
from genima_lite.envs.rlbench.perturbed import NAMES
from genima_lite.errors import UserError
from tests.on_the_double import events

DOUBLE = str(Path(__file__).parent / "colosseum_double")
TASK, LIGHT = "open_drawer", "colosseum_light_color"
THEIRS = ["colosseum", "colosseum_distractor_object", LIGHT]


@pytest.fixture
def colosseum(double, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], DOUBLE]))
    monkeypatch.syspath_prepend(DOUBLE)


def spec(*names, **more):
    return EnvSpec(TASK, (), 16, backend="rlbench", perturbations=names, **more)


def drawn(tmp_path):
    """What the factors drew since it was asked last."""
    return [line for line in events(tmp_path) if line.startswith("factor")]


def test_a_task_has_the_factors_of_its_file_and_none_without_the_package(colosseum, monkeypatch):
    assert perturbation_names("rlbench", TASK) == sorted([*NAMES, *THEIRS])
    assert perturbation_names("rlbench", "lamp_on") == sorted(NAMES)
    with pytest.raises(UserError, match=f"task 'lamp_on' cannot have the perturbation '{LIGHT}'"):
        make_env(EnvSpec("lamp_on", (), 16, backend="rlbench", perturbations=(LIGHT,)))
    with pytest.raises(UserError, match="colosseum and light: take The Colosseum's or ours"):
        make_env(spec("colosseum", "light"))
    with pytest.raises(UserError, match="has one strength"):
        make_env(spec(LIGHT, strength=0.5))
    monkeypatch.undo()
    assert perturbation_names("rlbench", TASK) == sorted(NAMES)


def test_a_seed_gives_its_factors_whatever_ran_before(colosseum, tmp_path):
    names = ("colosseum_distractor_object", LIGHT)
    with closing(make_env(spec(*names))) as env:
        seen = []
        for seed in (1, 2, 1):
            env.reset(seed=seed)
            seen.append(drawn(tmp_path)[-3:])
        assert seen[0] == seen[2] != seen[1]
        kinds = [line.split()[1] for line in seen[0]]
        assert kinds == ["light_color", "distractor_object", "distractor_object"]
        assert len({line.split()[2] for line in seen[0]}) == 3, "each draws for itself"
        demo = env.demonstration()
        assert {*drawn(tmp_path)} == {*seen[0]}, "the demonstration is of the same scene"
        env.reset(seed=2, options={"variation": 2})
        drawn(tmp_path)
        env.reset(options={"demo": demo})  # it restores no variation itself
        assert drawn(tmp_path) == seen[0]
        recorded = demo[0].task_low_dim_state
        np.testing.assert_array_equal(env.observation.task_low_dim_state, recorded)


def test_its_clean_twin_changes_nothing_and_demonstrates_at_genimas_speed(colosseum, tmp_path):
    with closing(make_env(spec("colosseum"))) as env:
        env.reset(seed=1)
        env.demonstration()
        found = events(tmp_path)
        assert "speeds 2.0 8.0" in found
        assert not [line for line in found if line.startswith("factor")]
    with closing(make_env(spec())) as env:
        env.reset(seed=1)
        env.demonstration()
        assert "speeds 2.0 8.0" in events(tmp_path)
