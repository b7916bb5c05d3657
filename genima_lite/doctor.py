"""`genima-lite doctor`: what this machine can run, and the command that mends what is missing.

Each check is one small function that returns a `Check`. Required checks cover the default path
(Python, MuJoCo, gymnasium, a GL backend that renders, memory); all others are for the parts of
the course that need them: the networks, the notebooks, RLBench, a real camera.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MIN_PYTHON, MAX_PYTHON = (3, 10), (3, 13)
MIN_MEMORY_GB = 4.0
MIN_DISK_GB = 5.0
GL_SECONDS = 60.0
"""A software GL needs a second for its first picture; a driver that hangs must not hold us up."""

GL_REMEDY = "apt install libegl1 libgl1, as root or with sudo; then: unset MUJOCO_GL"
WITHOUT_TORCH = (
    "demonstrations can be collected, replayed and looked at without; demo, training, trained "
    "policies and the notebooks about networks cannot do without"
)
MODELS_REMEDY = "make setup   (CPU build), or your own torch, then: pip install -e '.[models]'"
CUDA_REMEDY = (
    "rm -rf .venv && make setup TORCH_BACKEND=auto   (with a driver that nvidia-smi finds)"
)
NOTEBOOKS_REMEDY = "make setup   or   pip install -e '.[notebooks]'"
PYREP_REMEDY = "scripts/install_rlbench.sh"
RLBENCH_REMEDY = "scripts/install_rlbench.sh"
COPPELIASIM_REMEDY = """\
scripts/install_rlbench.sh, then: source .venv-rlbench/rlbench/activate
or unpack CoppeliaSim Edu 4.1.0 (Linux), then in every shell:
  export COPPELIASIM_ROOT=/path/to/CoppeliaSim"""

GL_SETTING = "export MUJOCO_GL={backend}   (it is set to another one, which fails)"

RENDER_ONE_FRAME = """\
from threading import Thread
from genima_lite.envs.api import EnvSpec, make_env
env = make_env(EnvSpec("push_button", cameras=("front",), image_size=64))
pictures = []
def draw():
    env.reset(seed=0)
    pictures.append(env.observation.front_rgb)
draw()
other = Thread(target=draw)
other.start()
other.join()
env.close()
if len(pictures) < 2 or (pictures[0] != pictures[1]).any():
    raise RuntimeError("another thread draws no such picture")
print("spread", int(pictures[0].max()) - int(pictures[0].min()))
"""


@dataclass(frozen=True)
class Check:
    """One row of the report."""

    name: str
    ok: bool
    required: bool
    """Whether the default path needs it; what is not required and missing is "optional"."""
    detail: str
    """What was found."""
    remedy: str = ""
    """The command that mends it; empty when all is well."""

    @property
    def state(self) -> str:
        """`ok`, `MISSING` (required) or `optional` (missing, and only some parts need it)."""
        return "ok" if self.ok else "MISSING" if self.required else "optional"


def installed(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None; nothing is imported."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def package_folder(module: str) -> Path | None:
    """Return the folder of an importable package, or None; the package is not imported."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def check_python() -> Check:
    """Python 3.10 or newer; newer than 3.13 is taken, and named as not tried."""
    ok = sys.version_info[:2] >= MIN_PYTHON
    remedy = "" if ok else "apt install python3.11 python3.11-venv, then make setup"
    untried = ", newer than any that was tried" if sys.version_info[:2] > MAX_PYTHON else ""
    return Check("Python", ok, True, platform.python_version() + untried, remedy)


def check_distribution(name: str) -> Check:
    """A required package that pip knows by the name shown."""
    found = installed(name)
    remedy = "" if found else f"pip install {name}"
    return Check(name, found is not None, True, found or "not installed", remedy)


def check_torch() -> Check:
    """torch, for the diffusion and controller networks."""
    found = installed("torch")
    remedy = "" if found else MODELS_REMEDY
    detail = found or f"not installed: {WITHOUT_TORCH}"
    return Check("torch", found is not None, False, detail, remedy)


