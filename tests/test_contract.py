"""One suite for every environment: the bench and RLBench's double (RLBench has its own file)."""

from contextlib import closing

import pytest

from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.contract import CONTRACT
from tests.on_the_double import use_double


def spec(backend, tracking="bench"):
    cameras = ("front", "wrist")
    return EnvSpec("push_button", cameras, 64, depth=True, backend=backend, tracking=tracking)


@pytest.fixture(scope="module")
def bench():
    with closing(make_env(spec("bench"))) as env:
        yield env


@pytest.fixture(scope="module")
def lagging_bench():
    with closing(make_env(spec("bench", "rlbench"))) as env:
        yield env


@pytest.fixture(scope="module")
def on_the_double(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        use_double(tmp_path_factory.mktemp("double"), patch)
        with closing(make_env(spec("rlbench"))) as env:
            yield env


@pytest.mark.parametrize("check", CONTRACT)
def test_the_bench(bench, check):
    check(bench)


@pytest.mark.parametrize("check", CONTRACT)
def test_the_bench_with_rlbenchs_tracking(lagging_bench, check):
    check(lagging_bench)


@pytest.mark.parametrize("check", CONTRACT)
def test_the_double(on_the_double, check):
    check(on_the_double)
