"""Notebook 05's pictures: changes turned and cut, the committed table, and its figures."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")
pytest.importorskip("ipywidgets")

from genima_lite.checks.alternatives import ROWS, committed, short_run
from genima_lite.diffusion.adapters import LoraSettings, prepare
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.train import save_model
from genima_lite.diffusion.validate import Example
from genima_lite.shipped import shipped
from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.viz.lora import bars_figure, low_rank_figure, rows_figure, share_kept
from genima_lite.viz.lora_scale import LowRankChange, ScaledLora, turn_change

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class _Targets:
    def __init__(self, views):
        self.views = views


@pytest.fixture(scope="module")
def example():
    rng = np.random.default_rng(0)
    views = {camera: rng.integers(0, 256, (64, 64, 3), np.uint8) for camera in TILE_ORDER}
    return Example(views, "push the red button", {}, _Targets(views))


def drawn_by(agent, example):
    return tile(agent.draw(example.views, example.instruction)).astype(int)


def test_a_whole_change_of_full_rank_is_the_model_and_none_of_it_the_base(example):
    base, folder = shipped("mini-turbo"), shipped("genima/diffusion")
    cut = LowRankChange(base, folder)
    model = Components.of(load_pipeline(folder))
    expected = drawn_by(DiffusionAgent(model), example)
    assert abs(cut.draw(example, 1, 256) - expected).max() <= 2
    for name, (up, sizes, down) in cut._factors.items():
        assert torch.linalg.matrix_rank(cut._cut(name, 3).flatten(1)) <= 3
        assert up.shape[1] == len(sizes) == len(down)
    playground = turn_change(cut, example)
    first = playground.image.value
    playground.controls["rank"].value = 2
    assert playground.image.value != first
    playground.controls["share"].value = 0.0
    assert "0.00 of the change at rank 2" in playground.text.value
    model.unet = load_pipeline(base).unet
    expected = drawn_by(DiffusionAgent(model), example)
    assert abs(cut.draw(example, 0, 256) - expected).max() <= 2


def test_a_whole_lora_is_what_the_folder_draws(example, tmp_path):
    components = Components.of(load_pipeline(shipped("mini-turbo")))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        prepare(components, "unet-lora", LoraSettings(4, alpha=8.0))
        for name, weight in components.unet.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.2)
        for block in components.controlnet.controlnet_down_blocks:
            torch.nn.init.normal_(block.weight, std=0.02)
    save_model(components, tmp_path)
    model = ScaledLora(shipped("mini-turbo"), tmp_path)
    found, without = (model.draw(example, share).astype(int) for share in (1, 0))
    assert abs(found - drawn_by(DiffusionAgent.load(tmp_path), example)).max() <= 8, (
        "half precision"
    )
    assert abs(found - without).max() > 8
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    fused = load_pipeline(tmp_path).unet.get_submodule(name).weight.detach().numpy()
    plain = load_pipeline(shipped("mini-turbo")).unet.get_submodule(name).weight.detach().numpy()
    np.testing.assert_allclose(model.change(name), fused - plain, atol=5e-3)


def test_the_committed_table_has_all_rows_on_one_budget(tmp_path):
    table = committed()
    assert "benchmarks/compare_alternatives.py" in table.command
    assert [row.name for row in table.rows] == list(ROWS)
    assert len({(row.samples, row.steps, row.decisions, row.seed) for row in table.rows}) == 1
    for row in table.rows:
        config = short_run(row.name, tmp_path)
        assert row.steps == config.training.steps
        assert (row.missed is None) == (config.target == "future")
        assert row.left_interval[0] < row.left < row.left_interval[1] < 1


def test_the_figures_say_what_they_show():
    rows = committed().rows[:1]
    assert "ControlNet: missed" in rows_figure(rows).alt
    nothing = replace(rows[0], missed=None, missed_interval=None)
    assert "missed -" in rows_figure([nothing]).alt
    assert "ranks 2, 8" in low_rank_figure(16, 32, (2, 8)).alt
    assert bars_figure({"a": 1.0, "b": 0.0}, "bytes").alt == "Bars of bytes: a 1.0; b 0.0"


def test_the_share_that_a_rank_keeps():
    kept = share_kept(np.diag([3.0, 1.0]))
    np.testing.assert_allclose(kept, [0.9, 1.0])
