"""Fixtures that several test files share."""

import pytest

from tests.on_the_double import use_double


@pytest.fixture
def double(tmp_path, monkeypatch):
    """RLBench's double in its place; called with faults, it has them."""
    return use_double(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def one_torch_thread():
    """Tiny networks are quickest with one thread, above all beside another test process."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
