"""What the doctor says of RLBench, on machines made up for it."""

import socket

import pytest

from genima_lite import doctor_rlbench as doctor
from genima_lite.doctor import run_checks


@pytest.fixture
def coppeliasim(tmp_path, monkeypatch):
    root = tmp_path / "CoppeliaSim"
    (root / "system").mkdir(parents=True)
    (root / "system/usrset.txt").write_text(f"x=1\n{doctor.LICENCE}\n")
    for name in ("libcoppeliaSim.so.1", "simAddOnScript_PyRep.lua"):
        (root / name).touch()
    monkeypatch.setenv("COPPELIASIM_ROOT", str(root))
    return root


def test_nothing_is_said_where_there_is_no_rlbench(monkeypatch):
    monkeypatch.delenv("COPPELIASIM_ROOT", raising=False)
    monkeypatch.setattr(doctor, "package_folder", lambda name: None)
    assert doctor.rlbench_checks() == []


def test_every_check_is_made_where_there_is_one(coppeliasim, monkeypatch):
    monkeypatch.setattr("genima_lite.doctor.CHECKS", ())
    found = run_checks()
    assert len(found) == len(doctor.CHECKS)
    assert not any(check.required for check in found)
    assert all(bool(check.remedy) != check.ok for check in found)


def test_what_pyreps_build_left_is_looked_for(coppeliasim):
    assert doctor.check_traces().ok
    (coppeliasim / "libcoppeliaSim.so.1").unlink()
    (coppeliasim / "system/usrset.txt").write_text("")
    said = doctor.check_traces()
    assert not said.ok
    assert "allowOldEduRelease=7501 in system/usrset.txt, libcoppeliaSim.so.1" in said.detail
    assert "install_rlbench.sh" in said.remedy


def test_a_display_that_answers_is_told_from_a_dead_one(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setenv("DISPLAY", ":4712")
    assert ":4712 does not answer" in doctor.check_display().detail
    assert doctor.check_display().remedy == "apt install xvfb"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X4712")
        server.listen()
        assert doctor.check_display().ok
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/Xvfb")
    assert "Xvfb is started" in doctor.check_display().detail


def test_qts_traps(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda name: None)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    assert doctor.check_qt().ok
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert doctor.check_qt().ok
    assert "QT_QPA_PLATFORM=offscreen is taken away" in doctor.check_qt().detail
    monkeypatch.setattr(doctor, "installed", lambda n: "4.9" if n == "opencv-python" else None)
    assert "opencv-python-headless" in doctor.check_qt().remedy


def test_models_and_packages_that_are_missing_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "package_folder", lambda name: tmp_path)
    (tmp_path / "task_ttms").mkdir()
    for name in doctor.VARIATIONS:
        (tmp_path / f"task_ttms/{name}.ttm").touch()
    (tmp_path / "task_design.ttt").touch()
    assert doctor.check_models().ok
    (tmp_path / "task_ttms/turn_tap.ttm").unlink()
    assert doctor.check_models().detail == "missing turn_tap"
    monkeypatch.setattr(doctor, "installed", lambda name: None if name == "cffi" else "1")
    assert doctor.check_needed_packages().remedy == "pip install cffi"


def test_the_colosseum_is_told_from_the_other_package_of_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "package_folder", lambda name: tmp_path)
    monkeypatch.setattr(doctor, "installed", {}.get)
    assert "another project" in doctor.check_colosseum().detail
    (tmp_path / "assets/configs").mkdir(parents=True)
    (tmp_path / "assets/configs/open_drawer.yaml").touch()
    assert doctor.check_colosseum().remedy == "pip install omegaconf"
    monkeypatch.setattr(doctor, "installed", {"omegaconf": "2.3"}.get)
    assert doctor.check_colosseum().detail == "models missing: open_drawer"
    (tmp_path / "rlbench/task_ttms").mkdir(parents=True)
    (tmp_path / "rlbench/task_ttms/open_drawer.ttm").touch()
    said = doctor.check_colosseum()
    assert (said.ok, said.detail) == (True, "1 of the paper's tasks: open_drawer")


def test_system_and_libraries(monkeypatch):
    monkeypatch.setattr(doctor.platform, "machine", lambda: "aarch64")
    assert "Dockerfile" in doctor.check_system().remedy
    found = {"GL": "libGL.so.1"}
    monkeypatch.setattr(doctor.ctypes.util, "find_library", found.get)
    assert doctor.check_libraries().remedy == "apt install libxrender1 libxkbcommon-x11-0"
