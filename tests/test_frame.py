"""The frame of the repository: its folders, its set-up, and what must not slip into its files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[1]

TOP_LEVEL = {
    ".gitattributes",
    *(
        "genima_lite",
        "tests",
        "notebooks",
        "solutions",
        "data",
        "benchmarks",
        "scripts",
        "docs",
        ".ci",
    ),
    *("README.md", "CONTRIBUTING.md", "LICENSE", "Makefile", ".gitignore"),
    *("pyproject.toml", "environment.yml"),
    "apt.txt",  # Binder reads it beside environment.yml only
}


# Written in parts, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("download", "pytorch"),
        ("deb", "debian"),
        ("archive", "ubuntu"),
        ("anaconda", "org"),
    )
]
MACHINE_PATH = re.compile(r"(?<![\w.~}*])/(?:home|root|work|Users|mnt)/[\w.]")


def tracked_files() -> list[Path]:
    """All files that git tracks or would track, relative to the root."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in names.split("\0") if name and (ROOT / name).is_file()]


def tracked_texts() -> list[tuple[Path, str]]:
    """Every tracked file that is text, with its content."""
    texts = []
    for path in tracked_files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content[:8192]:
            texts.append((path, content.decode("utf-8", errors="replace")))
    return texts


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins() -> dict[str, str]:
    """The constraints file as {name: version}."""
    lines = (ROOT / "scripts/constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def wanted(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in requirements}


# --- files


def test_top_level_is_as_agreed():
    found = {path.parts[0] for path in tracked_files()}
    assert found - TOP_LEVEL == set(), "the top level holds only what was agreed"
    assert TOP_LEVEL - found == set()


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (re.compile("|".join(map(re.escape, REGISTRY_HOSTS))), "names a package registry's host"),
        (MACHINE_PATH, "names a path of one machine"),
    ],
    ids=["registry", "path"],
)
def test_no_file_names(pattern, why):
    found = [
        f"{path}:{number} {why}: {line.strip()[:80]}"
        for path, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("open('|home|ann|data')", True),
        ("path = |root|.cache", True),
        ("$HOME|work|x and .|work|x and ~|work|x", False),
        ("a fraction: work|time", False),
    ],
)
def test_machine_paths_are_recognised(line, found):
    assert bool(MACHINE_PATH.search(line.replace("|", "/"))) is found


# --- package


def test_core_is_light():
    heavy = {"torch", "torchvision", "diffusers", "transformers", "jupyterlab", "opencv-python"}
    project = pyproject()["project"]
    assert wanted(project["dependencies"]) & heavy == set()
    assert "torch" in wanted(project["optional-dependencies"]["models"])


def test_everything_asked_for_is_pinned_to_one_version():
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    asked = wanted(project["dependencies"]).union(*map(wanted, extras.values()))
    assert asked - {"genima-lite"} <= pins().keys()
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins().values())


