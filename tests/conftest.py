"""Fixtures that several test files share."""

from collections import Counter

import pytest

from tests.on_the_double import use_double


def pytest_collection_modifyitems(items):
    """Put long files first, so that no process has one left when the others are done.

    Those are the solutions, whose cells are tests, and files with tests that say they are slow.
    """
    names = [item.nodeid.partition("::")[0] for item in items]
    slow = {n for n, item in zip(names, items, strict=True) if item.get_closest_marker("slow")}
    tests = Counter(names)

    def place(item):
        name = item.nodeid.partition("::")[0]
        return name not in slow and not name.endswith(".ipynb"), -tests[name], name

    items.sort(key=place)


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