def check_device() -> Check:
    """The fastest device torch can use: cuda, mps or cpu (enough for every notebook)."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check("device", False, False, f"torch cannot be imported: {error}", MODELS_REMEDY)
    if torch.cuda.is_available():
        return Check("device", True, False, f"cuda: {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Check("device", True, False, "mps: Apple GPU")
    if nvidia_gpu() and torch.version.cuda is None:
        detail = f"cpu: NVIDIA GPU here, but torch {torch.__version__} is a build without CUDA"
        return Check("device", False, False, detail, CUDA_REMEDY)
    if nvidia_gpu():
        detail = f"cpu: torch is built for CUDA {torch.version.cuda}, but cannot use this GPU"
        return Check("device", False, False, detail, CUDA_REMEDY)
    return Check("device", True, False, f"cpu, {torch.get_num_threads()} threads, no GPU found")


def nvidia_gpu() -> bool:
    """Return whether an NVIDIA driver with a GPU is on this machine, whatever torch can do."""
    return any(Path("/proc/driver/nvidia/gpus").glob("*")) or shutil.which("nvidia-smi") is not None


def render_with(backend: str | None) -> str:
    """Render one frame in a new process; return "" if it worked, else what went wrong.

    `backend` is a value of MUJOCO_GL (egl, osmesa, glfw, ...); None leaves the variable unset.
    """
    environ = {key: value for key, value in os.environ.items() if key != "MUJOCO_GL"}
    if backend:
        environ["MUJOCO_GL"] = backend
    try:
        run = subprocess.run(
            [sys.executable, "-c", RENDER_ONE_FRAME],
            env=environ,
            capture_output=True,
            text=True,
            timeout=GL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no picture in {GL_SECONDS:.0f} s"
    words = run.stdout.split()
    if "spread" not in words:
        lines = run.stderr.strip().splitlines()
        return lines[-1] if lines else f"stopped with code {run.returncode}"
    return "" if int(words[-1]) > 0 else "the picture is blank"


def gl_candidates() -> list[str | None]:
    """The GL backends to try, best first: MUJOCO_GL as set, then those without a screen."""
    chosen = os.environ.get("MUJOCO_GL", "").strip().lower()
    backends: list[str | None] = ["egl", "osmesa"] if sys.platform == "linux" else [None]
    return [chosen, *(b for b in backends if b != chosen)] if chosen else backends


def check_gl() -> Check:
    """A GL backend with which the bench really draws a picture, in two threads.

    If MUJOCO_GL is set to one that fails, that is a failure even where another works, because
    the setting decides what MuJoCo uses; the remedy then names the one that works.
    """
    candidates = gl_candidates()
    problems: list[str] = []
    for backend in candidates:
        problem = render_with(backend)
        name = backend or "the system's own"
        if problem:
            problems.append(f"{name}: {problem}")
        elif problems and os.environ.get("MUJOCO_GL"):
            return Check("GL", False, True, problems[0], GL_SETTING.format(backend=backend))
        else:
            return Check("GL", True, True, f"{name} renders, in any thread")
    return Check("GL", False, True, "; ".join(problems), GL_REMEDY)


def check_bench() -> Check:
    """Count what the embedded bench offers."""
    from genima_lite.envs.api import perturbation_names, task_names

    offered = f"{len(task_names())} tasks, {len(perturbation_names())} perturbations"
    return Check("bench", True, False, offered)


def check_notebooks() -> Check:
    """JupyterLab and the widgets that the notebooks draw."""
    needed = ("jupyterlab", "ipywidgets", "ipykernel", "matplotlib")
    missing = [name for name in needed if installed(name) is None]
    if missing:
        return Check("notebooks", False, False, f"missing {', '.join(missing)}", NOTEBOOKS_REMEDY)
    return Check("notebooks", True, False, f"JupyterLab {installed('jupyterlab')}")


def check_coppeliasim() -> Check:
    """CoppeliaSim, RLBench's simulator: COPPELIASIM_ROOT; what else it needs follows from that
    (`genima_lite.envs.rlbench.process.worker_environment`).
    """
    setting = os.environ.get("COPPELIASIM_ROOT", "")
    if not setting:
        return Check("CoppeliaSim", False, False, "COPPELIASIM_ROOT is not set", COPPELIASIM_REMEDY)
    root = Path(setting)
    if any(root.glob("libcoppeliaSim.so*")):
        return Check("CoppeliaSim", True, False, setting)
    detail = f"no libcoppeliaSim.so in COPPELIASIM_ROOT={setting}"
    return Check("CoppeliaSim", False, False, detail, COPPELIASIM_REMEDY)


def check_pyrep() -> Check:
    """PyRep, the bridge to CoppeliaSim, told from the unrelated package that pip calls `pyrep`."""
    folder = package_folder("pyrep")
    if folder is None:
        detail, remedy = "not installed", f"{PYREP_REMEDY}   (after CoppeliaSim)"
    elif not (folder / "backend").is_dir():
        detail = "the package `pyrep` that is installed is another project of that name"
        remedy = f"pip uninstall pyrep && {PYREP_REMEDY}"
    elif not any((folder / "backend").glob("_sim_cffi*")):
        detail = f"source code without its built library in {folder}"
        remedy = f"leave PyRep's source folder, then {PYREP_REMEDY}"
    else:
        return Check("PyRep", True, False, installed("pyrep") or str(folder))
    return Check("PyRep", False, False, detail, remedy)


def check_rlbench() -> Check:
    """RLBench, recent enough to record joint poses (July 2024 moved its dataset generator)."""
    folder = package_folder("rlbench")
    if folder is None:
        return Check("RLBench", False, False, "not installed", f"{RLBENCH_REMEDY}   (after PyRep)")
    if not (folder / "dataset_generator.py").is_file():
        remedy = f"pip uninstall rlbench && {RLBENCH_REMEDY}"
        return Check("RLBench", False, False, "older than July 2024: no joint poses", remedy)
    return Check("RLBench", True, False, installed("rlbench") or str(folder))


def video_devices() -> list[str]:
    """The camera devices of a Linux machine, for example `/dev/video0`."""
    return sorted(str(path) for path in Path("/dev").glob("video*"))


def check_cameras() -> Check:
    """A real camera: RealSense through pyrealsense2, or any other through OpenCV."""
    readers = ("pyrealsense2", "opencv-python-headless", "opencv-python")
    found = [f"{name} {installed(name)}" for name in readers if installed(name)]
    devices = video_devices()
    if not found:
        # OpenCV 5 has no hand-eye calibration in Python.
        remedy = "pip install pyrealsense2   or   pip install 'opencv-python-headless>=4.10,<5'"
        return Check("cameras", False, False, "no camera library", remedy)
    if not devices and sys.platform == "linux":
        remedy = "plug the camera in; then look with: ls /dev/video*"
        return Check("cameras", False, False, f"{', '.join(found)}, no /dev/video*", remedy)
    return Check("cameras", True, False, ", ".join(found + devices))


def memory_gb() -> float | None:
    """Memory of this machine, or of the container if that is less; GB (1e9), None if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else ""
    return min(total, int(text)) / 1e9 if text.isdigit() else total / 1e9


