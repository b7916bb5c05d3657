"""Two results side by side, and the test for a difference between them."""

import json
import runpy
from pathlib import Path

import pytest

from genima_lite.errors import UserError
from genima_lite.evaluation.statistics import Paired, paired

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "compare_results.py"
load = runpy.run_path(str(SCRIPT))["load"]


def outcomes(solved, episodes=20):
    return {("push_button", seed): seed in solved for seed in range(episodes)}


def write(path, found):
    episodes = [{"task": t, "seed": s, "success": ok} for (t, s), ok in found.items()]
    path.write_text(json.dumps({"episodes": episodes}))
    return str(path)


def test_ten_won_and_two_lost_by_hand():
    """Two tails of a fair coin: 2 (1 + 12 + 66) / 2^12."""
    found = paired(outcomes({*range(10), 15}), outcomes({12, 13, 15}))
    assert (found.won, found.lost) == (10, 2)
    assert found.p == pytest.approx(2 * 79 / 4096)


def test_two_that_solve_the_same_do_not_differ():
    assert paired(outcomes({1, 2}), outcomes({1, 2})) == Paired(0, 0, 1.0)


def test_other_episodes_are_refused():
    with pytest.raises(UserError, match="1 episodes are in one result only.*push_button.*20"):
        paired(outcomes({1}), outcomes({1}, episodes=21))


def test_a_run_in_two_files_and_the_table(tmp_path, monkeypatch, capsys):
    every = outcomes(set(range(12)))
    early = {key: ok for key, ok in every.items() if key[1] < 9}
    late = {key: ok for key, ok in every.items() if key[1] >= 9}
    names = f"{write(tmp_path / 'a.json', early)},{write(tmp_path / 'b.json', late)}"
    assert load(names) == every
    other = write(tmp_path / "other.json", outcomes({0}))
    monkeypatch.setattr("sys.argv", ["compare_results.py", names, other])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    shown = capsys.readouterr().out
    assert "12 of 20" in shown
    assert "1 of 20" in shown


@pytest.mark.parametrize("content", ["", "[]", '{"summary": {}}'])
def test_what_is_not_a_result_is_named(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UserError, match="x.json: not a result"):
        load(str(path))
