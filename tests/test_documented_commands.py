"""Commands on the pages are parsed as they stand: each option is there and takes such a value.

Nothing is run.
"""

import functools
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

from genima_lite import cli, commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:genima-lite|--)[^`]*)`")
ASSIGNED = re.compile(r'^export (\w+)="([^"]*)"$', re.MULTILINE)
OURS = re.compile(r"(?:^|\s)(?:genima-lite|-m genima_lite)\s+(.*)")
SCRIPT = re.compile(r"python ((?:benchmarks|scripts)/\w+\.py)(.*)")
UNSAID = ("...", "RECIPE", "|", "[", "--strength S", "--tasks TASKS")
"""Marks of commands that leave something to the reader."""
ELSEWHERE = ("lift_block", "my_robot", "colosseum")
"""Tasks, a backend and perturbations that a reader writes or installs."""
NEEDED = {
    "collect": {"--out": "x", "--tasks": "lamp_on"},
    "score": {"--demos": "x"},
    "train": {"--out": "x"},
    "train-controller": {"--out": "x", "--demos": "x"},
}
"""What a command in running text need not say."""


def lines_of(page: str) -> list[str]:
    """Return the lines of a page's code: continued ones joined, its variables written out."""
    text = page.replace("\\\n", "")
    said = dict(ASSIGNED.findall("\n".join(FENCED.findall(text))))
    found = []
    for line in "\n".join(FENCED.findall(text)).splitlines():
        for name, value in said.items():
            line = re.sub(rf'"?\${name}\b"?', lambda _, value=value: value, line)
        found.append(line)
    return [line for line in found if not ASSIGNED.match(line)]


def words_of(line: str) -> list[str]:
    """Return what a line gives to `genima-lite`; nothing if it is no such command, or not whole."""
    given = OURS.search(line)
    if given is None or any(mark in given[1] for mark in UNSAID):
        return []
    return shlex.split(given[1].split(" > ")[0].split(" && ")[0], comments=True)


def documented() -> list[tuple[str, ...]]:
    """Return the words of every command on the pages, each once."""
    found: list[list[str]] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        inline = [words_of(line) for line in INLINE.findall(FENCED.sub("", text)) if " " in line]
        found += [*map(words_of, lines_of(text)), *map(completed, inline)]
    known = [each for each in found if not any(mark in " ".join(each) for mark in ELSEWHERE)]
    return [words for words in dict.fromkeys(map(tuple, known)) if words]


def completed(words: list[str]) -> list[str]:
    """Return a command with the options that it needs, where it has none."""
    needed = NEEDED.get(words[0], {}) if words and "--help" not in words else {}
    return words + [word for pair in needed.items() if pair[0] not in words for word in pair]


def parse(words, monkeypatch):
    """Parse a command as the command line does."""

    def quiet(make):
        @functools.wraps(make)
        def made(arguments):
            command = make(arguments)
            return functools.wraps(command)(lambda *_, **__: 0)

        return made

    monkeypatch.setitem(commands.COMMANDS, words[0], quiet(commands.COMMANDS[words[0]]))
    if "--help" in words:
        with pytest.raises(SystemExit, match="^0$"):
            cli._run(list(words))
    else:
        assert cli._run(list(words)) == 0


@pytest.mark.parametrize("words", documented(), ids=" ".join)
def test_a_documented_command_is_understood(words, monkeypatch):
    if words[0] == "convert":
        pytest.importorskip("pyarrow")
    parse(words, monkeypatch)


@pytest.mark.parametrize("page", ["laptop-to-paper.md", "hyperparameters.md"])
def test_options_of_recipes_in_the_text_are_understood(page, monkeypatch):
    text = FENCED.sub("", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    found = [words for words in INLINE.findall(text) if re.match("--(diffusion|controller)", words)]
    for words in [words for words in dict.fromkeys(found) if " " in words]:
        parse(["train", "paper", "--out", "x", *words.split()], monkeypatch)


def scripts() -> list[tuple[str, str]]:
    """Return the scripts that the pages call, and with which options."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES).replace("\\\n", "")
    return list(dict.fromkeys((path, rest) for path, rest in SCRIPT.findall(text)))


def test_scripts_on_the_pages_have_the_options_that_they_are_given():
    shared = (ROOT / "benchmarks/fine_tunings.py").read_text(encoding="utf-8")
    missing = []
    for path, rest in scripts():
        source = (ROOT / path).read_text(encoding="utf-8")
        source += shared if "from fine_tunings" in source else ""
        own = re.sub(r"'[^']*'", "", re.split(r"[`|#]", rest)[0])
        given = [option[2:] for option in re.findall(r"(?<=\s)--[a-z][\w-]*", own)]
        missing += [(path, name) for name in given if not re.search(rf'"(--)?{name}"', source)]
    assert missing == []


RUN = {
    "diffusion": ("README.md", "genima.json", "model_index.json", "unet/config.json"),
    "controller": ("controller.json", "controller.safetensors"),
}
"""What of a run is the model; beside it lies what is not."""
BESIDE = ("training.safetensors", "provenance.json", "logs/x", "data/a/0.safetensors")


def test_what_is_published_is_the_model_and_its_card(tmp_path, monkeypatch):
    upload = pytest.importorskip("huggingface_hub.cli.upload")
    from huggingface_hub.cli.hf import app
    from huggingface_hub.utils import filter_repo_objects

    sent = []

    def upload_folder(*, folder_path, path_in_repo, allow_patterns, ignore_patterns, **_):
        names = [path.relative_to(folder_path).as_posix() for path in files_of(folder_path)]
        kept = filter_repo_objects(
            names, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns
        )
        sent.extend((Path(path_in_repo) / name).as_posix() for name in kept)

    made = SimpleNamespace(repo_id="YOU/NAME")
    api = SimpleNamespace(create_repo=lambda **_: made, upload_folder=upload_folder)
    monkeypatch.setattr(upload, "get_hf_api", lambda token: api)
    monkeypatch.chdir(tmp_path)
    for folder, names in RUN.items():
        for name in (*names, *BESIDE):
            path = Path("runs/paper", folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    text = (ROOT / "docs/laptop-to-paper.md").read_text(encoding="utf-8")
    for line in [line for line in lines_of(text) if line.startswith("hf ")]:
        app(shlex.split(line)[1:], standalone_mode=False)
    controller = [f"controller/{name}" for name in RUN["controller"]]
    assert sorted(sent) == sorted([*RUN["diffusion"], *controller])


def files_of(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]
