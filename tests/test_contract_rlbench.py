"""The suite that every environment passes, on the real RLBench."""

import os
from contextlib import closing

import pytest

from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.contract import CONTRACT

pytestmark = [
    pytest.mark.rlbench,
    pytest.mark.skipif("COPPELIASIM_ROOT" not in os.environ, reason="no CoppeliaSim"),
]


@pytest.fixture(scope="module")
def env():
    spec = EnvSpec("push_button", ("front", "wrist"), 64, depth=True, mask=True, backend="rlbench")
    with closing(make_env(spec)) as env:
        yield env


@pytest.mark.parametrize("check", CONTRACT)
def test_rlbench(env, check):
    check(env)
