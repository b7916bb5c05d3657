"""The double against the Python code of PyRep and RLBench themselves, without CoppeliaSim.

scripts/install_rlbench.sh --python-only --venv DIR
GENIMA_RLBENCH_PYTHON=DIR/bin/python python -m pytest tests/test_rlbench_python.py
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.envs.rlbench.catalogue import VARIATIONS

ROOT = Path(__file__).parents[1]
REAL = os.environ.get("GENIMA_RLBENCH_PYTHON")

pytestmark = [
    pytest.mark.rlbench_python,
    pytest.mark.skipif(REAL is None, reason="GENIMA_RLBENCH_PYTHON is not set"),
]


def told(python, path, *arguments):
    """Return the JSON that a program prints last."""
    done = subprocess.run(
        [python, "-W", "ignore", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(ROOT)])},
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def facts():
    double = told(sys.executable, [str(ROOT / "tests/rlbench_double")], "rlbench_facts.py")
    return double, told(REAL, [], "rlbench_facts.py")


@pytest.mark.parametrize("what", ["signatures", "actions", "resets", "errors", "modes"])
def test_the_double_is_like_the_real_one(facts, what):
    double, real = facts
    assert double[what] == real[what]


def test_the_catalogue_is_rlbenchs():
    code = (
        "import json, sys; from rlbench.utils import name_to_task_class as task;"
        "names = json.loads(sys.argv[1]);"
        "print(json.dumps({n: task(n)(None, None).variation_count() for n in names}))"
    )
    assert told(REAL, [], "-c", code, json.dumps(list(VARIATIONS))) == VARIATIONS


SIMULATOR = """
import inspect, json
from pyrep.objects.vision_sensor import VisionSensor
from genima_lite.envs.rlbench import simulator
from genima_lite.envs.rlbench.messages import Pictures
config = simulator._observation_config(Pictures(("front", "wrist"), 32, True, False))
kinds = ("rgb", "depth", "mask", "point_cloud")
said = {n: [getattr(getattr(config, n + "_camera"), k) for k in kinds]
        for n in ("front", "wrist", "overhead")}
try:
    simulator.Simulator("open_box", Pictures((), 32))
except Exception as error:
    said["error"] = type(error).__name__
print(json.dumps(said))
"""


def test_the_workers_simulator_configures_the_real_one_and_is_refused_by_name(monkeypatch):
    monkeypatch.delenv("COPPELIASIM_ROOT", raising=False)
    on, off = [True, True, False, False], [False] * 4
    wanted = {"front": on, "wrist": on, "overhead": off, "error": "PyRepError"}
    assert told(REAL, [], "-c", SIMULATOR) == wanted


STORED = """
import json, sys
from rlbench.observation_config import ObservationConfig
from rlbench.utils import get_stored_demos
config = ObservationConfig()
config.set_all(True)
for name in ("left_shoulder", "right_shoulder", "overhead", "wrist", "front"):
    camera = getattr(config, name + "_camera")
    camera.image_size, camera.mask = (32, 32), False  # NumPy 2 cannot read RLBench's masks
(demo,) = get_stored_demos(1, False, sys.argv[1], 0, sys.argv[2], config, False)
print(json.dumps([len(demo), list(demo[0].front_rgb.shape), demo[3].front_depth.dtype.name,
                  list(demo[0].wrist_point_cloud.shape), demo.num_reset_attempts,
                  demo[1].misc["joint_position_action"].tolist()]))
"""


def test_rlbenchs_own_reader_reads_what_the_bench_collects(tmp_path):
    (made,) = collect(tmp_path, ["push_button"], 1, CollectSettings(image_size=32))
    length, rgb, depth, cloud, attempts, action = told(
        REAL, [], "-c", STORED, str(tmp_path), "push_button"
    )
    assert length == made.steps + 1
    assert (rgb, depth, cloud, attempts) == ([32, 32, 3], "float64", [32, 32, 3], 1)
    assert len(action) == 8