def test_pins_lie_within_the_ranges():
    packaging = pytest.importorskip("packaging.requirements")
    project = pyproject()["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    for text in (text for requirements in lists for text in requirements):
        requirement = packaging.Requirement(text)
        if requirement.name != "genima-lite":
            assert requirement.specifier.contains(pins()[requirement.name]), text


def test_conda_environment_has_the_same_versions():
    text = (ROOT / "environment.yml").read_text()
    assert f"pytorch-cpu={pins()['torch']}" in text
    assert f"numpy={pins()['numpy']}" in text
    assert "-c scripts/constraints.txt" in text


# --- code style


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_ruff_is_clean(command):
    pytest.importorskip("ruff")
    run = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


# --- set-up


def stub(path: Path, body: str) -> None:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of the files that set-up reads, with an environment whose Python does nothing."""
    for name in ("Makefile", "pyproject.toml", "scripts/setup.sh", "scripts/constraints.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    stub(tmp_path / ".venv/bin/python", 'echo "$@" >> calls.txt')
    return tmp_path


def run_in(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess:
    """Run a command with only the environment given, and no make variables of an outer make."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@needs_make
def test_make_alone_lists_the_targets(checkout):
    listed = run_in(checkout, "make").stdout
    for target in ("test", "reproduce", "lab", "lint", "doctor"):
        assert f"make {target} " in listed


@needs_make
def test_set_up_runs_once_until_the_pins_change(checkout):
    first = run_in(checkout, "make", "setup")
    assert first.returncode == 0, first.stderr
    assert "ready" in first.stdout
    assert "Nothing to be done" in run_in(checkout, "make", "setup").stdout
    later = (checkout / ".venv/.ready").stat().st_mtime + 5
    os.utime(checkout / "scripts/constraints.txt", (later, later))
    assert "ready" in run_in(checkout, "make", "setup").stdout


@needs_make
def test_set_up_that_fails_is_tried_again(checkout):
    stub(checkout / ".venv/bin/python", 'case "$*" in *-e*) exit 1;; esac')
    assert run_in(checkout, "make", "setup").returncode != 0
    assert not (checkout / ".venv/.ready").exists()


def setup_with(checkout: Path, tools: dict[str, str], python: str) -> subprocess.CompletedProcess:
    """Run set-up with a PATH of stubs and the few tools it needs."""
    for name, body in tools.items():
        stub(checkout / "bin" / name, body)
    for name in ("bash", "sh", "dirname", "grep", "cat", "env", "true"):
        (checkout / "bin" / name).symlink_to(shutil.which(name))
    stub(checkout / ".venv/bin/python", python)
    bash = str(shutil.which("bash"))
    return run_in(checkout, bash, "scripts/setup.sh", PATH=str(checkout / "bin"))


# The environment's Python reads the GL test from standard input: it is called with "-" alone.
WITHOUT_GL = 'if [ "$*" = - ]; then cat > /dev/null; exit 1; fi'
LINUX_USER = {"uname": "echo Linux", "id": "echo 1000"}


def test_missing_gl_library_is_named(checkout):
    result = setup_with(checkout, {**LINUX_USER, "sudo": "exit 1", "apt-get": ""}, WITHOUT_GL)
    assert result.returncode == 1
    assert "apt install libegl1 libgl1, then" in result.stderr


def test_missing_gl_library_is_installed_with_sudo(checkout):
    tools = {
        **LINUX_USER,
        "sudo": 'shift; exec "$@"',
        "apt-get": 'echo "$@" >> apt.txt',
    }
    python = f"if [ -e apt.txt ] && grep -q libegl1 apt.txt; then exit 0; fi; {WITHOUT_GL}"
    result = setup_with(checkout, tools, python)
    assert result.returncode == 0, result.stderr
    assert "libegl1 libgl1" in (checkout / "apt.txt").read_text()


def test_missing_venv_module_is_named(checkout):
    python = 'case "$*" in *ensurepip*) exit 1;; esac'
    result = setup_with(checkout, {**LINUX_USER, "python3.11": python}, "exit 1")
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr


def test_old_python_is_refused(checkout):
    tools = {**LINUX_USER, "python3": "exit 1", "python3.11": "exit 1"}
    result = setup_with(checkout, tools, "exit 1")
    assert result.returncode == 1
    assert "needs Python 3.10 or newer" in result.stderr


def torch_call(checkout: Path, platform: str, pip_knows_the_cpu_build: bool) -> str:
    """Set up with a Python that has no torch; return the call that would install it."""
    dry_run = "exit 0" if pip_knows_the_cpu_build else "exit 1"
    python = f"""case "$*" in
    *"import torch"*) exit 1;;
    *--dry-run*) {dry_run};;
    *" install "*torch==*) echo "$@" >> torch.txt;;
    esac"""
    result = setup_with(checkout, {"uname": f"echo {platform}", "id": "echo 0"}, python)
    assert result.returncode == 0, result.stderr
    return (checkout / "torch.txt").read_text().splitlines()[0]


def test_torch_is_the_cpu_build_that_pip_finds(checkout):
    call = torch_call(checkout, "Linux", pip_knows_the_cpu_build=True)
    assert call.startswith("-m pip install")
    assert call.endswith(f"torch=={pins()['torch']}+cpu")


def test_torch_comes_through_uv_where_pip_would_bring_cuda(checkout):
    call = torch_call(checkout, "Linux", pip_knows_the_cpu_build=False)
    assert call.startswith("-m uv pip install")
    assert "--torch-backend cpu" in call


def test_torch_on_a_mac_is_plain(checkout):
    call = torch_call(checkout, "Darwin", pip_knows_the_cpu_build=False)
    assert call.endswith(f"torch=={pins()['torch']}")
    assert call.startswith("-m pip install")
