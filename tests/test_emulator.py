"""Our FR3 driver, unmodified franky and an emulator, in an environment of their own."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = os.environ.get("GENIMA_EMULATOR_PYTHON", "")


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="GENIMA_EMULATOR_PYTHON names no Python with franky-sim")
def test_the_driver_streams_stops_recovers_and_says_when_the_emulator_is_killed():
    server = f"{Path(PYTHON).parent / 'franky-sim'} -s mujoco"
    words = [PYTHON, "benchmarks/drive_emulator.py", "--server", server, "--seconds", "4"]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(words, cwd=ROOT, env=path, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["faults"] == 0
    assert result["tracking max"] < 0.15
    assert "the robot" in result["words"]
