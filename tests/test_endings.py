"""How commands end: exit codes, one line, no escape sequences, quiet pipes."""

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from genima_lite import cli
from genima_lite.console import complain, say, shown, success_table
from genima_lite.endings import ended, stopped
from genima_lite.errors import UserError

PROGRAM = [sys.executable, "-m", "genima_lite"]
FAKE = ["--backend", "tests.fake_env", "--tasks", "go_there"]


def fails(error):
    def run():
        raise error

    return run


def genima(*words, **more):
    """Start a command in a process of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **pipes.pop("env", {})}
    here = Path(__file__).parents[1]
    return subprocess.Popen([*PROGRAM, *map(str, words)], cwd=here, env=environment, **pipes)


def run(*words, **more):
    """Return exit code, stdout and stderr of a command."""
    process = genima(*words, **more)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_long_names_in_messages_lose_their_middle(capsys):
    assert ended(fails(UserError(f"{'a' * 10**6}/b.json: {'x y ' * 10**5}"))) == 2
    assert ended(fails(KeyError("c" * 10**6))) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert re.match(r"error: a{125}\[\d+ characters\]a{117}/b\.json: x y x y .*y $", first)
    assert len(first) < 4100
    assert len(second) < 500
    text = f"{'d' * 290}/e.json: no such file"
    assert str(UserError(text)) == text


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("a.json: no\nsuch file"), 2, "error: a.json: no such file"),
        (KeyError("x"), 1, "error: KeyError: 'x' (unexpected: --debug shows the traceback)"),
        (OSError(28, "No space left on device", "a"), 2, "error: a: No space left on device; "),
        (PermissionError(13, "Permission denied", "a"), 2, "error: a: Permission denied; change"),
        (OSError(40, "Too many levels of symbolic links", "a"), 2, "error: a: Too many levels"),
        (RuntimeError("IoError: No space left (os error 28)"), 2, "error: No space left on dev"),
        (KeyboardInterrupt("2 kept"), 130, "stopped: 2 kept"),
        (KeyboardInterrupt(), 130, "stopped: nothing was written"),
        (RecursionError("a\x1b[31mb"), 1, r"error: RecursionError: a\x1b[31mb (unexp"),
    ],
)
def test_every_error_is_one_line_and_a_code(error, code, said, capsys):
    assert ended(fails(error)) == code
    shown = capsys.readouterr().err
    assert shown.startswith(said)
    assert shown.count("\n") == 1


def test_debug_shows_the_traceback_and_may_stand_anywhere(monkeypatch, capsys):
    monkeypatch.setattr(cli, "_run", lambda words: {}[words[0]])
    for words in (["--debug", "a"], ["a", "--debug"]):
        monkeypatch.setattr(sys, "argv", ["genima-lite", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 1
        shown = capsys.readouterr().err
        assert "Traceback (most recent call last)" in shown
        assert shown.splitlines()[-1] == "error: KeyError: 'a'"


def test_sigterm_ends_like_ctrl_c_with_143(capsys):
    def killed():
        with stopped(lambda: "1 kept"):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert ended(killed) == 143
    assert capsys.readouterr().err == "stopped: 1 kept\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_warnings_are_one_line_without_escape_sequences(capsys):
    def warns():
        warnings.warn("\x1b[2J gone", stacklevel=1)
        return 0

    assert ended(warns) == 0
    assert capsys.readouterr().err == "warning: \\x1b[2J gone\n"


def test_nothing_from_outside_moves_the_cursor_or_is_markup(capsys):
    nasty = "[bold]a[/x] \x1b]0;t\x07 \x9b31m \u202e \udcff :smile: \r\nb"
    said = r"[bold]a[/x] \x1b]0;t\x07 \x9b31m \u202e \udcff :smile: \r"
    assert shown(nasty) == f"{said}\nb"
    say(nasty)
    complain(nasty)
    captured = capsys.readouterr()
    assert captured.out == f"{said}\nb\n"
    assert captured.err == f"error: {said} b\n"
    row = {"successes": 0, "n": 0, "rate": None, "interval_95": (0, 1), "median_steps": None}
    table = success_table("[red]p[/]", {"[/task]\x1b": {**row, "refused": 0, "errors": 0}})
    assert str(table.title) == "success of '[red]p[/]', 95 % Wilson intervals, median steps"
    assert str(table.columns[0]._cells[0]) == r"[/task]\x1b"


def test_a_folder_with_a_hostile_name_is_named_harmlessly():
    code, _, err = run("inspect", "no\x1b[31m[bold]\udcff[/b]")
    assert code == 2
    assert err.startswith(r"error: no\x1b[31m[bold]\udcff[/b]: no such folder")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_without_unicode_gets_help_and_tables(encoding, tmp_path):
    environment = {"PYTHONIOENCODING": encoding, "NO_COLOR": "1"}
    words = ["eval", *FAKE, "--episodes", "1", "--json", tmp_path / "ü.json"]
    code, out, err = run(*words, env=environment, encoding=encoding)
    assert code == 0, err
    assert "100.0%" in out
    assert "Traceback" not in err
    code, out, _ = run("eval", "--help", env=environment, encoding=encoding)
    assert code == 0
    assert "--episodes" in out


def test_a_pipe_that_nobody_reads_loses_no_results(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    words = ["eval", *FAKE, "--episodes", "2", "--json", tmp_path / "r.json"]
    code, _, err = run(*words, stdout=writing)
    os.close(writing)
    assert (code, "Error" in err) == (0, False)
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    reading, writing = os.pipe()
    os.close(reading)
    code, _, err = run("--help", stdout=writing)
    os.close(writing)
    assert (code, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_stdout_is_one_line_after_the_results(tmp_path):
    words = ["eval", *FAKE, "--episodes", "1", "--json", tmp_path / "r.json"]
    with open("/dev/full", "w") as full:
        code, _, err = run(*words, stdout=full)
    assert code == 2
    assert "error: No space left on device" in err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_disk_that_takes_no_more_is_one_line_and_the_same_command_goes_on(tmp_path):
    resource = pytest.importorskip("resource")
    words = ["collect", *FAKE, "--episodes", "1", "--image-size", "32", "--out", tmp_path / "set"]
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))}
    code, _, err = run(*words, **limit)
    assert code == 2
    assert "error: " in err.splitlines()[-1]
    assert "files may not become that large here" in err.splitlines()[-1]
    assert not list((tmp_path / "set").glob(".*"))
    assert run(*words)[0] == 0


HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)
sys.meta_path.insert(0, Hidden())
from genima_lite.cli import main
for words in {commands}:
    sys.argv = ["genima-lite", *words]
    try:
        main()
    except SystemExit as end:
        print(end.code)
"""


def test_without_the_models_extra_every_command_says_how_to_get_it(tmp_path):
    names = {"torch", "diffusers", "transformers", "accelerate", "tensorboard", "safetensors"}
    commands = [
        ["train"],
        ["train", "laptop", "--out", "x"],
        ["train-base", "--out", "x"],
        ["train-diffusion", "--out", "x"],
        ["train-controller", "--out", "x"],
        ["score", "--demos", "x"],
        ["eval", "--policy", "genima"],
        ["reproduce"],
        ["demo"],
        ["collect", *FAKE, "--out", str(tmp_path / "d"), "--episodes", "1"],
        ["inspect", str(tmp_path / "d")],
    ]
    program = HIDE.format(names=names, commands=commands)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    codes = [line for line in done.stdout.splitlines() if line.isdecimal()]
    assert codes == ["2"] * 9 + ["0", "0"], done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(said) == 9
    assert all(line.endswith("pip install 'genima-lite[models]'") for line in said)
