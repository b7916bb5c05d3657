"""Our renderer against pictures drawn by the paper's."""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

from genima_lite.errors import UserError
from genima_lite.targets.reference import compare, read_reference

FOLDER = Path(__file__).parent / "data" / "reference_spheres"
PICTURES = sorted(FOLDER.glob("*.npz"))
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "compare_targets.py"


def run_script(monkeypatch, folder):
    monkeypatch.setattr("sys.argv", ["compare_targets.py", str(folder)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_all_sixteen_are_there():
    assert len(PICTURES) == 16


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_masks_and_colors_match(path):
    reference = read_reference(path)
    overlap, color_error = compare(reference.draw(), reference.image)
    assert overlap >= 0.98
    assert color_error <= 12.0


@pytest.mark.parametrize("path", [p for p in PICTURES if "front" in p.stem], ids=lambda p: p.stem)
def test_nearer_spheres_hide_farther_ones_as_in_the_reference(path):
    """Where two outlines overlap, the hue is the reference's: no other order would match."""
    reference = read_reference(path)
    drawn = reference.draw().astype(int)
    bright = (reference.image.max(-1) > 120) & (drawn.max(-1) > 120)
    bright &= (reference.image != 255).any(-1) & (drawn != 255).any(-1)
    assert np.abs(drawn - reference.image)[bright].mean() < 20


def test_stripes_the_other_way_round_would_not_match():
    """Turned by half a turn about z, each sphere shows its pole of the other colour."""
    reference = read_reference(FOLDER / "011_wrist.npz")
    reference.spheres.poses[:, :3, :2] *= -1
    assert compare(reference.draw(), reference.image)[1] > 50


def test_the_comparison_sees_a_shift_of_one_pixel():
    reference = read_reference(FOLDER / "013_left_shoulder.npz")
    shifted = np.roll(reference.draw(), 1, axis=1)
    overlap, color_error = compare(shifted, reference.image)
    assert overlap < 0.98
    assert color_error > 12


def test_pictures_without_spheres_are_alike():
    empty = np.full((8, 8, 3), 255, np.uint8)
    assert compare(empty, empty) == (1.0, 0.0)


def test_the_script_prints_and_passes(monkeypatch, capsys):
    run_script(monkeypatch, FOLDER)
    assert "015_wrist" in capsys.readouterr().out


def test_the_script_fails_beyond_the_limits(monkeypatch, tmp_path):
    shutil.copy(PICTURES[0], tmp_path)
    with np.load(PICTURES[1]) as file:
        data = dict(file)
    data["radius"] = np.array(1.1 * data["radius"])
    np.savez(tmp_path / "wrong.npz", **data)
    with pytest.raises(SystemExit) as end:
        run_script(monkeypatch, tmp_path)
    assert end.value.code == 1


def test_an_empty_folder_is_an_error(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="no .npz files"):
        run_script(monkeypatch, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04cut short"])
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.npz: not a reference picture"):
        read_reference(tmp_path / "broken.npz")


def test_a_file_without_a_field_is_named(tmp_path):
    np.savez(tmp_path / "half.npz", image=np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UserError, match=r"half\.npz: not a reference picture.*extrinsics"):
        read_reference(tmp_path / "half.npz")
