"""The paper's protocol: its episodes, its table, chosen variations and stored scenes."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from genima_lite.cli import main
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.envs.rlbench.catalogue import VARIATIONS
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.evaluation.paper import (
    PAPER,
    PaperProtocol,
    paper_rows,
    paper_table,
    read_results,
)
from genima_lite.evaluation.starts import Starts

TASK = "push_button"


def test_the_papers_rows_are_those_of_its_page():
    assert list(PAPER) == list(VARIATIONS)
    genima, act = np.array(list(PAPER.values())).T
    assert (round(genima.mean(), 1), round(act.mean(), 1)) == (49.6, 39.6)
    assert (genima > act).sum() == 16


def document(successes, n, task=TASK):
    summary = {task: {"successes": successes, "n": n, "rate": successes / n if n else None,
                      "refused": 0, "errors": 1}}  # fmt: skip
    return {"settings": {"tasks": [task]}, "summary": summary}


def test_our_rate_is_the_mean_over_checkpoints():
    (row,) = paper_rows([document(1, 4), document(3, 4), document(2, 4)])
    assert (row["rate"], row["n"], row["errors"]) == (50.0, 12, 3)
    assert (row["genima"], row["act"]) == PAPER[TASK]
    text = paper_table([row], PaperProtocol(episodes=4).deviations)
    assert "| push_button | 50.0 | 25 to 75 | 12 | 0 | 3 | 76.7 | 31.3 |" in text
    assert "scenes of seeds, not of stored test demonstrations; 1 checkpoints, not 3" in text
    (empty,) = paper_rows([document(0, 0)])
    assert empty["rate"] is None
    assert "| push_button |  | 0 to 100 |" in paper_table([empty], [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"summary": {TASK: {}}}, "successes"),
        ({"settings": 3}, "settings"),
        ({"summary": {TASK: document(5, 4)["summary"][TASK] | {"rate": 1.0}}}, "no counts"),
    ],
)
def test_damaged_results_are_refused_by_name(tmp_path, change, words):
    path = tmp_path / "0.json"
    path.write_text(json.dumps(document(1, 4)))
    assert paper_rows([read_results(path)]) == paper_rows([document(1, 4)])
    path.write_text(json.dumps(document(1, 4) | change))
    with pytest.raises(UserError, match=rf"0\.json: .*{words}.*; delete it"):
        read_results(path)


def test_the_papers_own_settings_deviate_in_nothing(tmp_path):
    folders = tuple(tmp_path / name for name in "abc")
    protocol = PaperProtocol(checkpoints=folders, scenes=tmp_path)
    assert protocol.deviations == []
    runs = protocol.evaluations(tmp_path)
    assert [run.checkpoint for run in runs] == list(folders)
    assert all((run.total, run.variations) == (25 * 50, (0,)) for run in runs)
    with pytest.raises(UserError, match="name each once"):
        PaperProtocol(checkpoints=(folders[0], folders[0]))


def test_variations_are_dealt_round():
    starts = Starts((2, 5))
    assert [starts(TASK, i, 6)[0] for i in range(4)] == [2, 5, 2, 5]
    with pytest.raises(UserError, match=r"no variation 5: 0 to 2"):
        starts(TASK, 1, 3)


@pytest.fixture
def scenes(double, tmp_path):
    settings = CollectSettings(image_size=16, seed=9, variations=(0,), backend="rlbench")
    assert len(list(collect(tmp_path / "scenes", [TASK], 2, settings))) == 2
    return tmp_path / "scenes"


def test_episodes_start_in_stored_scenes(scenes):
    wanted = [read_episode(each.path, kinds=()) for each in iterate_episodes(scenes, TASK, 0)]
    starts = Starts((0,), scenes)
    for number, demo in enumerate(wanted):
        variation, found = starts(TASK, number, 18)
        assert variation == 0
        np.testing.assert_array_equal(found[0].task_low_dim_state, demo[0].task_low_dim_state)
    told = Evaluation("expert", (TASK,), 2, backend="rlbench", variations=(0,), scenes=scenes)
    told.check()
    results = list(told.run())
    assert [(each.success, each.steps) for each in results] == [
        (True, len(demo) - 1) for demo in wanted
    ]
    with pytest.raises(UserError, match="2 demonstrations of 'push_button' for 3 episodes"):
        Evaluation("expert", (TASK,), 3, backend="rlbench", scenes=scenes).check()
    with pytest.raises(UserError, match="add backend rlbench"):
        Evaluation("expert", (TASK,), 2, scenes=scenes)


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["genima-lite", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_the_command_writes_the_table_and_goes_on(scenes, tmp_path, monkeypatch, capsys):
    words = ("paper", "--policy", "expert", "--tasks", TASK, "--episodes", "2", "--scenes", scenes,
             "--out", tmp_path / "out")  # fmt: skip
    assert run(monkeypatch, *words) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"\| push_button \| 100.0 \| 34 to 100 \| 2 \| 0 \| 0 \| 76.7 \| 31.3 \|", said
    )
    rows = json.loads((tmp_path / "out/paper.json").read_text())["rows"]
    assert rows[0]["rate"] == 100.0
    monkeypatch.setenv("PYTHONPATH", "")  # no simulator: nothing is run again
    assert run(monkeypatch, *words) == 0
    assert run(monkeypatch, *words[:-3], Path("elsewhere"), *words[-2:]) == 2
