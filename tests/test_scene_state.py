"""Stored scenes that are damaged: one sentence that names the field, and the scene stays."""

import copy
import json
import math

import numpy as np
import pytest

from genima_lite.demos.replay import replay_demo
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.errors import UserError
from genima_lite.observation import Demo


@pytest.fixture(scope="module")
def env():
    env = make_env(EnvSpec("pick_up_cup", cameras=()))
    env.reset(seed=1)
    return env


DAMAGES = {
    "no variation": (("variation",), None, "lacks 'variation'"),
    "no numbers": (("mujoco",), None, "lacks 'mujoco'"),
    "no colours": (("geom_rgba",), None, "lacks 'geom_rgba'"),
    "variation as text": (("variation",), "0", "variation"),
    "variation as fraction": (("variation",), 0.5, "variation"),
    "variation as list": (("variation",), [0], "variation"),
    "a huge variation": (("variation",), 10**12, "variation"),
    "a negative variation": (("variation",), -1, "variation"),
    "numbers as text": (("mujoco",), "numbers", "mujoco"),
    "text among numbers": (("mujoco", 3), "0", "mujoco"),
    "a number too few": (("mujoco",), [0.0] * 3, "another task"),
    "NaN": (("mujoco", 5), math.nan, r"mujoco\[5\] is nan"),
    "infinity": (("mujoco", 5), -math.inf, r"mujoco\[5\]"),
    "huge": (("mujoco", 5), 1e300, r"mujoco\[5\]"),
    "colours as list": (("geom_rgba",), [1], "geom_rgba"),
    "a geom that is none": (("geom_rgba", "10000"), [0, 0, 0, 1], "no geom"),
    "a geom of a huge number": (("geom_rgba", "9" * 5000), [0, 0, 0, 1], "no geom"),
    "a negative geom": (("geom_rgba", "-1"), [0, 0, 0, 1], "no geom"),
    "three channels": (("geom_rgba", "1"), [0, 0, 0], "geom_rgba"),
    "a colour of 300": (("geom_rgba", "1"), [300, 0, 0, 1], "geom_rgba"),
    "robot as text": (("robot",), "arm", "robot"),
    "six joints": (("robot", "reference"), [0.0] * 6, "robot.reference"),
    "joints in degrees": (("robot", "reference"), [90.0] * 7, "robot.reference"),
    "holds as list": (("robot", "held"), ["cup0"], "robot.held"),
    "holds what is not there": (("robot", "held"), {"moon": [0.0] * 11}, "moon"),
    "start too short": (("start",), [0.0], "start"),
    "start NaN": (("start", 0), math.nan, "start"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_scene_is_refused_and_nothing_of_it_is_set(env, name):
    (*places, last), value, words = DAMAGES[name]
    before = env.state()
    state = copy.deepcopy(before)
    inside = state
    for place in places:
        inside = inside[place]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    with pytest.raises(UserError, match=words) as caught:
        env.restore(state)
    assert "\n" not in str(caught.value)
    assert env.state() == before


def test_another_task_s_scene_is_refused(env):
    with pytest.raises(UserError, match="of task"):
        env.restore({**env.state(), "task": ["lamp_on"]})


def test_a_scene_comes_back_from_json(env):
    env.execute(np.append(env.observation.joint_positions + 0.05, 1.0)[None])
    state = env.state()
    env.reset(seed=2)
    env.restore(json.loads(json.dumps(state)))
    assert env.state() == state


def test_a_demonstration_with_nan_is_never_a_success(env, tmp_path):
    env.reset(seed=1)
    first = copy.deepcopy(env.observation)
    second = copy.deepcopy(first)
    second.joint_positions = np.full(7, np.nan)
    demo = Demo([first, second], scene_state=env.state())
    with pytest.raises(UserError, match=r"NaN|numbers|range"):
        replay_demo(env, demo, tmp_path)
