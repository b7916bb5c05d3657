"""Where the house's walls are: who imports whom, and who may touch a simulator."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "genima_lite"
FILES = sorted(ROOT.rglob("*.py"))
BENCH = ROOT / "envs/bench"
TWIN = ROOT / "envs/arm/twin"
INSIDE = [path for path in FILES if BENCH in path.parents or TWIN in path.parents]
"""Files that may touch the simulator: the bench's, and those of the arm's twin."""

SIMULATOR_ATTRIBUTES = {"scene", "robot", "mjcf", "qpos", "qvel", "ctrl", "geom_rgba"}
"""What belongs to the bench: its scene, its arm, MuJoCo's data."""

ROOMS = (
    *("envs", "demos", "targets", "datasets", "training", "diffusion", "controller"),
    *("policies", "evaluation", "recipes", "checks", "viz"),
)


def imports(path: Path, at_import_only: bool = False) -> list[str]:
    """Return the full names of what a file imports.

    Args:
        path: the file.
        at_import_only: leave out what is imported within functions or for type checkers alone.
    """
    found = []
    for node in _statements(ast.parse(path.read_text()), at_import_only):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _statements(tree: ast.AST, at_import_only: bool):
    for node in ast.iter_child_nodes(tree):
        if at_import_only and isinstance(node, ast.FunctionDef):
            continue
        if at_import_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _statements(node, at_import_only)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(path: Path) -> str:
    return name(path).split("/")[0]


def test_the_reader_of_imports_sees_them(tmp_path):
    path = tmp_path / "some.py"
    path.write_text("import a.b\nfrom c import d\ndef f():\n    import e\n")
    assert imports(path) == ["a.b", "c.d", "e"]
    assert imports(path, at_import_only=True) == ["a.b", "c.d"]


def test_only_the_bench_imports_mujoco():
    wrong = [
        name(path)
        for path in FILES
        if path not in INSIDE and any(each.split(".")[0] == "mujoco" for each in imports(path))
    ]
    assert wrong == []


def test_only_the_simulators_process_imports_rlbench():
    users = {
        name(path)
        for path in FILES
        if any(each.split(".")[0] in ("pyrep", "rlbench") for each in imports(path))
    }
    assert users == {"envs/rlbench/simulator.py"}
    reach = [
        name(path) for path in FILES
        if any(each.startswith("genima_lite.envs.rlbench.simulator") for each in imports(path))
    ]  # fmt: skip
    assert reach == ["envs/rlbench/worker.py"]


def test_nobody_imports_the_bench_but_itself():
    wrong = [
        (name(path), each)
        for path in FILES
        if path not in INSIDE
        for each in imports(path)
        if each.startswith("genima_lite.envs.bench")
    ]
    assert wrong == []


def test_nobody_reaches_into_a_simulator():
    wrong = [
        (name(path), node.lineno, node.attr)
        for path in FILES
        if path not in INSIDE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in SIMULATOR_ATTRIBUTES
    ]
    assert wrong == []


@pytest.mark.parametrize("where", ["envs", "demos", "targets"])
def test_what_comes_before_the_networks_needs_no_torch(where):
    heavy = {"torch", "diffusers", "transformers", "safetensors", "accelerate", "peft"}
    wrong = [
        name(path) for path in FILES if room(path) == where for each in imports(path)
        if each.split(".")[0] in heavy
    ]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize(
    ("where", "above"),
    [
        ("envs", {"demos", "targets", "datasets", "diffusion", "controller", "training"}),
        ("demos", {"targets", "datasets", "diffusion", "controller", "training"}),
        ("targets", {"datasets", "diffusion", "controller", "training"}),
        ("datasets", {"diffusion", "controller", "training"}),
        ("training", {"diffusion", "controller"}),
    ],
)
def test_arrows_point_down_the_listing(where, above):
    forbidden = above | {"policies", "evaluation", "recipes"}
    wrong = [
        (name(path), each)
        for path in FILES
        if room(path) == where
        for each in imports(path)
        if each.startswith("genima_lite.") and each.split(".")[1] in forbidden
    ]
    assert wrong == []


def test_no_room_leads_back_to_itself():
    """Counted is what happens when the package is imported, and not the pictures of `viz`."""
    leads = {each: set() for each in ROOMS if each != "viz"}
    for path in FILES:
        for each in imports(path, at_import_only=True):
            _, _, target = each.partition("genima_lite.")
            there = target.split(".")[0]
            if room(path) in leads and there in leads and there != room(path):
                leads[room(path)].add(there)
    while free := [each for each, targets in leads.items() if not targets]:
        for each in free:
            del leads[each]
        for targets in leads.values():
            targets.difference_update(free)
    assert leads == {}
