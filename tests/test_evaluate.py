"""Evaluation: intervals against SciPy, seeds that never meet, failures that are reported."""

import json
import sys

import numpy as np
import pytest
from scipy.stats import binomtest

from genima_lite import cli, evaluate, panda, policy, seeds
from genima_lite.envs.bench.tasks.push_button import PushButton


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (7, 10), (49, 50), (1, 1)])
def test_wilson_interval_equals_scipys(successes, n):
    reference = binomtest(successes, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(
        evaluate.wilson_interval(successes, n), (reference.low, reference.high), atol=1e-6
    )


def test_no_episodes_tell_nothing():
    assert evaluate.wilson_interval(0, 0) == (0.0, 1.0)


def test_the_mean_counts_tasks_the_same():
    rows = {"a": {"successes": 7, "n": 10, "rate": 0.7}, "b": {"successes": 0, "n": 10, "rate": 0}}
    mean = evaluate.mean_over_tasks(rows)
    assert mean["rate"] == 0.35
    assert mean["interval_95"] == evaluate.wilson_interval(7, 20)
    rows["b"] = {"successes": 5, "n": 5, "rate": 1.0}
    mean = evaluate.mean_over_tasks(rows)
    assert (mean["rate"], mean["interval_95"]) == (0.85, None)


def test_time_goes_to_the_stages_that_a_policy_reports(monkeypatch):
    now = iter([0.0, 1.0, 4.0, 5.0, 9.0])
    monkeypatch.setattr(evaluate.time, "perf_counter", lambda: next(now))
    clock = evaluate._Clock()
    clock.charge("environment")
    clock.charge("policy", {"draw": 2.0, "control": 0.5})
    clock.skip()
    clock.charge("policy")
    assert clock.accounts == {"environment": 1.0, "policy": 4.5, "draw": 2.0, "control": 0.5}


def test_episodes_tell_where_pieces_stood_and_how_often_was_decided():
    results = list(evaluate.evaluate("expert", ["pick_up_cup"], 2, 1000))
    assert all(list(each.objects) == ["start", "cup1", "cup2"] for each in results)
    assert all(len(place) == 3 for each in results for place in each.objects.values())
    assert results[0].objects != results[1].objects
    assert all(each.decisions == -(-each.steps // policy.HORIZON) for each in results)
    assert all(set(each.seconds) == {"environment", "policy"} for each in results)
    json.dumps(evaluate.results_document({}, results))


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
    expert = evaluate.summarize(evaluate.evaluate("expert", ["push_button"], 4, 1000))
    chance = evaluate.summarize(evaluate.evaluate("random", ["push_button"], 4, 1000))
    assert expert["push_button"]["successes"] == 4
    assert chance["push_button"]["successes"] < 4
    assert expert["push_button"]["seeds"] == [2001, 2003, 2005, 2007]
    assert expert["push_button"]["variations"] == [0, 1, 2, 3]
    assert expert["push_button"]["by_variation"]["2"] == {"successes": 1, "n": 1}


def test_a_seed_that_the_expert_cannot_plan_is_a_reported_failure(monkeypatch):
    def out_of_reach(self, scene):
        raise panda.Unreachable("the tip cannot reach the moon")

    monkeypatch.setattr(PushButton, "waypoints", out_of_reach)
    (result,) = evaluate.evaluate("expert", ["push_button"], 1, 0)
    assert not result.success
    assert result.error == "the tip cannot reach the moon"
    summary = evaluate.summarize([result])["push_button"]
    assert summary["failures"][0]["seed"] == result.seed


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


def test_policies_return_k_actions():
    from genima_lite.envs.bench.env import BenchEnv

    env = BenchEnv("push_button", cameras=())
    for name in policy.POLICIES:
        agent = policy.make_policy(name, env)
        _, info = env.reset(seed=1)
        agent.reset(info["instruction"], 1)
        actions = agent.act(env.observation)
        assert actions.shape == (policy.HORIZON, 8)
        assert (actions[:, :7] >= panda.LOWER).all()
        assert (actions[:, :7] <= panda.UPPER).all()
