"""Fingerprints change with content alone; a folder goes on only from what it was made from."""

import json
import shutil

import pytest

from genima_lite.errors import UserError
from genima_lite.provenance import FILE, check, claim, fingerprint, model_fingerprint, origin


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data"
    (root / "inner").mkdir(parents=True)
    (root / "a.txt").write_text("one")
    (root / "inner/b.txt").write_text("two")
    return root


def test_the_same_content_elsewhere_has_the_same_fingerprint(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "elsewhere")
    assert fingerprint(copied) == fingerprint(folder)
    assert len(fingerprint(folder)) == 16


@pytest.mark.parametrize("change", ["byte", "name", "more", "less"])
def test_other_content_has_another_fingerprint(folder, change):
    before = fingerprint(folder)
    file = folder / "inner/b.txt"
    if change == "byte":
        file.write_text("twp")
    elif change == "name":
        file.rename(folder / "inner/c.txt")
    elif change == "more":
        (folder / "c.txt").touch()
    else:
        file.unlink()
    assert fingerprint(folder) != before


def test_bytes_that_move_from_one_file_to_the_next_are_seen(tmp_path):
    for name, (one, other) in {"x": ("ab", "c"), "y": ("a", "bc")}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").write_text(one)
        (tmp_path / name / "2").write_text(other)
    assert fingerprint(tmp_path / "x") != fingerprint(tmp_path / "y")


def test_unfinished_files_do_not_count(folder):
    before = fingerprint(folder)
    (folder / ".c.123.partial.txt").write_text("half")
    assert fingerprint(folder) == before


def test_of_what_is_not_there_there_is_no_fingerprint(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        fingerprint(tmp_path / "nothing")


def test_a_claimed_folder_goes_on_from_the_same(tmp_path):
    made_from = {"seed": 1, "training": {"steps": 3, "sizes": (1, 2)}, "base": "0123"}
    claim(tmp_path / "run", made_from)
    claim(tmp_path / "run", dict(reversed(made_from.items())))
    assert origin(tmp_path / "run") == json.loads(json.dumps(made_from))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 1, "training": {"steps": 4}}, "training.steps = 3, not 4"),
        ({"seed": 1}, "training.steps = 3, not nothing"),
        ({"seed": 1, "training": {"steps": 3}, "base": "x"}, 'base = nothing, not "x"'),
    ],
)
def test_from_other_things_it_is_refused_by_name(tmp_path, other, named):
    claim(tmp_path / "run", {"seed": 1, "training": {"steps": 3}})
    for refuse in (claim, check):
        with pytest.raises(UserError, match=named):
            refuse(tmp_path / "run", other)


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_a_broken_note_is_named(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=FILE):
        claim(tmp_path, {"seed": 1})


@pytest.mark.parametrize(
    "content", ["[]", "3", "", "{", '{"a": NaN}', "[" * 100_000, '{"a":1,"a":2}']
)
def test_an_origin_that_is_none_is_refused_by_name(content, folder):
    (folder / FILE).write_text(content)
    with pytest.raises(UserError, match=f"{FILE}.*delete the folder"):
        origin(folder)


@pytest.mark.parametrize("index", ['{"../../secret": ["a", "b"]}', "[]", "{", '{"/etc": 1}'])
def test_a_model_s_fingerprint_is_of_its_own_parts_alone(index, tmp_path):
    model = tmp_path / "some/model"
    (model / "unet").mkdir(parents=True)
    (model / "model_index.json").write_text(index)
    (model / "unet/weights").write_text("a")
    (tmp_path / "secret").write_text("one")
    before = model_fingerprint(model)
    (tmp_path / "secret").write_text("two")
    (model / "notes.md").write_text("for people")
    assert model_fingerprint(model) == before
    (model / "unet/weights").write_text("b")
    assert model_fingerprint(model) != before


CONTROLLER = {"config": {"width": 8}, "result": {"minutes": 1.0, "weights": 9}}
DRAWING = {"tasks": ["push_button"], "horizon": 20, "sampling_steps": 1, "minutes": 1.0}


@pytest.mark.parametrize(
    ("name", "change", "same"),
    [
        ("controller.json", {"result": {"minutes": 2.0, "weights": 9}}, True),
        ("controller.json", {"config": {"width": 9}}, False),
        ("genima.json", {"minutes": 2.0}, True),
        ("genima.json", {"sampling_steps": 10}, False),
    ],
)
def test_a_model_s_fingerprint_is_of_what_it_does_not_of_how_long_it_took(
    name, change, same, tmp_path
):
    said = {"controller.json": CONTROLLER, "genima.json": DRAWING}
    (tmp_path / "controller.safetensors").write_text("weights")
    for each, values in said.items():
        (tmp_path / each).write_text(json.dumps(values))
    before = model_fingerprint(tmp_path)
    (tmp_path / name).write_text(json.dumps(said[name] | change))
    assert (model_fingerprint(tmp_path) == before) is same
