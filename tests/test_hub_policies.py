"""Policies by their ids on the hub, found in its cache: the library that downloads is the real one,
the network is off."""

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from huggingface_hub import constants

from genima_lite import hub
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.speed import DrawingSpeed
from genima_lite.errors import UserError
from genima_lite.evaluation.command import Evaluation
from genima_lite.evaluation.episode_store import provenance
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.shipped import shipped

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TASK, COMMIT = "push_button", "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def upload(tmp_path, monkeypatch):
    """Put folders into the hub's cache as a download leaves them; no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.download_policy.cache_clear()

    def uploaded(name: str, **folders: Path) -> Path:
        model = tmp_path / f"models--{name.replace('/', '--')}"
        (model / "refs").mkdir(parents=True)
        (model / "refs/main").write_text(COMMIT)
        for place, folder in folders.items():
            at = model / "snapshots" / COMMIT / place.replace("root", ".")
            shutil.copytree(folder, at, dirs_exist_ok=True)
        return model / "snapshots" / COMMIT

    yield uploaded
    hub.download_policy.cache_clear()


@pytest.mark.parametrize("drawing", ["root", "diffusion"])
def test_a_genima_acts_by_its_id(drawing, upload):
    genima = shipped("genima")
    upload("you/it", **{drawing: genima / "diffusion", "controller": genima / "controller"})
    named, here = (PolicyFactory("genima", PolicySettings(p)) for p in (Path("you/it"), None))
    assert named.fingerprint()
    assert named.spec(TASK) == here.spec(TASK)
    decided = []
    for make in (named, here):
        env, policy = make(TASK)
        _, info = env.reset(seed=1001)
        policy.reset(info["instruction"], 1)
        decided.append(policy.act(env.observation).actions)
        env.close()
    np.testing.assert_array_equal(*decided)
    Evaluation("genima", (TASK,), 1, checkpoint=Path("you/it")).check()


def test_a_baseline_by_its_id_and_what_is_not_there(upload):
    place = upload("you/act", root=shipped("act"))
    upload("you/empty")
    assert PolicyFactory("act", PolicySettings(Path("you/act"))).fingerprint()
    (place / "controller.safetensors").unlink()
    for name, said in (
        ("you/gone", "'you/gone' is no folder with a model here, and cannot be had from the hub"),
        ("you/act", "controller.safetensors: no such file"),
    ):
        with pytest.raises(UserError, match=said):
            PolicyFactory("act", PolicySettings(Path(name)))(TASK)


def test_networks_go_to_the_device_that_is_named(monkeypatch):
    wrong = Evaluation("act", (TASK,), 1, device="tpu")
    with pytest.raises(UserError, match="unknown device 'tpu': choose from cpu"):
        wrong.check()
    with pytest.raises(UserError, match="not trained: leave .* device and drawing away"):
        Evaluation("random", (TASK,), 1, device="cuda").check()
    asked = []
    monkeypatch.setattr(
        "genima_lite.policies.controller.check_device", lambda device: asked.append(device)
    )
    env, policy = PolicyFactory("genima", PolicySettings(device="cpu"))(TASK)
    env.close()
    assert asked == ["cpu", "cpu"]
    assert {p.device.type for p in policy.model.parameters()} == {"cpu"}
    assert policy.agent.components.device.type == "cpu"
    said = Evaluation("act", (TASK,), 1, device="cuda").document([], "command")
    assert said["settings"]["device"] == "cuda"


def test_a_policy_that_draws_can_be_told_to_draw_faster(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="'act' draws nothing: leave drawing away"):
        Evaluation("act", (TASK,), 1, drawing=DrawingSpeed(half=True)).check()
    asked, load = [], DiffusionAgent.load
    monkeypatch.setattr(DiffusionAgent, "load", lambda *a: asked.append(a) or load(*a))
    evaluation = Evaluation("genima", (TASK,), 1, drawing=DrawingSpeed(half=True))
    env, policy = evaluation._make(TASK)
    env.close()
    assert asked[0][-1] == evaluation.drawing
    assert policy.agent.components.unet.dtype == torch.float16
    assert evaluation.document([], "command")["settings"]["drawing"]["half"] is True
    known = []
    for number in range(2):
        (tmp_path / "weights").write_text(str(number))
        faster = DrawingSpeed(decoder=str(tmp_path))
        made = PolicyFactory("genima", PolicySettings(drawing=faster))
        known.append(provenance(made, TASK, 0)["settings"])
    usual = provenance(PolicyFactory("genima"), TASK, 0)["settings"]
    assert known[0] != known[1]
    assert "drawing" not in usual
