"""The double against the Python code of PyRep and RLBench themselves, without CoppeliaSim.

scripts/install_rlbench.sh --python-only --venv DIR
GENIMA_RLBENCH_PYTHON=DIR/bin/python python -m pytest tests/test_rlbench_python.py

GENIMA_COLOSSEUM_PATH=FOLDER, a clone of robot-colosseum and what has omegaconf, tries it, too.
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
MORE = [path for path in os.environ.get("GENIMA_COLOSSEUM_PATH", "").split(os.pathsep) if path]

pytestmark = [
    pytest.mark.rlbench_python,
    pytest.mark.skipif(REAL is None, reason="GENIMA_RLBENCH_PYTHON is not set"),
]


def told(python, path, *arguments):
    """Return the JSON that a program prints last."""
    done = subprocess.run(
        [python, "-W", "ignore", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(ROOT), *MORE])},
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


COLOSSEUM = """
import json, types
from importlib.util import find_spec
if not find_spec("colosseum"):
    print(json.dumps(None))
    raise SystemExit
import numpy as np
from colosseum.rlbench.extensions.environment import EnvironmentExt
from colosseum.rlbench.extensions.scene import SceneExt
from colosseum.variations.manager import VariationsManager
from pyrep.const import ObjectType
from rlbench.backend.scene import Scene
from rlbench.observation_config import ObservationConfig
from genima_lite.envs.rlbench.catalogue import VARIATIONS
from genima_lite.envs.rlbench.colosseum import Colosseum, colosseum_names

said = {"tasks": [name for name in VARIATIONS if colosseum_names(name)]}
try:
    EnvironmentExt(None)
except RuntimeError as error:
    said["trap"] = str(error)
made = {name: Colosseum(name, [f"colosseum_light_color"], None, ObservationConfig(), (2.0, 8.0))
        for name in said["tasks"]}
said["classes"] = [each.task_class.__name__ for each in made.values()]

class Lamp:  # its factors find it, and paint it
    def __init__(self, name):
        self.name, self.colors = name, []
    def get_name(self):
        return self.name
    def set_diffuse(self, color):
        self.colors.append(color)
    def set_specular(self, color):
        pass

lamps = [Lamp("DefaultLight" + letter) for letter in "ABD"]
def objects(object_type):
    return lamps if object_type == ObjectType.LIGHT else []
environment = made["open_drawer"].environment
scene = environment._scene = SceneExt.__new__(SceneExt)
factors = environment._env_config.scene.factors
chosen = [factor for factor in factors if factor.enabled]
said["enabled"] = [factor.variation for factor in chosen]
scene._var_manager = VariationsManager(types.SimpleNamespace(get_objects_in_tree=objects), chosen)
scene._has_init_task, Scene.init_episode = False, lambda *_, **__: ["open"]
for seed in (0, 1, 2, 1):
    if seed:
        made["open_drawer"].seed(np.random.RandomState(seed).get_state())
    scene.init_episode(0)
    scene._has_init_task = True
_, one, other, again = lamps[0].colors
said |= {"same": one == again, "other": one != other, "speeds": [
    environment._arm_max_velocity, environment._arm_max_acceleration]}
print(json.dumps(said))
"""


def test_the_colosseums_own_code_is_made_seeded_and_its_trap_avoided():
    said = told(REAL, [], "-c", COLOSSEUM)
    if said is None:
        pytest.skip("its package is not there")
    assert said == {
        "tasks": [
            *("basketball_in_hoop", "move_hanger", "open_drawer", "scoop_with_spatula"),
            "slide_block_to_target",
        ],
        "trap": "Unexpected number of arguments in Environment.__init__",
        "classes": [
            *("BasketballInHoop", "MoveHanger", "OpenDrawer", "ScoopWithSpatula"),
            "SlideBlockToTarget",
        ],
        "enabled": ["light_color"],
        "same": True,
        "other": True,
        "speeds": [2.0, 8.0],
    }


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
