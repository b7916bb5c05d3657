"""Variants of exercises: public solutions fail there, the variants' own pass."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

jupytext = pytest.importorskip("jupytext")
pytest.importorskip("nbgrader")
pytest.importorskip("torch")

from genima_lite.checks import CheckFailed
from genima_lite.checks.variants import TWISTS, in_variant
from genima_lite.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import variants

SOURCES = sorted((ROOT / "notebooks/source").glob("*.py"))
CELLS = {path.stem: jupytext.read(path).cells for path in SOURCES}
EXERCISES = {
    f"{notebook[:2]} {cell.metadata['solution']}": (notebook, cell.source)
    for notebook, cells in CELLS.items()
    for cell in cells
    if "solution" in cell.metadata
}
CASES = [(exercise, option) for exercise, options in TWISTS.items() for option in options]


def space_of(notebook):
    """Return what a notebook's solutions find defined above them."""
    from genima_lite import panda
    from genima_lite.cameras import Camera
    from genima_lite.evaluation.statistics import wilson_interval

    return {"np": np, "panda": panda, "Camera": Camera, "wilson_interval": wilson_interval}


def defined(exercise, source):
    space = space_of(exercise)
    exec(source, space)
    return space[re.findall(r"^def (\w+)", source, re.MULTILINE)[-1]]


def check_of(exercise):
    """Return the public check of an exercise."""
    notebook, _ = EXERCISES[exercise]
    name = exercise.partition(" ")[2]
    (source,) = (c.source for c in CELLS[notebook] if c.metadata.get("check") == name)
    space: dict = {}
    exec(re.search(r"^from .*", source, re.MULTILINE)[0], space)
    return space[f"check_{name}"]


def test_every_notebook_has_variants():
    assert {EXERCISES[name][0][:2] for name in TWISTS} == {path.name[:2] for path in SOURCES}


@pytest.mark.parametrize(("exercise", "option"), CASES)
def test_the_public_solution_fails_and_the_variants_own_passes(exercise, option, capsys):
    _, source = EXERCISES[exercise]
    check, twist = check_of(exercise), TWISTS[exercise][option]
    with pytest.raises(CheckFailed):
        check(in_variant(exercise, option, defined(exercise, source)))
    own = variants.edited(source, twist.edits, exercise)
    for seed in (0, 1, 7):
        check(in_variant(exercise, option, defined(exercise, own)), seed)
    with pytest.raises(CheckFailed):
        check(defined(exercise, own))


def test_a_seed_says_which_variant():
    names = [variants.chosen("08 metres", seed)[0] for seed in range(20)]
    assert len(set(names)) > 2
    assert names == [variants.chosen("08 metres", seed)[0] for seed in range(20)]
    assert variants.chosen("08 audit", 3) is None
    with pytest.raises(UserError, match="no variant 'ells'"):
        in_variant("08 metres", "ells", print)


def test_one_command_makes_a_course_of_variants(tmp_path):
    words = [str(tmp_path / "course"), "07", "08", "--seed", "5", "--task", "press_switch"]
    command = [sys.executable, str(ROOT / "scripts/variants.py"), *words, "--hints", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (
        "08_robustness_and_rlbench: 3 with another contract: kept, believed, metres" in done.stdout
    )
    assert (tmp_path / "course/nbgrader_config.py").exists()
    made = jupytext.read(tmp_path / "course/variants/08_robustness_and_rlbench.py").cells
    text = "\n".join(cell.source for cell in made)
    assert '"press_switch"' in text
    assert '"open_drawer", 7' not in text
    for cell in made:
        if "exercise" in cell.metadata:
            assert cell.source.count("<details>") == 1
            varied = variants.chosen(f"08 {cell.metadata['exercise']}", 5) is not None
            assert ("In your variant" in cell.source) == varied
        if "check" in cell.metadata:
            assert "seed=1)" not in cell.source
            run = re.sub(r"^[\s\S]*?(?=check_\w+\()", "", cell.source)
            assert ("in_variant(" in run) == (
                variants.chosen(f"08 {cell.metadata['check']}", 5) is not None
            )


def test_a_variant_that_no_longer_fits_its_source_is_refused():
    with pytest.raises(UserError, match="0 times"):
        variants.edited("return 1", (("return 2", "return 3"),), "exercise 'x'")
