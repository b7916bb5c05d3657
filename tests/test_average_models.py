"""Weights of models that were trained on from one another, averaged."""

import runpy
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tiny_controller import TINY_CONTROLLER

from genima_lite.controller.act import ACT
from genima_lite.controller.checkpoint import load_controller, load_metadata, save_controller

SCRIPT = Path(__file__).parents[1] / "scripts" / "average_models.py"
average = runpy.run_path(str(SCRIPT))["average"]


def test_weights_are_averaged_by_their_shares_and_all_else_is_the_firsts(tmp_path):
    file, folders = "unet/diffusion_pytorch_model.safetensors", []
    for name, value in (("one", 1.0), ("other", 5.0)):
        folders.append(tmp_path / name)
        (tmp_path / name / file).parent.mkdir(parents=True)
        weights = {"weight": torch.full((2,), value, dtype=torch.float16)}
        save_file(weights, tmp_path / name / file)
        (tmp_path / name / "metadata.json").write_text(name)
        (tmp_path / name / "training.safetensors").write_text("")
    average(tmp_path / "mean", [(0.25, folders[0]), (0.75, folders[1])])
    (mean,) = load_file(tmp_path / "mean" / file).values()
    torch.testing.assert_close(mean, torch.full((2,), 4.0, dtype=torch.float16))
    assert (tmp_path / "mean" / "metadata.json").read_text() == "one"
    assert not (tmp_path / "mean" / "training.safetensors").exists()


def test_the_mean_of_controllers_is_one(tmp_path):
    folders, found = [], []
    for name, seed in (("one", 0), ("other", 1)):
        torch.manual_seed(seed)
        found.append(ACT(TINY_CONTROLLER, pretrained=False).state_dict())
        folders.append(tmp_path / name)
        save_controller(folders[-1], TINY_CONTROLLER, found[-1], {"tasks": [name], "step": seed})
    average(tmp_path / "mean", [(0.25, folders[0]), (0.75, folders[1])])
    mean = load_controller(tmp_path / "mean").state_dict()
    for name, values in found[0].items():
        torch.testing.assert_close(mean[name], 0.25 * values + 0.75 * found[1][name])
    assert load_metadata(tmp_path / "mean").tasks == ("one",)
