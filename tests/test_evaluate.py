"""Evaluation: intervals against SciPy, seeds that never meet, failures that are reported."""

import json
import sys

import numpy as np
import pytest
from scipy.stats import binomtest

from genima_lite import cli, panda, seeds
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.evaluation import rollout, statistics
from genima_lite.evaluation.rollout import EpisodeError, evaluate
from genima_lite.evaluation.statistics import summarize
from genima_lite.policies.api import PolicyFactory, make_policy, policy_names
from genima_lite.policies.random import RandomPolicy
from genima_lite.targets.horizon import HORIZON


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (7, 10), (49, 50), (1, 1)])
def test_wilson_interval_equals_scipys(successes, n):
    reference = binomtest(successes, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(
        statistics.wilson_interval(successes, n), (reference.low, reference.high), atol=1e-6
    )


def test_no_episodes_tell_nothing():
    assert statistics.wilson_interval(0, 0) == (0.0, 1.0)


def test_the_mean_counts_tasks_the_same():
    rows = {"a": {"successes": 7, "n": 10, "rate": 0.7}, "b": {"successes": 0, "n": 10, "rate": 0}}
    mean = statistics.mean_over_tasks(rows)
    assert mean["rate"] == 0.35
    assert mean["interval_95"] == statistics.wilson_interval(7, 20)
    rows["b"] = {"successes": 5, "n": 5, "rate": 1.0}
    mean = statistics.mean_over_tasks(rows)
    assert (mean["rate"], mean["interval_95"]) == (0.85, None)


def test_time_goes_to_the_stages_that_a_policy_reports(monkeypatch):
    now = iter([0.0, 1.0, 4.0, 5.0, 9.0])
    monkeypatch.setattr(rollout.time, "perf_counter", lambda: next(now))
    clock = rollout._Clock()
    clock.charge("environment")
    clock.charge("policy", {"draw": 2.0, "control": 0.5})
    clock.skip()
    clock.charge("policy")
    assert clock.accounts == {"environment": 1.0, "policy": 4.5, "draw": 2.0, "control": 0.5}


def test_episodes_tell_where_pieces_stood_and_how_often_was_decided():
    results = list(evaluate(PolicyFactory("expert"), ["pick_up_cup"], 2, 1000))
    assert all(list(each.objects) == ["start", "cup1", "cup2"] for each in results)
    assert all(len(place) == 3 for each in results for place in each.objects.values())
    assert results[0].objects != results[1].objects
    assert all(each.decisions == -(-each.steps // HORIZON) for each in results)
    assert all(set(each.seconds) == {"environment", "policy"} for each in results)
    json.dumps(statistics.results_document({}, results))


def test_training_and_evaluation_seeds_never_meet():
    training = {seeds.training_seed(b, e, a) for b in (0, 1) for e in range(300) for a in range(10)}
    evaluation = {seeds.evaluation_seed(b, e) for b in (0, 1, 1000) for e in range(3000)}
    assert not training & evaluation
    assert len(training) == 2 * 300 * 10
    assert all(seed % 2 == 0 for seed in training)
    assert all(seed % 2 == 1 for seed in evaluation)


@pytest.mark.parametrize("bad", [(-1, 0, 0), (0, -1, 0), (0, 0, 10), (0, 10**6, 0)])
def test_impossible_training_seeds_are_refused(bad):
    with pytest.raises(ValueError, match="no training seed"):
        seeds.training_seed(*bad)


def test_the_expert_solves_what_random_motion_does_not():
    expert = summarize(evaluate(PolicyFactory("expert"), ["push_button"], 4, 1000))
    chance = summarize(evaluate(PolicyFactory("random"), ["push_button"], 4, 1000))
    assert expert["push_button"]["successes"] == 4
    assert chance["push_button"]["successes"] < 4
    assert expert["push_button"]["seeds"] == [2001, 2003, 2005, 2007]
    assert expert["push_button"]["variations"] == [0, 1, 2, 3]
    assert expert["push_button"]["by_variation"]["2"] == {"successes": 1, "n": 1}


def test_a_seed_that_the_expert_cannot_plan_is_a_reported_failure(monkeypatch):
    def out_of_reach(self):
        raise panda.Unreachable("the tip cannot reach the moon")

    monkeypatch.setattr(BenchEnv, "expert_stretches", out_of_reach)
    (result,) = evaluate(PolicyFactory("expert"), ["push_button"], 1, 0)
    assert not result.success
    assert (result.refusal, result.error) == ("the tip cannot reach the moon", None)
    summary = summarize([result])["push_button"]
    assert summary["failures"][0]["seed"] == result.seed
    assert (summary["n"], summary["refused"], summary["errors"]) == (1, 1, 0)


@pytest.fixture
def breaks_once(monkeypatch):
    """A policy that has a bug in the episode with seed 2003."""
    act = RandomPolicy.act

    def reset(self, instruction, seed):
        self._rng, self._seed = np.random.default_rng(seed), seed

    def breaks(self, observation):
        if self._seed == 2003:
            raise ValueError("shapes do not match")
        return act(self, observation)

    monkeypatch.setattr(RandomPolicy, "reset", reset)
    monkeypatch.setattr(RandomPolicy, "act", breaks)


def test_a_bug_in_a_policy_is_no_failed_episode(breaks_once):
    runs = evaluate(PolicyFactory("random"), ["push_button"], 3, 1000)
    assert next(runs).seed == 2001
    words = r"'push_button', variation 1, seed 2003, after 0 steps: ValueError: shapes do not"
    with pytest.raises(EpisodeError, match=words) as stopped:
        next(runs)
    assert str(stopped.value.__cause__) == "shapes do not match"


def test_errors_are_listed_apart_if_one_goes_on(breaks_once):
    make = PolicyFactory("random")
    results = list(evaluate(make, ["push_button"], 3, 1000, keep_going=True))
    assert [result.error is None for result in results] == [True, False, True]
    document = statistics.results_document({}, results)
    row = document["summary"]["push_button"]
    assert (row["n"], row["errors"], row["seeds"]) == (2, 1, [2001, 2005])
    assert [each["seed"] for each in document["errors"]] == [2003]
    assert all(each["seed"] != 2003 for each in [*document["episodes"], *row["failures"]])
    only = summarize(results[1:2])["push_button"]
    assert (only["n"], only["rate"], only["errors"]) == (0, None, 1)
    assert statistics.mean_over_tasks({"a": only})["rate"] is None


def test_the_command_names_refusals_and_errors(breaks_once, monkeypatch, capsys):
    words = ["eval", "--policy", "random", "--tasks", "push_button", "--episodes", "2"]
    monkeypatch.setattr(sys, "argv", ["genima-lite", *words, "--keep-going"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    shown = capsys.readouterr().out
    assert "errors" in shown
    assert "error, not counted: push_button, variation" in shown
    (line,) = [line for line in shown.splitlines() if line.split("│")[1:2] == [" push_button "]]
    assert line.replace("│", " ").split()[-1] == "1"


def test_the_command_writes_rates_seeds_and_intervals(tmp_path, monkeypatch, capsys):
    path = tmp_path / "results.json"
    words = [
        "eval",
        "--policy",
        "expert",
        "--tasks",
        "push_button",
        "--episodes",
        "2",
        "--seed",
        "7",
        "--json",
    ]
    monkeypatch.setattr(sys, "argv", ["genima-lite", *words, str(path)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    report = json.loads(path.read_text())
    row = report["summary"]["push_button"]
    assert (row["successes"], row["n"], row["seeds"]) == (2, 2, [15, 17])
    low, high = row["interval_95"]
    assert 0 < low < high <= 1
    assert [r["success"] for r in report["episodes"]] == [True, True]
    assert "push_button" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_policy_or_task_ends_with_a_sentence(monkeypatch, capsys):
    wrong = ((["--policy", "oracl"], "unknown policy"), (["--tasks", "x"], "known tasks"))
    for words, hint in wrong:
        monkeypatch.setattr(sys, "argv", ["genima-lite", "eval", "--episodes", "1", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 2
        assert hint in capsys.readouterr().err


def test_policies_are_found_by_their_files():
    assert policy_names() == ["act", "expert", "genima", "oracle", "random", "susie"]


def test_policies_return_k_actions():
    env = make_env(EnvSpec("push_button", cameras=()))
    for name in ("expert", "random"):
        agent = make_policy(name, env)
        _, info = env.reset(seed=1)
        agent.reset(info["instruction"], 1)
        actions = agent.act(env.observation).actions
        assert actions.shape == (HORIZON, 8)
        assert (actions[:, :7] >= panda.LOWER).all()
        assert (actions[:, :7] <= panda.UPPER).all()


def test_what_the_user_gave_wrong_in_an_episode_is_wrong_input(breaks_once, monkeypatch):
    def refuses(self, observation):
        raise UserError("weights.json: broken")

    monkeypatch.setattr(RandomPolicy, "act", refuses)
    with pytest.raises(UserError, match=r"seed 2001, after 0 steps: weights\.json: broken"):
        next(evaluate(PolicyFactory("random"), ["push_button"], 1, 1000))
