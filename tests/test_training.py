"""The training loop: formulas, exact resume, processes that share the work, refusals."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from launching import launch
from toy_training import CONFIG, Fit, Line, goes_on_exactly, trainer

from genima_lite.errors import UserError
from genima_lite.training import checkpoint, tensors
from genima_lite.training.batches import MicroBatches, load
from genima_lite.training.config import TrainingConfig
from genima_lite.training.curves import curve
from genima_lite.training.devices import Ahead
from genima_lite.training.ema import Average
from genima_lite.training.loop import Trainer
from genima_lite.training.schedule import rate

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def losses_of(out, config=CONFIG, **more):
    return [step.loss for step in trainer(out, config, **more).run()]


def test_the_rate_rises_and_falls_as_the_formula_says():
    config = TrainingConfig(steps=30, warmup=10, final_rate=0.1)
    assert [rate(config, step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert rate(config, 10) == 1.0
    assert rate(config, 20) == pytest.approx(0.55)
    assert rate(config, 15) == pytest.approx(0.1 + 0.9 * np.cos(np.pi / 8) ** 2)
    assert rate(config, 30) == pytest.approx(0.1)
    assert rate(TrainingConfig(steps=8, warmup=0), 4) == pytest.approx(0.5)
    assert rate(config, 12, time_share=0.5) == pytest.approx(0.55)
    assert rate(config, 20, time_share=0.2) == pytest.approx(0.55), "steps are ahead"


def test_the_average_follows_quickly_at_first_and_then_with_its_decay():
    weight = torch.nn.Parameter(torch.tensor([0.0]))
    average, expected = Average({"w": weight}, 0.5), 0.0
    for step in range(20):
        with torch.no_grad():
            weight.fill_(step + 1.0)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * (step + 1)
    assert average.tensors["w"].item() == pytest.approx(expected, rel=1e-5)
    with average.in_use():
        assert weight.item() == pytest.approx(expected, rel=1e-5)
    assert weight.item() == 20


def test_a_step_is_adamw_on_the_mean_of_all_micro_batches(tmp_path):
    config = replace(CONFIG, gradient_norm=1e9, learning_rate=1e-2)
    made = trainer(tmp_path, config)
    (first,) = [next(made.run())]
    own, micro = Fit(), MicroBatches(Line(), config)
    parts = [own(micro[m], micro.noise(0, m, torch.device("cpu")))[0] for m in range(2)]
    loss = sum(parts) / 2
    loss.backward()
    groups = [
        {"params": parameters, "lr": 0.5 * 1e-2 * factor}  # the first of two steps of warm-up
        for parameters, factor in own.parameter_groups().values()
    ]
    torch.optim.AdamW(groups, weight_decay=config.weight_decay).step()
    assert first.loss == pytest.approx(loss.item(), rel=1e-6)
    for one, other in zip(made.trainee.parameters(), own.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("killed_after", range(1, 8))
def test_a_run_killed_at_any_step_goes_on_exactly(killed_after, tmp_path):
    held = goes_on_exactly(trainer, tmp_path, killed_after)
    assert {name.split(".")[0] for name in held} == {"weights", "average", "optimizer"}
    assert losses_of(tmp_path / "killed") == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_on_a_gpu_a_killed_run_goes_on_exactly(precision, tmp_path):
    config = replace(CONFIG, precision=precision)
    goes_on_exactly(lambda out: trainer(out, config, device="cuda"), tmp_path, 4)
    assert torch.cuda.max_memory_allocated() > 0


@pytest.mark.parametrize(("device", "ahead"), [("cpu", 0), ("meta", 1)])
def test_the_next_batch_is_made_while_a_device_computes(device, ahead):
    made = []

    def batches():
        for number in range(3):
            made.append(number)
            yield torch.full((2,), number)

    coming = Ahead(batches(), torch.device(device))
    for number in range(3):
        taken = coming.take()
        assert taken.device.type == device
        assert device == "meta" or taken.tolist() == [number] * 2
        for _ in range(2):  # one is enough
            coming.fetch()
        assert len(made) == min(3, number + 1 + ahead)
    with pytest.raises(StopIteration):
        coming.take()


def test_time_can_run_out_and_the_run_goes_on_later(tmp_path):
    made = trainer(tmp_path)
    assert list(made.run(max_minutes=0)) == []
    assert not made.done
    assert len(losses_of(tmp_path)) == 8


def test_a_run_can_be_shortened(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("genima_lite.training.loop.time.monotonic", lambda: now[0])
    config = replace(CONFIG, shorten=True, warmup=0)
    made = trainer(tmp_path, config, validate=lambda: ({"one": 1.0}, None))
    rates = []
    for _ in made.run(max_minutes=1):
        rates.append(made._optimizer.param_groups[0]["lr"] / config.learning_rate)
        now[0] += 15.0
    shares = [0.0, 0.25, 0.5, 0.75]  # ahead of the steps, of which there could be 8
    assert rates == pytest.approx([0.5 + 0.5 * np.cos(np.pi * share) for share in shares])
    assert made.done
    assert [seen["step"] for seen in made.validations] == [4]
    assert trainer(tmp_path, config).done
    assert losses_of(tmp_path, config) == []


def test_validation_sees_the_averages_and_changes_nothing(tmp_path):
    plain = losses_of(tmp_path / "plain")
    seen = []

    def validate():
        seen.append([p.detach().clone() for p in made.trainee.parameters()])
        assert not made.trainee.training
        torch.rand(3)
        return {"one": 1.0}, np.zeros((4, 6, 3), np.uint8)

    config = replace(CONFIG, validate_every=4)
    made = trainer(tmp_path / "seen", config, validate=validate)
    assert [step.loss for step in made.run()] == plain
    assert [each["step"] for each in made.validations] == [4, 8]
    made.use_average()
    for one, other in zip(made.trainee.parameters(), seen[-1], strict=True):
        assert torch.equal(one, other)
    assert curve(tmp_path / "seen/logs", "validation/one")[1] == [1.0, 1.0]


def test_curves_of_a_killed_run_show_no_step_twice(tmp_path):
    run = trainer(tmp_path).run()
    for _ in range(5):
        next(run)
    run.close()
    again = losses_of(tmp_path)
    values = curve(tmp_path / "logs", "train/loss")[1]
    assert len(values) == 8
    assert values[3:] == pytest.approx(again, rel=1e-6)


def test_a_folder_can_be_removed_while_a_run_is_open(tmp_path):
    out = tmp_path / "run"
    run = trainer(out, replace(CONFIG, save_every=1)).run()
    next(run)
    shutil.rmtree(out)
    assert not out.exists()


def test_other_things_are_refused_by_name(tmp_path):
    losses_of(tmp_path)
    with pytest.raises(UserError, match=r"training\.batch_size = 12, not 24"):
        trainer(tmp_path, replace(CONFIG, batch_size=24))
    with pytest.raises(UserError, match='data = "a line", not "a circle"'):
        Trainer(Fit(), Line(), CONFIG, tmp_path, {"data": "a circle"})
    larger = Fit()
    larger.layers[2] = torch.nn.Linear(8, 2)
    with pytest.raises(UserError, match=r"another model: 'layers.2.weight' is \[1, 8\]"):
        Trainer(larger, Line(), CONFIG, tmp_path, {"data": "a line"})
    (tmp_path / checkpoint.FILE).write_bytes(b"no tensors")
    with pytest.raises(UserError, match="not readable"):
        trainer(tmp_path)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    made = trainer(tmp_path)
    list(made.run())
    before = (tmp_path / checkpoint.FILE).read_bytes()

    def broken(tensors, path, metadata):
        path.write_bytes(b"half a file")
        raise OSError("disk full")

    monkeypatch.setattr(tensors, "save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        made.save()
    assert (tmp_path / checkpoint.FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [checkpoint.FILE]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"seed": 10**30}, "below 2"),
        ({"batch_size": 10**9}, "batch_size is 1000000000"),
        ({"micro_batches": 5}, "equal micro_batches"),
        ({"ema": 1.0}, "ema"),
        ({"warmup": -1}, "warmup"),
        ({"gradient_norm": 0.0}, "gradient_norm"),
        ({"final_rate": 2.0}, "final_rate"),
        ({"precision": "int8"}, "choose from float32, bfloat16"),
    ],
)
def test_impossible_configurations_are_refused(change, match):
    with pytest.raises(UserError, match=match):
        replace(CONFIG, **change)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"workers": -1}, "workers is -1"),
        ({"device": "abacus"}, "unknown device 'abacus'"),
        ({"device": "cuda:1"}, "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_impossible_machines_are_refused(more, match, tmp_path):
    with pytest.raises(UserError, match=match):
        trainer(tmp_path, **more)


def test_batches_are_the_same_with_any_number_of_workers_and_processes():
    whole = list(load(MicroBatches(Line(), CONFIG), 0))
    made_ahead = list(load(MicroBatches(Line(), CONFIG), 2))
    assert len(whole) == 16
    assert all(torch.equal(a.x, b.x) for a, b in zip(whole, made_ahead, strict=True))
    shared = [list(load(MicroBatches(Line(), CONFIG, 3, p, 2), 0)) for p in range(2)]
    assert all(torch.equal(a.x, b.x) for a, b in zip(whole[6::2], shared[0], strict=True))
    assert all(torch.equal(a.x, b.x) for a, b in zip(whole[7::2], shared[1], strict=True))
    expected = Line().batch(np.random.default_rng([3, 4, 1]), 6)
    assert torch.equal(whole[9].x, expected.x)


def test_losses_are_scaled_in_float16_and_steps_that_overflow_are_left_out(tmp_path):
    config = replace(CONFIG, precision="float16")
    made = trainer(tmp_path, config)
    before = [weight.detach().clone() for weight in made._weights.values()]
    made._scaler.load_state_dict({**made._scaler.state_dict(), "scale": 2.0**40})
    steps = made.run()
    next(steps)
    for weight, old in zip(made._weights.values(), before, strict=True):
        assert torch.equal(weight, old), "its gradients were infinite"
    assert made._scaler.get_scale() == 2.0**39
    made._scaler.load_state_dict({**made._scaler.state_dict(), "scale": 2.0**8})
    list(steps)
    assert {weight.dtype for weight in made._weights.values()} == {torch.float32}
    saved, _ = checkpoint.load(tmp_path / checkpoint.FILE, made._made_from)
    assert (saved.loss_scale, saved.steady) == (2.0**8, 7)


def test_a_run_in_float16_goes_on_exactly(tmp_path):
    config = replace(CONFIG, precision="float16")
    whole = [step.loss for step in trainer(tmp_path / "whole", config).run()]
    first = trainer(tmp_path / "cut", config)
    steps = first.run()
    found = [next(steps).loss for _ in range(3)]
    steps.close()
    again = trainer(tmp_path / "cut", config)
    assert again.step == 3
    assert again._scaler.state_dict()["_growth_tracker"] == 3
    assert found + [step.loss for step in again.run()] == whole
    np.testing.assert_allclose(whole, losses_of(tmp_path / "single"), rtol=0.02)


def test_half_precision_computes_alike_and_keeps_weights_in_single(tmp_path):
    single = trainer(tmp_path / "single")
    half = trainer(tmp_path / "half", replace(CONFIG, precision="bfloat16"))
    one, other = ([step.loss for step in each.run()] for each in (single, half))
    assert one != other
    np.testing.assert_allclose(other, one, rtol=0.05)
    assert {p.dtype for p in half.trainee.parameters()} == {torch.float32}


@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_two_processes_do_what_one_does(launcher, tmp_path):
    whole = trainer(tmp_path / "one")
    losses = [step.loss for step in whole.run()]
    code, said = launch(launcher, "toy_training.py", str(tmp_path / "two"))
    assert code == 0, said
    processes, found = json.loads((tmp_path / "two/losses.json").read_text())
    assert processes == 2
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    again = trainer(tmp_path / "two")  # one process can go on where two ended
    assert again.done
    for one, other in zip(whole.trainee.parameters(), again.trainee.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_processes_that_cannot_share_evenly_are_refused(tmp_path):
    code, said = launch("torchrun", "toy_training.py", str(tmp_path), "1")
    assert code != 0
    assert "2 processes cannot share 1 micro_batches evenly" in said


class Spoiled(Line):
    """Points of which those of some step are not finite."""

    def __init__(self, step, value):
        self._seen, self._step, self._value = 0, step, value

    def batch(self, rng, size):
        points = super().batch(rng, size)
        if self._seen // CONFIG.micro_batches == self._step:
            points.x[0, 0] = self._value
        self._seen += 1
        return points


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(("step", "kept"), [(0, None), (1, None), (4, 3), (7, 6)])
def test_training_stops_at_the_first_loss_that_is_not_finite(step, kept, value, tmp_path):
    made = trainer(tmp_path, data=Spoiled(step, value))
    match = f"stopped at step {step + 1}, (loss|gradient) is nan.*learning_rate.*inspect"
    with pytest.raises(UserError, match=match) as refused:
        list(made.run())
    assert ("nothing is kept" in str(refused.value)) == (kept is None)
    if kept is None:
        assert not (tmp_path / checkpoint.FILE).exists()
        return
    again = trainer(tmp_path)
    assert again.step == kept
    whole = losses_of(tmp_path / "whole")
    assert [step.loss for step in again.run()] == whole[kept:]


def test_training_stops_where_steps_are_too_long(tmp_path):
    config = replace(CONFIG, learning_rate=1e38, warmup=0, save_every=1)
    with pytest.raises(UserError, match="is (nan|inf)"):
        losses_of(tmp_path, config)
    assert not (tmp_path / checkpoint.FILE).exists() or all(
        tensor.isfinite().all()
        for tensor in tensors.load_tensors(tmp_path / checkpoint.FILE)[0].values()
    )


def test_a_checkpoint_that_is_not_finite_is_never_written(tmp_path):
    made = trainer(tmp_path)
    list(made.run())
    before = (tmp_path / checkpoint.FILE).read_bytes()
    with torch.no_grad():
        next(made.trainee.parameters())[0, 0] = float("nan")
    with pytest.raises(UserError, match="'weights.layers.0.weight' is not finite"):
        made.save()
    assert (tmp_path / checkpoint.FILE).read_bytes() == before


def test_a_validation_without_a_number_is_null(tmp_path):
    made = trainer(tmp_path, validate=lambda: ({"one": float("nan"), "two": 1.0}, None))
    list(made.run())
    (seen,) = trainer(tmp_path).validations
    assert (seen["one"], seen["two"], seen["step"]) == (None, 1.0, 8)


def damaged(path, alter=lambda tensors: None, **said):
    """Write a checkpoint again with other tensors, or with other values in its text."""
    found, texts = tensors.load_tensors(path)
    alter(found)
    text = {**json.loads(texts["training"]), **said}
    tensors.save_tensors(path, found, training=json.dumps(text))


def without(kind):
    def alter(found):
        for name in [name for name in found if name.startswith(kind)]:
            del found[name]

    return alter


@pytest.mark.parametrize(
    ("alter", "match"),
    [
        (without("optimizer"), "tensors instead of"),
        (without("optimizer.layers.0.bias.exp_avg_sq"), "tensors instead of"),
        (without("average"), "tensors instead of"),
        (lambda t: t.update({"weights.layers.0.bias": torch.zeros(8, dtype=torch.int64)}), "int64"),
        (lambda t: t.update({"optimizer.layers.0.bias.exp_avg": torch.zeros(3)}), "not whole"),
        (lambda t: t.update({"optimizer.layers.0.bias.step": torch.tensor(1)}), "is of .*int64"),
        (lambda t: t.update({"weights.layers.0.bias": torch.full((8,), torch.nan)}), "not finite"),
    ],
)
def test_tensors_that_are_missing_or_wrong_are_refused(alter, match, tmp_path):
    losses_of(tmp_path)
    damaged(tmp_path / checkpoint.FILE, alter)
    with pytest.raises(UserError, match=match):
        trainer(tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        {"step": "3"},
        {"step": -1},
        {"step": 9},
        {"step": 2.5},
        {"seconds": None},
        {"finished": "no"},
        {"validations": {}},
        {"validations": [1]},
        {"made_from": []},
        {"tensors": None},
        {"extra": 1},
    ],
)
def test_a_text_that_says_nonsense_is_refused(said, tmp_path):
    losses_of(tmp_path)
    damaged(tmp_path / checkpoint.FILE, **said)
    with pytest.raises(UserError, match=r"training\.safetensors"):
        trainer(tmp_path)


def test_memory_is_logged(tmp_path):
    losses_of(tmp_path)
    _, gibibytes = curve(tmp_path / "logs", "train/memory_gib")
    assert all(0.01 < each < 100 for each in gibibytes)


def test_the_last_checkpoints_are_kept_and_one_can_go_back(tmp_path):
    config = replace(CONFIG, save_every=1, keep=2)
    whole = losses_of(tmp_path, config)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    last = CONFIG.steps
    assert kept == [f"{step:09d}.safetensors" for step in (last - 1, last)]
    shutil.copy(tmp_path / "checkpoints" / kept[0], tmp_path / "training.safetensors")
    assert losses_of(tmp_path, config) == whole[-1:]


def test_trackers_of_accelerate_are_told_the_same(tmp_path):
    losses_of(tmp_path, replace(CONFIG, trackers=("tensorboard",)))
    (folder,) = (tmp_path / "trackers").iterdir()
    _, found = curve(folder, "train/loss")
    _, wanted = curve(tmp_path / "logs", "train/loss")
    assert found == wanted
    with pytest.raises(UserError, match="tracker 'no such' is not installed"):
        trainer(tmp_path / "other", replace(CONFIG, trackers=("no such",)))
