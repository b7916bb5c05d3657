"""Python 3.10 to 3.13: the grammar of the sources, and the script that tries each version."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import python_matrix

SOURCES = [
    path
    for folder in ("genima_lite", "scripts", "tests", "benchmarks", "notebooks/source")
    for path in (ROOT / folder).rglob("*.py")
]


def test_all_sources_keep_to_the_grammar_of_python_3_10():
    assert len(SOURCES) > 100
    for path in SOURCES:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 10))
    with pytest.raises(SyntaxError):
        ast.parse("try: pass\nexcept* ValueError: pass", feature_version=(3, 10))


def test_the_matrix_finds_this_interpreter_and_no_other_in_its_place(monkeypatch):
    def which(name):
        return None if name == "uv" else sys.executable

    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    monkeypatch.setattr(python_matrix.shutil, "which", which)
    monkeypatch.setattr(python_matrix.Path, "home", lambda: ROOT)
    assert python_matrix.find(version) == sys.executable
    assert python_matrix.find("3.9") is None


def test_the_matrix_says_which_step_failed(tmp_path, monkeypatch):
    def run(words, **rest):
        failed = "pip" in words
        return subprocess.CompletedProcess(words, int(failed), "", "no matching distribution")

    monkeypatch.setattr(python_matrix.subprocess, "run", run)
    told = python_matrix.attempt("python", "3.12", tmp_path)
    assert told == "FAILED at install: no matching distribution"


def test_the_matrix_names_tests_that_exist():
    for name in python_matrix.QUICK:
        assert (ROOT / f"tests/test_{name}.py").is_file()