def check_memory() -> Check:
    """At least 4 GB of memory."""
    found = memory_gb()
    if found is None:
        return Check("memory", True, True, "size unknown on this system")
    ok = found >= MIN_MEMORY_GB
    remedy = "" if ok else f"use a machine with {MIN_MEMORY_GB:.0f} GB or more"
    return Check("memory", ok, True, f"{found:.1f} GB", remedy)


def check_cores() -> Check:
    """Two or more processor cores: the times in the notebooks are for two."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    remedy = "" if cores >= 2 else "works, but expect about twice the times that are stated"
    return Check("cores", cores >= 2, False, str(cores), remedy)


def check_disk() -> Check:
    """Room for the environment (2.3 GB), demonstrations and checkpoints, in this folder."""
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    ok = free >= MIN_DISK_GB
    remedy = "" if ok else f"free {MIN_DISK_GB - free:.1f} GB, or work on another disk"
    return Check("free disk", ok, False, f"{free:.1f} GB", remedy)


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    lambda: check_distribution("mujoco"),
    lambda: check_distribution("gymnasium"),
    check_gl,
    check_bench,
    check_memory,
    check_cores,
    check_disk,
    check_torch,
    check_device,
    check_notebooks,
    check_coppeliasim,
    check_pyrep,
    check_rlbench,
    check_cameras,
)


def run_checks() -> list[Check]:
    """Run all checks, in the order of the report; the GL check takes a second or two."""
    from genima_lite.doctor_rlbench import rlbench_checks

    return [*(check() for check in CHECKS), *rlbench_checks()]


def exit_code(checks: list[Check]) -> int:
    """0 if everything that the default path needs is there, else 1."""
    return int(any(check.required and not check.ok for check in checks))


def print_report(checks: list[Check], console: Console) -> None:
    """Print a table of what was found, then how to mend what is missing."""
    colours = {"ok": "green", "MISSING": "bold red", "optional": "yellow"}
    table = Table(title="genima-lite doctor")
    for column in ("", "check", "found"):
        table.add_column(column, overflow="fold")
    for check in checks:
        state = f"[{colours[check.state]}]{check.state}[/]"
        table.add_row(state, check.name, escape(check.detail))
    console.print(table)
    for check in sorted((c for c in checks if not c.ok), key=lambda c: not c.required):
        console.print(f"[bold]{check.name}[/] ({check.state})", highlight=False)
        for line in check.remedy.splitlines():
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    no_torch = any(check.name == "torch" and not check.ok for check in checks)
    ready = "is ready as far as it goes without torch" if no_torch else "is ready"
    verdict = "is missing something it needs" if exit_code(checks) else ready
    console.print(f"\nThe default path {verdict}.", highlight=False)


def main() -> int:
    """Check, print, and return the exit code."""
    checks = run_checks()
    print_report(checks, Console())
    return exit_code(checks)


if __name__ == "__main__":
    raise SystemExit(main())
