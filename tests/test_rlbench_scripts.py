"""The scripts around RLBench: installing, checking, killing its simulator."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from genima_lite.envs.api import make_env
from genima_lite.evaluation.rollout import evaluate
from genima_lite.policies.api import PolicyFactory, make_policy

ROOT = Path(__file__).parents[1]
INSTALL = ROOT / "scripts/install_rlbench.sh"


def install(*arguments):
    done = subprocess.run(["bash", INSTALL, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_dry_run_names_every_step_and_changes_nothing(tmp_path):
    code, said, _ = install("--dry-run", "--venv", str(tmp_path / "v"))
    assert code == 0
    parts = ("run: curl", "tar -xf", "8f420be", "02720bb", "pip install", "usrset.txt", "activate")
    for part in parts:
        assert part in said, part
    assert not list(tmp_path.iterdir())
    archive = tmp_path / "CoppeliaSim.tar.xz"
    archive.touch()
    code, said, _ = install(
        "--dry-run", "--venv", str(tmp_path / "v"), "--coppeliasim", str(archive)
    )
    assert code == 0
    assert "run: curl" not in said
    assert f"tar -xf {archive}" in said


def test_a_check_names_what_is_missing(tmp_path):
    code, said, _ = install("--check", "--venv", str(tmp_path / "v"))
    assert code == 1
    assert "missing  CoppeliaSim" in said
    assert "missing  PyRep at 8f420be" in said


def test_wrong_options_are_refused_by_name(tmp_path):
    assert install("--dryrun")[::2] == (
        1, "install_rlbench: unknown option --dryrun: --help lists them\n"
    )  # fmt: skip
    assert "--venv needs a value" in install("--venv")[2]
    code, said, _ = install("--help")
    assert code == 0
    assert "--python-only" in said


def test_the_other_pyrep_is_refused_by_name(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    (folder,) = (tmp_path / "v/lib").glob("python*/site-packages")
    (folder / "pyrep").mkdir()
    (folder / "pyrep/__init__.py").touch()
    code, _, said = install("--python-only", "--venv", str(tmp_path / "v"))
    assert code == 1
    assert "another project" in said
    assert "pip uninstall pyrep" in said


def test_the_check_prints_a_table_and_names_what_fails(double):
    double("step 2 InvalidActionError")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/check_rlbench.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])},
    )
    assert done.returncode == 1
    rows = done.stdout.splitlines()
    (failed,) = (row for row in rows if row.startswith("FAIL"))
    assert "InvalidActionError" in failed
    assert sum(row.startswith("ok ") for row in rows) >= 18
    assert rows[-1] == "1 failed"


def test_the_check_says_once_what_is_missing(double, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # no double, no RLBench
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/check_rlbench.py"], capture_output=True, text=True
    )
    assert done.returncode == 1
    (failed,) = (row for row in done.stdout.splitlines() if row.startswith("FAIL"))
    assert "No module named 'rlbench'" in failed


def test_the_container_has_the_packages_that_the_installer_names():
    script, container = INSTALL.read_text(), (ROOT / "scripts/rlbench.Dockerfile").read_text()
    (line,) = (row for row in script.splitlines() if row.startswith("SYSTEM="))
    wanted = line.removeprefix("SYSTEM=").strip('"').split()
    assert not [name for name in wanted if name not in container.split()]


def test_a_simulator_killed_at_random_moments_changes_no_result(double, monkeypatch):
    """Three kills; `scripts/kill_simulator.py` does twenty."""
    monkeypatch.setenv("DOUBLE_SLOW", "0.01")
    make, envs, over = PolicyFactory("expert", backend="rlbench"), [], threading.Event()

    def made(task):
        envs.append(make_env(make.spec(task)))
        return envs[-1], make_policy("expert", envs[-1])

    def kill():
        rng = random.Random(1)
        for _ in range(3):
            time.sleep(rng.uniform(0.5, 3))
            worker = envs[-1]._worker if envs else None
            if worker is not None and worker.alive and not over.is_set():
                os.kill(worker.pid, signal.SIGKILL)
                killed.append(worker.pid)

    def outcomes():
        found = evaluate(made, ["push_button"], 24, 3)
        return [(each.seed, each.success, each.steps, each.error) for each in found]

    killed = []
    calm = outcomes()
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert outcomes() == calm
    finally:
        over.set()
        killer.join()
    assert killed
    assert all(success for _, success, _, _ in calm)


@pytest.mark.parametrize("name", ["install_rlbench.sh", "check_rlbench.py", "kill_simulator.py"])
def test_scripts_stand_where_the_page_says(name):
    assert (ROOT / "scripts" / name).is_file()
    assert name in (ROOT / "docs/rlbench.md").read_text()
