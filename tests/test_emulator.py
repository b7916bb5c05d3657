"""Our FR3 driver, unmodified franky and two emulators, in environments of their own."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("GENIMA_EMULATORS", "")).absolute()
pytestmark = [
    pytest.mark.emulator,
    pytest.mark.slow,
    pytest.mark.skipif(
        "GENIMA_EMULATORS" not in os.environ,
        reason="GENIMA_EMULATORS names no folder that scripts/install_emulators.sh made",
    ),
]


def driven(name, server, *more, script="drive_emulator", seconds="2"):
    """Return what the emulator's run came to."""
    place = FOLDER / name / "bin"
    words = [place / "python", f"benchmarks/{script}.py", "--server", f"{place / server}"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "FR3_MJCF": str(FOLDER / "fr3/fr3.xml")}
    run = subprocess.run(
        [*words, "--seconds", seconds, *more],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr or run.stdout
    return json.loads(run.stdout)


def test_the_driver_streams_stops_recovers_and_says_when_the_emulator_is_killed():
    result = driven("franky-sim", "franky-sim -s mujoco")
    assert result["faults"] == 0
    assert result["tracking max"] < 0.15
    assert "the robot" in result["words"]


def test_the_arm_moves_on_while_a_policy_thinks():
    """The whole environment over the driver: it neither rests nor jumps where chunks meet."""
    result = driven("franky-sim", "franky-sim -s mujoco", script="drive_ahead", seconds="4")
    assert result["halted"] is None
    assert result["decisions"] > 4
    assert result["largest stride"] < 0.02
    assert result["share at rest"] < 0.2


def test_a_robot_that_enforces_its_limits_obeys_the_filter_and_refuses_a_jump():
    server = "run-franka-sim-server --enforce-motion-limits"
    result = driven("franka-sim", server, "--abort")
    assert result["faults"] == 0
    assert result["stopped"] == 1
    assert "robot" in result["abort"]
    assert "the robot" in result["words"]
