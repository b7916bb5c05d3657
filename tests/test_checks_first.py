"""What can be checked is checked before the first minute of work."""

import json
import os
import shutil
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from genima_lite import files
from genima_lite.controller.run import preset_run
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.diffusion.pretrain import PretrainConfig
from genima_lite.diffusion.validate import DrawingScore
from genima_lite.errors import UserError
from genima_lite.files import check_folder, check_output, remove_partial, written_whole
from genima_lite.recipes._check import check_recipe, check_step
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._steps import kept
from genima_lite.recipes.api import load_recipe
from genima_lite.training import checkpoint

FAKE, TASK = "tests.fake_env", "go_there"
COLLECT = CollectConfig((TASK,), 1, image_size=16, backend=FAKE)
FULL = namedtuple("usage", "total used free")(10, 10, 1000)


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    root = tmp_path_factory.mktemp("demos") / "set"
    list(collect(root, [TASK], 1, CollectSettings(image_size=16, backend=FAKE)))
    return root


@pytest.mark.parametrize("device", ["gpu", "cuda:0", ""])
def test_a_device_that_is_not_there_is_named(tmp_path, device):
    with pytest.raises(UserError, match=f"unknown device '{device}'"):
        check_step(tmp_path, PretrainConfig((TASK,)), device)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"demos": ("nowhere",)}, "nowhere: no such folder"),
        ({"held_out": "nowhere"}, "nowhere: no such folder"),
        ({"begin": "nowhere"}, "nowhere"),
        ({"demos": ("empty",)}, "no demonstrations"),
    ],
)
def test_a_missing_input_is_named(tmp_path, demos, change, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=words):
        check_step(tmp_path / "out", replace(preset_run("lite", str(demos)), **change))


def test_a_broken_held_out_set_is_found(tmp_path, demos):
    broken = shutil.copytree(demos, tmp_path / "set")
    config = replace(preset_run("lite", str(demos)), held_out=str(broken))
    check_step(tmp_path / "out", config)
    next(broken.rglob("low_dim_obs.pkl")).write_bytes(b"no pickle")
    with pytest.raises(UserError, match="low_dim_obs"):
        check_step(tmp_path / "out", config)


def test_a_base_model_that_is_none_is_named(tmp_path, demos):
    (tmp_path / "base").mkdir()
    config = FinetuneConfig(str(tmp_path / "base"), (TASK,), (str(demos),))
    with pytest.raises(UserError, match="no model in it"):
        check_step(tmp_path / "out", config)


def test_a_recipe_needs_nothing_that_its_own_steps_make(tmp_path):
    for name in ("laptop", "shipped", "mini-turbo"):
        check_recipe(tmp_path / "run", load_recipe(name))
    with pytest.raises(UserError, match="processes is 0"):
        check_recipe(tmp_path / "run", load_recipe("laptop"), 0)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named_with_both_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: FULL)
    for config in (COLLECT, PretrainConfig((TASK,))):
        with pytest.raises(UserError, match=r"at least \d+\.\d MB will be written, 0\.0 MB are fr"):
            check_step(tmp_path / "out", config)
    with pytest.raises(UserError, match=r"at least \d+\.\d GB"):
        check_recipe(tmp_path / "run", load_recipe("shipped"))


def test_what_is_there_already_needs_no_space(demos, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: FULL)
    check_step(demos, COLLECT)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (replace(COLLECT, image_size=0), "image-size is 0"),
        (replace(COLLECT, image_size=10**6), "image-size is 1000000"),
        (replace(COLLECT, variations=(7,)), "no variation 7"),
        (replace(COLLECT, tasks=("go_their",)), "did you mean 'go_there'"),
    ],
)
def test_an_impossible_collection_makes_no_folder(tmp_path, config, words):
    with pytest.raises(UserError, match=words):
        check_step(tmp_path / "out", config)
    assert not list(tmp_path.iterdir())


def test_outputs_are_checked_by_name_and_place(tmp_path):
    (tmp_path / "file").touch()
    check_output(tmp_path / "new" / "a.png", ".png")
    for path, words in (
        ("a.jpg", "ends with .png"),
        ("file/a.png", "is no folder"),
        ("", "ends with .png"),
    ):
        with pytest.raises(UserError, match=words):
            check_output(tmp_path / path, ".png")
    with pytest.raises(UserError, match="a folder, not a file"):
        check_output(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_read_only_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UserError, match="may not be written to; choose another folder"):
        check_folder(tmp_path / "a" / "b")


def test_devices_are_never_replaced_and_links_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(UserError, match="a pipe, socket or device"),
        written_whole(tmp_path / "pipe"),
    ):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with written_whole(tmp_path / "link") as partial:
        partial.write_text("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_text() == "x"


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "below").mkdir()
    left = [".training.123.partial.safetensors", ".a.7.partial", "below/.b.9.partial.json"]
    others = [".partial", ".a.partial.json", "a.1.partial.json", ".lock"]
    for name in [*left, *others]:
        (tmp_path / name).touch()
    remove_partial(tmp_path)
    assert (tmp_path / left[-1]).exists()
    remove_partial(tmp_path, below=True)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(others)


def test_a_stopped_training_says_its_step(tmp_path):
    assert "no checkpoint yet" in kept(tmp_path)
    checkpoint.save(tmp_path / checkpoint.FILE, checkpoint.Progress(step=40), {}, {"weights": {}})
    assert kept(tmp_path).endswith("the same command goes on from step 40")


def test_a_score_without_numbers_is_json():
    nan = float("nan")
    score = DrawingScore(1, 0, nan, nan, (nan, nan), 0.5, nan, nan, 3.0, {"gripper": nan})
    text = json.dumps(score.to_json(), allow_nan=False)
    assert json.loads(text)["misses_interval"] == [None, None]
    assert json.loads(text)["millimetres"] == 3.0
    assert np.isnan(score.pixels)
