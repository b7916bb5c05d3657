"""Two processes that share out the weights of a Stable Diffusion XL (FSDP2); refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

import sharded_training
from launching import launch
from toy_training import CONFIG, Fit

from genima_lite.errors import UserError
from genima_lite.training import checkpoint, sharding, tensors

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_two_processes_with_half_the_weights_each_do_what_one_does(tmp_path):
    code, said = launch("fsdp", "sharded_training.py", str(tmp_path))
    assert code == 0, said
    first, second = (json.loads((tmp_path / f"{n}.json").read_text()) for n in (0, 1))
    assert first["losses"] == second["losses"]
    assert first["cut"] == first["losses"], "a killed run goes on exactly"
    assert first["begun"] == 2
    assert first["held"] + second["held"] == first["all"]
    assert 0.4 < first["held"] / first["all"] < 0.6

    one = sharded_training.trainer(tmp_path / "one")
    np.testing.assert_allclose(first["losses"], [step.loss for step in one.run()], rtol=1e-3)
    paths = [tmp_path / name / checkpoint.FILE for name in ("whole", "cut", "one")]
    whole, cut, single = (tensors.load_tensors(path)[0] for path in paths)
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert {k: v.shape for k, v in whole.items()} == {k: v.shape for k, v in single.items()}
    averages = [name for name in whole if name.startswith("average.")]
    apart = torch.cat([(whole[name] - single[name]).flatten() for name in averages]).abs()
    assert (apart < 2e-3).float().mean() > 0.99, "AdamW magnifies what rounding did to tiny numbers"
    assert sharded_training.trainer(tmp_path / "cut").done, "one process can go on with it"
    (validation,) = first["validations"]
    assert validation["mean"] == pytest.approx(first["mean"], abs=0.5), "the gathered network"


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "take accelerate's FSDP"),
        ({"ACCELERATE_USE_FSDP": "true"}, "set fsdp_version to 2"),
        (
            {
                "ACCELERATE_USE_FSDP": "true",
                "FSDP_VERSION": "2",
                "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
            },
            "efficient_loading to false",
        ),
    ],
)
def test_other_ways_to_share_out_weights_are_refused(environment, match, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=match):
        sharding.shards_weights()


@pytest.mark.parametrize(
    ("processes", "changes", "match"),
    [
        (1, {}, "at least two processes"),
        (2, {"optimizer": "adamw8bit"}, "optimizer adamw"),
        (2, {"precision": "float16"}, "bfloat16 or float32"),
    ],
)
def test_what_does_not_go_with_shared_weights_is_refused(processes, changes, match):
    with pytest.raises(UserError, match=match):
        sharding.check_sharding(replace(CONFIG, **changes), [torch.nn.Linear(1, 1)], processes)


def test_a_network_that_names_no_blocks_is_not_shared_out():
    with pytest.raises(UserError, match="--multi_gpu"):
        sharding.check_sharding(CONFIG, Fit().blocks(), 2)
