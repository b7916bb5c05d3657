"""Everything that asks a robot runs on one that has no simulator."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genima_lite.datasets.dagger import DaggerRollouts, dagger_rollouts
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.datasets.recovery_starts import NoiseLeads
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.layout import DatasetError, iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.replay import replay
from genima_lite.envs.api import (
    EnvSpec,
    HasExpert,
    HasFilm,
    HasSnapshot,
    RobotEnv,
    check_task,
    make_env,
    require,
)
from genima_lite.errors import UserError
from genima_lite.evaluation.recording import Recorder
from genima_lite.evaluation.report import write_report
from genima_lite.evaluation.rollout import evaluate, run_episode
from genima_lite.evaluation.statistics import results_document, summarize
from genima_lite.policies.api import Decision, PolicyFactory
from genima_lite.targets.expert_targets import ExpertTargets
from genima_lite.targets.views import draw_targets
from genima_lite.tiling import TILE_ORDER
from tests.fake_env import GOAL

FAKE, TASK = "tests.fake_env", "go_there"


def fake(cameras=(), size=16) -> RobotEnv:
    return make_env(EnvSpec(TASK, cameras, size, backend=FAKE))


class DrawsTruth:
    """Draws the expert's targets and goes there."""

    def __init__(self, env):
        self._env = env

    def reset(self, instruction, seed):
        self._expert = ExpertTargets(self._env)

    def act(self, observation):
        drawn = self._expert.draw(observation, self._expert.follow(observation), TILE_ORDER)
        return Decision(self._expert.plan[1:], drawn, {"draw": 0.0})


def test_policies_are_evaluated():
    solved = summarize(evaluate(PolicyFactory("expert", backend=FAKE), [TASK], 4, 7))[TASK]
    assert (solved["successes"], solved["n"], solved["median_steps"]) == (4, 4, 20)
    assert solved["variations"] == [0, 1, 0, 1]
    chance = list(evaluate(PolicyFactory("random", backend=FAKE), [TASK], 2, 7))
    assert [(each.success, each.steps, each.objects) for each in chance] == [(False, 60, {})] * 2


def test_what_was_drawn_is_recorded_and_reported_without_a_film(tmp_path):
    env = fake(TILE_ORDER)
    recorder = Recorder("truth")
    result = run_episode(env, DrawsTruth(env), 1, 0, recorder)
    (recording,) = recorder.recordings
    assert recording.film is None
    (step,) = recording.steps
    for camera in TILE_ORDER:
        np.testing.assert_array_equal(step.drawn[camera], step.true[camera])
        assert (step.seen[camera] == 128).all()
    assert any((step.drawn[camera] != 128).any() for camera in TILE_ORDER)
    document = results_document({"policy": "truth", "backend": FAKE}, [result])
    text = write_report(tmp_path, [document], [recording]).read_text()
    assert "No episode was filmed." in text
    assert json.loads((tmp_path / "results.json").read_text())["policies"]["truth"]["errors"] == []
    assert (tmp_path / "drawn_go_there_truth_1.png").exists()


def test_demonstrations_are_collected_and_read(tmp_path):
    settings = CollectSettings(image_size=16, backend=FAKE)
    found = list(collect(tmp_path / "set", [TASK], 3, settings))
    assert [each.steps for each in found] == [20, 20, 20]
    assert inspect_dataset(tmp_path / "set")["episodes"] == 3
    demo = read_episode(next(iterate_episodes(tmp_path / "set")).path)
    np.testing.assert_allclose(demo.actions()[-1], GOAL)
    assert (draw_targets(demo, 0).views["front"] != 128).any()
    with pytest.raises(DatasetError, match="cannot be restored"):
        list(replay(tmp_path / "set", backend=FAKE))


def test_dagger_needs_an_expert_alone():
    env, policy = PolicyFactory("random", backend=FAKE)(TASK)
    found = list(dagger_rollouts(env, policy, DaggerRollouts(), 0, 5))
    assert len(found) == 5
    for demo, sentences in found:
        np.testing.assert_allclose(demo.actions()[-1], GOAL)
        assert sentences in [env.instructions(v) for v in range(2)]


def test_what_needs_more_is_refused_by_name(tmp_path):
    env = fake()
    assert require(env, HasExpert, "this") is env
    with pytest.raises(UserError, match=r"perturbed states: .*HasSnapshot.*FakeEnv"):
        next(perturbed_states(env, PerturbedStates(), 0, 1))
    settings = CollectSettings(image_size=16, recovery=1.0, lead=NoiseLeads(), backend=FAKE)
    with pytest.raises(UserError, match=r"recovery starts: .*HasSnapshot"):
        list(collect(tmp_path, [TASK], 1, settings))
    with pytest.raises(UserError, match="HasFilm"):
        require(env, HasFilm, "a film")
    with pytest.raises(UserError, match="unknown task 'go_their': did you mean 'go_there'"):
        check_task("go_their", FAKE)
    with pytest.raises(UserError, match="unknown backend 'tests.no_env': choose from .*bench"):
        make_env(EnvSpec(TASK, backend="tests.no_env"))
    assert isinstance(make_env(EnvSpec("push_button", cameras=())), HasSnapshot)


def test_no_simulator_is_loaded():
    code = (
        "import sys; from genima_lite.evaluation.rollout import evaluate; "
        "from genima_lite.policies.api import PolicyFactory; import genima_lite.demos.collect; "
        f"print(*evaluate(PolicyFactory('expert', backend='{FAKE}'), ['{TASK}'], 1, 0)); "
        "print(sorted({'mujoco', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert "success=True" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
