"""The doctor: its verdicts on machines that lack something, and the remedy for each."""

import importlib
import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from genima_lite import doctor
from genima_lite.doctor import Check


@pytest.fixture
def fake_packages(tmp_path, monkeypatch):
    """A folder at the front of sys.path, and a function that puts (empty) files there."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        importlib.invalidate_caches()
        return tmp_path

    return put


def gl_that_renders(monkeypatch, *working: str | None) -> list[str | None]:
    """Replace the real rendering; return the list of backends that are tried."""
    tried = []

    def render(backend):
        tried.append(backend)
        return "" if backend in working else "no driver"

    monkeypatch.setattr(doctor, "render_with", render)
    monkeypatch.setattr(sys, "platform", "linux")
    return tried


# --- exit code and report


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([Check("a", True, True, "")], 0),
        ([Check("a", True, True, ""), Check("b", False, False, "")], 0),
        ([Check("a", False, True, ""), Check("b", True, False, "")], 1),
        ([], 0),
    ],
)
def test_only_a_required_check_fails_the_run(checks, code):
    assert doctor.exit_code(checks) == code


def test_report_shows_every_check_and_every_remedy_on_one_line():
    remedy = "pip install git+https://github.com/somebody/something-with-a-long-name   (after it)"
    checks = [
        Check("Python", True, True, "3.11"),
        Check("GL", False, True, "no [driver]", "apt install one"),
        Check("RLBench", False, False, "not installed", remedy),
    ]
    out = io.StringIO()
    doctor.print_report(checks, Console(file=out, width=60))
    text = out.getvalue()
    assert "ok" in text
    assert "MISSING" in text
    assert "optional" in text
    assert "no [driver]" in text, "square brackets are text, not markup"
    assert remedy in text, "a command that is wrapped cannot be copied"
    assert text.index("apt install one") < text.index(remedy), "what is required comes first"
    assert "missing something" in text


def test_without_torch_it_is_not_simply_ready():
    out = io.StringIO()
    checks = [Check("Python", True, True, "3.11"), Check("torch", False, False, "not installed")]
    doctor.print_report(checks, Console(file=out, width=60))
    assert "ready as far as it goes without torch" in out.getvalue()


def test_main_returns_the_exit_code(monkeypatch, capsys):
    broken = Check("GL", False, True, "egl: no driver", doctor.GL_REMEDY)
    monkeypatch.setattr(doctor, "run_checks", lambda: [broken])
    assert doctor.main() == 1
    assert "libegl1 libgl1" in capsys.readouterr().out


def test_every_check_runs_here_and_says_how_to_mend_what_is_missing(monkeypatch):
    gl_that_renders(monkeypatch, "egl")
    checks = doctor.run_checks()
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    assert {"Python", "mujoco", "gymnasium", "GL", "memory"} == {
        check.name for check in checks if check.required
    }
    for check in checks:
        assert check.detail, check.name
        assert check.ok != bool(check.remedy), check.name


# --- GL


@pytest.mark.slow
def test_this_machine_renders():
    check = doctor.check_gl()
    assert check.ok, check.detail


def test_without_a_setting_egl_comes_before_osmesa(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    tried = gl_that_renders(monkeypatch, "egl", "osmesa")
    assert doctor.check_gl().ok
    assert tried == ["egl"]


def test_osmesa_is_good_enough(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    gl_that_renders(monkeypatch, "osmesa")
    check = doctor.check_gl()
    assert check.ok
    assert "osmesa" in check.detail


def test_no_gl_at_all_names_the_packages(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    gl_that_renders(monkeypatch)
    check = doctor.check_gl()
    assert not check.ok
    assert check.required
    assert "egl: no driver" in check.detail
    assert "osmesa: no driver" in check.detail
    for package in ("libegl1", "libgl1"):
        assert package in check.remedy
    assert "osmesa" not in check.remedy  # newer systems no longer have it


def test_a_setting_that_fails_is_told_apart_from_a_missing_library(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    tried = gl_that_renders(monkeypatch, "osmesa")
    check = doctor.check_gl()
    assert tried == ["glfw", "egl", "osmesa"]
    assert not check.ok
    assert check.remedy.startswith("export MUJOCO_GL=osmesa ")


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("print('spread', 200)", ""),
        ("print('spread', 0)", "the picture is blank"),
        ("raise RuntimeError('no EGL')", "RuntimeError: no EGL"),
        ("import os; os._exit(3)", "stopped with code 3"),
        ("import time; time.sleep(60)", "no picture in 1 s"),
    ],
)
def test_what_a_rendering_process_may_do(monkeypatch, program, problem):
    monkeypatch.setattr(doctor, "RENDER_ONE_FRAME", program)
    monkeypatch.setattr(doctor, "GL_SECONDS", 1.0 if "sleep" in program else 30.0)
    assert doctor.render_with("egl") == problem


def test_the_backend_reaches_the_rendering_process(monkeypatch):
    program = "import os; print('spread', 1 if os.environ.get('MUJOCO_GL') == 'osmesa' else 0)"
    monkeypatch.setattr(doctor, "RENDER_ONE_FRAME", program)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert doctor.render_with("osmesa") == ""
    assert doctor.render_with(None) == "the picture is blank"


# --- packages and machine


def test_missing_required_package(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda name: None)
    check = doctor.check_distribution("mujoco")
    assert not check.ok
    assert check.required
    assert check.remedy == "pip install mujoco"
    torch = doctor.check_torch()
    assert not torch.required
    assert "demo, training" in torch.detail
    assert not doctor.check_notebooks().ok


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    assert not doctor.check_python().ok


def test_a_python_newer_than_what_was_tried_is_taken_and_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 15, 0, "final", 0))
    check = doctor.check_python()
    assert check.ok
    assert "newer than any that was tried" in check.detail


@pytest.mark.parametrize(
    ("gpu", "cuda", "told"),
    [
        (False, None, "no GPU found"),
        (True, None, "build without CUDA"),
        (True, "13.0", "built for CUDA 13.0, but cannot use this GPU"),
    ],
)
def test_torchs_build_against_the_gpu(monkeypatch, gpu, cuda, told):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(doctor, "nvidia_gpu", lambda: gpu)
    check = doctor.check_device()
    assert told in check.detail
    assert check.ok != gpu
    assert ("TORCH_BACKEND=auto" in check.remedy) == gpu


@pytest.mark.slow
def test_a_setting_that_mujoco_does_not_know_is_named_with_one_that_works(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    check = doctor.check_gl()
    assert not check.ok
    assert "'nonsense', which MuJoCo does not know" in check.detail
    assert check.remedy.startswith("export MUJOCO_GL=egl")


@pytest.mark.parametrize(("gigabytes", "ok"), [(3.9, False), (4.0, True), (None, True)])
def test_memory(monkeypatch, gigabytes, ok):
    monkeypatch.setattr(doctor, "memory_gb", lambda: gigabytes)
    assert doctor.check_memory().ok is ok


def test_torch_that_cannot_be_imported_is_not_a_failure(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    check = doctor.check_device()
    assert not check.ok
    assert not check.required


# --- RLBench and its parts


@pytest.fixture
def coppeliasim(tmp_path, monkeypatch) -> Path:
    """A folder that looks like CoppeliaSim, and the variable that names it."""
    root = tmp_path / "CoppeliaSim"
    root.mkdir()
    (root / "libcoppeliaSim.so").touch()
    monkeypatch.setenv("COPPELIASIM_ROOT", str(root))
    return root


def test_coppeliasim_is_found_and_needs_no_other_variable(coppeliasim, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/lib")
    assert doctor.check_coppeliasim().ok


def test_coppeliasim_not_set(monkeypatch):
    monkeypatch.delenv("COPPELIASIM_ROOT", raising=False)
    check = doctor.check_coppeliasim()
    assert not check.ok
    assert not check.required
    assert "export COPPELIASIM_ROOT=" in check.remedy


def test_coppeliasim_folder_without_the_library(coppeliasim):
    (coppeliasim / "libcoppeliaSim.so").unlink()
    assert "no libcoppeliaSim.so" in doctor.check_coppeliasim().detail


def test_the_other_pyrep_is_told_apart(fake_packages):
    fake_packages("pyrep/__init__.py", "pyrep/Repository.py")
    check = doctor.check_pyrep()
    assert not check.ok
    assert "another project" in check.detail
    assert check.remedy.startswith("pip uninstall pyrep && ")


def test_pyrep_source_without_its_library(fake_packages):
    fake_packages("pyrep/__init__.py", "pyrep/backend/sim.py")
    assert "without its built library" in doctor.check_pyrep().detail


def test_pyrep_built(fake_packages):
    library = "pyrep/backend/_sim_cffi.cpython-311-x86_64-linux-gnu.so"
    fake_packages("pyrep/__init__.py", library)
    assert doctor.check_pyrep().ok


def test_rlbench_old_and_new(fake_packages):
    fake_packages("rlbench/__init__.py")
    assert "joint poses" in doctor.check_rlbench().detail
    fake_packages("rlbench/dataset_generator.py")
    assert doctor.check_rlbench().ok


def test_nothing_of_rlbench_is_imported(fake_packages, monkeypatch):
    root = fake_packages("pyrep/__init__.py", "rlbench/__init__.py")
    for name in ("pyrep", "rlbench"):
        (root / name / "__init__.py").write_text("raise SystemExit('imported')")
    doctor.check_pyrep()
    doctor.check_rlbench()


@pytest.mark.parametrize(
    ("library", "devices", "ok", "word"),
    [
        (None, ["/dev/video0"], False, "no camera library"),
        ("pyrealsense2", [], False, "no /dev/video*"),
        ("opencv-python-headless", ["/dev/video0"], True, "/dev/video0"),
    ],
)
def test_cameras(monkeypatch, library, devices, ok, word):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(doctor, "installed", lambda name: "4.12" if name == library else None)
    monkeypatch.setattr(doctor, "video_devices", lambda: devices)
    check = doctor.check_cameras()
    assert check.ok is ok
    assert not check.required
    assert word in check.detail


def test_the_bench_offers_the_papers_25_tasks():
    assert doctor.check_bench().detail == "25 tasks, 8 perturbations"
