"""The command line: every field of every configuration is an option; wrong arguments end with 2."""

import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

pytest.importorskip("torch")

from genima_lite import cli
from genima_lite.commands import COMMANDS
from genima_lite.controller.run import preset_run
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.diffusion.pretrain import PretrainConfig
from genima_lite.envs.api import perturbation_names, task_names
from genima_lite.recipes.api import load_recipe, recipe_names

FINETUNE = FinetuneConfig("base", ("push_button",), ("demos",))


def run(monkeypatch, *arguments):
    """Run the command line; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["genima-lite", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def options(config, prefix=""):
    found = set()
    for field in fields(config):
        value, name = getattr(config, field.name), field.name.replace("_", "-")
        if (name, value) == ("keypoint-pretraining", None):
            continue  # a baseline's; there is nothing to set
        if not field.init:
            continue  # it follows from others
        found |= options(value, f"{prefix}{name}.") if is_dataclass(value) else {prefix + name}
    return found


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (("train-base",), PretrainConfig(("push_button",))),
        (("train-diffusion",), FINETUNE),
        (("train-controller",), preset_run("lite", "demos")),
        *((("train", name), load_recipe(name)) for name in recipe_names()),
    ],
    ids=["base", "diffusion", "controller", *recipe_names()],
)
def test_every_field_is_an_option(arguments, config, monkeypatch, capsys):
    assert run(monkeypatch, *arguments, "--help") == 0
    shown = capsys.readouterr().out
    missing = {name for name in options(config) if f"--{name}" not in shown}
    assert not {name for name in missing if f"--no-{name}" not in shown}


def test_options_reach_the_configuration(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr("genima_lite.recipes._check.check_step", lambda *_: None)
    monkeypatch.setattr("genima_lite.recipes._steps.run_step", lambda *given: seen.append(given))
    words = ("--base", "b", "--tasks", "lamp_on,push_button", "--demos", "d", "e")
    nested = ("--training.steps", "7", "--adapter.name", "concat", "--mixture.grounding", "0")
    run(monkeypatch, "train-diffusion", "--out", str(tmp_path), *words, *nested)
    ((out, config, *_),) = seen
    assert out == tmp_path
    assert (config.base, config.demos) == ("b", ("d", "e"))
    assert config.tasks == ("lamp_on", "push_button")
    assert (config.training.steps, config.adapter.name) == (7, "concat")
    assert config.training.batch_size == FINETUNE.training.batch_size


def test_env_is_the_backend_and_beside_it_backend_is_the_arms_driver():
    words = ["--env", "arm", "--backend", "franky", "--tasks", "lamp_on"]
    renamed = ["--backend", "arm", "--arm.driver", "franky", "--tasks", "lamp_on"]
    assert cli._renamed(words) == renamed
    assert cli._renamed(["--env=rlbench", "--seed", "1"]) == ["--backend=rlbench", "--seed", "1"]
    assert cli._renamed(["--backend", "arm"]) == ["--backend", "arm"]


def test_all_tasks_and_lists_with_commas():
    assert cli._with_lists(["--perturb", "light,camera_pose"]) == [
        "--perturb",
        "light",
        "camera_pose",
    ]
    assert cli._with_lists(["--perturb", "all"]) == ["--perturb", *perturbation_names()]
    assert cli._with_lists(["--tasks", "all"]) == ["--tasks", *task_names()]
    written = cli._with_lists(["--demos.tasks", "lamp_on,push_button", "--variations", "0,2"])
    assert written == ["--demos.tasks", "lamp_on", "push_button", "--variations", "0", "2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fly",), "unknown command 'fly'"),
        (("train", "lapdog", "--out", "x"), "unknown recipe 'lapdog'"),
        (("eval", "--tasks", "push_buton"), "did you mean 'push_button'"),
        (("eval", "--backend", "../x", "--tasks", "lamp_on"), "unknown backend '../x'"),
        (("eval", "--backend", "api"), "unknown backend 'api'"),
        (("eval", "--tasks", "lamp_on", "lamp_on"), "name each once"),
        (("robustness", "--tasks", "lamp_on", "lamp_on"), "name each once"),
        (("train-controller", "--demos", "x", "./x", "--out", "y"), "name each once"),
        (
            ("train-controller", "--demos", "x", "--held-out", "./x", "--out", "y"),
            "of which it learns",
        ),
        (("demo", "--episodes", "1000000000"), "give 1 to 1000000"),
        (("demo", "--episodes", "1000000"), "2400.0 GB will be written"),
        (("eval", "--backend", "arm", "--arm.calibration", "c"), "knows its own cameras"),
        (("train-controller", "--demos", "x", "--out", "y", "--max-minutes", "nan"), "is nan"),
        (("eval", "--policy", "gemina", "--tasks", "lamp_on"), "unknown policy 'gemina'"),
        (("train-controller", "light", "--out", "x"), "unknown preset 'light'"),
        (("train", "laptop", "--out", "x", "--scale", "0"), "--scale is 0"),
    ],
)
def test_wrong_arguments_end_with_a_sentence_and_2(arguments, said, monkeypatch, capsys):
    assert run(monkeypatch, *arguments) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")


def test_the_commands_and_recipes_are_listed(monkeypatch, capsys):
    assert run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert run(monkeypatch, "train") == 0
    shown = capsys.readouterr().out
    assert all(f"train {name} " in shown for name in recipe_names())


def test_the_command_line_stays_small():
    package = Path(cli.__file__).parent
    assert len((package / "cli.py").read_text(encoding="utf-8").splitlines()) < 200
