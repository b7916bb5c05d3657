"""AdamW in eight bits, of bitsandbytes where that is installed: exact resume, refusals."""

import importlib.util
import sys
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from toy_training import CONFIG, Fit, Line, goes_on_exactly

from genima_lite.errors import UserError
from genima_lite.recipes import paper_sdxl
from genima_lite.recipes._check import check_step
from genima_lite.training import checkpoint, tensors
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer

pytestmark = pytest.mark.usefixtures("one_torch_thread")
EIGHT = replace(CONFIG, optimizer="adamw8bit", learning_rate=1e-2)
HERE = importlib.util.find_spec("bitsandbytes") is not None


def needs_it(test):
    skips = pytest.mark.skipif(not HERE, reason="bitsandbytes is not installed")
    return pytest.mark.bitsandbytes(skips(test))


class Wide(Fit):
    """Weights that are large enough for eight bits; a convolution's have their channels last."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            inner = torch.nn.Conv2d(32, 32, 3).to(memory_format=torch.channels_last)
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(3, 32 * 9),
                torch.nn.Unflatten(1, (32, 3, 3)),
                inner,
                torch.nn.Flatten(),
                torch.nn.Tanh(),
                torch.nn.Linear(32, 1),
            )

    def parameter_groups(self):
        return {"main": (list(self.parameters()), 1.0)}


def run(out, config=EIGHT):
    return Trainer(Wide(), Line(), config, out, {"data": "a line"})


@needs_it
@pytest.mark.parametrize("killed_after", [1, 3, 4, 7])
def test_a_run_in_eight_bits_goes_on_exactly(killed_after, tmp_path):
    one = goes_on_exactly(run, tmp_path, killed_after)
    assert one["optimizer.layers.2.weight.state1"].dtype == torch.uint8
    assert one["optimizer.layers.2.weight.absmax2"].shape == (36,)
    assert one["optimizer.layers.5.weight.state1"].dtype == torch.float32, "a small tensor"


@needs_it
def test_eight_bits_learn_about_as_adamw_does(tmp_path):
    config = replace(EIGHT, steps=60)
    eight, plain = (
        [step.loss for step in run(tmp_path / name, replace(config, optimizer=name)).run()]
        for name in ("adamw8bit", "adamw")
    )
    assert eight[0] == pytest.approx(plain[0], rel=1e-6)
    assert eight[-1] < 0.2 * eight[0]
    assert eight[-1] == pytest.approx(plain[-1], rel=0.5)


@needs_it
@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("state1", lambda t: t.float(), "'state1' of 'layers.2.weight' is of torch.float32"),
        ("absmax1", lambda t: t[1:], "not whole"),
        ("state2", lambda t: t.flatten(), "not whole"),
        ("absmax2", lambda t: t.half(), "is of torch.float16"),
    ],
)
def test_a_state_of_another_kind_is_refused(name, value, match, tmp_path):
    list(run(tmp_path).run())
    path, full = tmp_path / checkpoint.FILE, f"optimizer.layers.2.weight.{name}"
    found, texts = tensors.load_tensors(path)
    tensors.save_tensors(path, {**found, full: value(found[full])}, **texts)
    with pytest.raises(UserError, match=match):
        run(tmp_path)


@needs_it
def test_a_run_does_not_change_its_optimizer(tmp_path):
    list(run(tmp_path).run())
    with pytest.raises(UserError, match=r'training\.optimizer = "adamw8bit", not "adamw"'):
        run(tmp_path, replace(EIGHT, optimizer="adamw"))


def test_without_the_extra_eight_bits_are_refused(tmp_path, monkeypatch):
    for name in ("bitsandbytes", "bitsandbytes.optim"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"adamw8bit' needs .*'genima-lite\[bitsandbytes\]'"):
        run(tmp_path)
    config = paper_sdxl.PaperSdxl().diffusion
    config = replace(config, training=replace(config.training, optimizer="adamw8bit"))
    with pytest.raises(UserError, match="adamw8bit"):  # before anything is made for it
        check_step(tmp_path / "out", config, made=["demos", "held_out"])


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(UserError, match="unknown optimizer 'sgd': choose from adamw, adamw8bit"):
        TrainingConfig(optimizer="sgd")
