"""Stages of a long job: the longest first, after what they need."""

import pytest
from stage_examples import fail, write

from genima_lite.recipes._stages import Stage, run_stages


def test_the_longest_stage_starts_first_and_needs_are_met(tmp_path):
    log = tmp_path / "log"
    stages = [
        Stage("last", write, (log, "c", 0), 9.0, needs=("first",)),
        Stage("first", write, (log, "a", 0.2), 1.0),
        Stage("second", write, (log, "b", 0.0), 0.5),
    ]
    seconds = run_stages(stages, processes=1)
    assert log.read_text() == "acb", "what is needed first; then the longest"
    assert seconds["first"] >= 0.2
    assert set(seconds) == {"first", "second", "last"}


def test_a_broken_stage_ends_the_job(tmp_path):
    stages = [
        Stage("broken", fail, (), 1.0),
        Stage("after", write, (tmp_path / "log", "x", 0), 1.0, needs=("broken",)),
    ]
    with pytest.raises(RuntimeError, match="this stage is broken"):
        run_stages(stages, processes=1)
    assert not (tmp_path / "log").exists()
