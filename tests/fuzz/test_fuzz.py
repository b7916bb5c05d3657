"""Two hundred damaged inputs do no harm; tests of the harness that says so."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")
if not sys.platform.startswith("linux"):
    pytest.skip("the harness forks and reads /proc", allow_module_level=True)

from . import __main__ as command
from . import readers
from . import run as running
from .log import Log
from .outcome import Outcome
from .plan import FILES, Damage, damages
from .run import run
from .table import failures, render

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_no_damaged_input_does_harm():
    """Each is refused with a sentence, is harmless, or is accepted for a reason that is written."""
    words = [sys.executable, "-m", "tests.fuzz", "--variants", "120", "--seed", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "120 variants, seed 1: 0 wrong" in done.stdout


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Run a reader with a fault of a known kind on a victim; return the outcome."""

    def run_with(read, change=lambda path, rng: None):
        (tmp_path / "victim_of_test").mkdir()
        (tmp_path / "victim_of_test/file").write_bytes(b"sound")
        monkeypatch.setattr(readers, "READERS", {"victim_of_test": {"read": read}})
        kinds = [Damage("test.change", "victim_of_test", "file", change)]
        (found,) = run(tmp_path, 1, [0], 1, kinds)
        return found

    return run_with


def content(victim, work, out):
    return (victim / "file").read_bytes()


def damaged(path, rng):
    path.unlink()
    path.write_bytes(b"damaged")


def when_damaged(harm):
    """Return a reader that does harm on damaged input only."""

    def read(victim, work, out):
        if content(victim, work, out) == b"damaged":
            harm()
        return 0

    return read


def refuse():
    from genima_lite.errors import UserError

    raise UserError("file: damaged")


def fill_memory():
    kept = []
    while True:
        kept.append(np.ones(2**22))


def wait():
    time.sleep(100)


def execute():
    Path("executed").touch()


@pytest.mark.parametrize(
    ("harm", "outcome"),
    [
        (refuse, "refused"),
        (lambda: None, "harmless"),
        (lambda: {}["x"], "traceback"),
        (lambda: os.kill(os.getpid(), 11), "crash"),
        (lambda: os._exit(3), "crash"),
        (fill_memory, "blow-up"),
        (execute, "executed"),
    ],
)
def test_each_harm_is_noticed(harm, outcome, planted):
    assert planted(when_damaged(harm), damaged).outcome == outcome


def test_a_hang_is_noticed(planted, monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 0.5)
    assert planted(when_damaged(wait), damaged).outcome == "hang"


def test_another_result_without_a_word_must_be_explained(planted):
    found = planted(content, damaged)
    assert found.outcome == "accepted"
    assert failures([found]) == [found]
    assert "NOT EXPLAINED" in render([found])


def test_a_sound_input_is_harmless(planted):
    assert planted(content).outcome == "harmless"


def test_the_same_number_and_seed_give_the_same_damage():
    one, other, another = damages(1), damages(1), damages(2)
    assert [each.name for each in one] == [each.name for each in other]
    assert [each.name for each in one] != [each.name for each in another]


ONE = Outcome(3, "raw.noise", "demos/x", "refused", "inspect", "no")


def test_what_a_log_has_of_the_same_seed_and_code_is_kept(tmp_path):
    path = tmp_path / "log"
    Log(path, 1, ["demos"]).add(ONE)
    path.write_text(path.read_text() + '{"seed": 1, "num')  # killed while it wrote
    log = Log(path, 1, ["demos"])
    log.add(replace(ONE, number=4))
    assert log.kept() == {3: ONE, 4: replace(ONE, number=4)}
    assert Log(path, 2, ["demos"]).kept() == {}
    assert Log(path, 1, ["base", "demos"]).kept() == {}
    path.write_text(path.read_text().replace('"code": "', '"code": "0'))
    assert Log(path, 1, ["demos"]).kept() == {}


def test_a_run_goes_on_after_its_log(tmp_path, monkeypatch, capsys):
    log = Log(tmp_path / "log", 1, FILES)
    for number in range(3):
        log.add(replace(ONE, number=number))
    monkeypatch.setattr(sys, "argv", ["fuzz", "--variants", "3", "--log", str(tmp_path / "log")])
    monkeypatch.setattr(command, "build", pytest.fail)  # nothing is left to run
    assert command.main() == 0
    assert "3 variants, seed 1: 0 wrong" in capsys.readouterr().out


def test_victims_of_other_code_are_refused(tmp_path):
    (tmp_path / "code").write_text("another")
    with pytest.raises(SystemExit, match="not made by this code"):
        command._victims(tmp_path)
