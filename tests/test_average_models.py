"""Weights of models that were trained on from one another, averaged."""

import runpy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

SCRIPT = Path(__file__).parents[1] / "scripts" / "average_models.py"
average = runpy.run_path(str(SCRIPT))["average"]


@pytest.mark.parametrize(
    ("file", "dtype"),
    [
        ("controller.safetensors", torch.float32),
        ("unet/diffusion_pytorch_model.safetensors", torch.float16),
    ],
)
def test_weights_are_averaged_by_their_shares_and_all_else_is_the_firsts(tmp_path, file, dtype):
    folders = []
    for name, value in (("one", 1.0), ("other", 5.0)):
        folders.append(tmp_path / name)
        (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
        save_file({"weight": torch.full((2,), value, dtype=dtype)}, tmp_path / name / file)
        (tmp_path / name / "metadata.json").write_text(name)
        (tmp_path / name / "training.safetensors").write_text("")
    average(tmp_path / "mean", [(0.25, folders[0]), (0.75, folders[1])])
    (mean,) = load_file(tmp_path / "mean" / file).values()
    torch.testing.assert_close(mean, torch.full((2,), 4.0, dtype=dtype))
    assert (tmp_path / "mean" / "metadata.json").read_text() == "one"
    assert not (tmp_path / "mean" / "training.safetensors").exists()
