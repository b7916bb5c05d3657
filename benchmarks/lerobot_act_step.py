"""Time training steps of LeRobot's ACT: `bench_act.py` runs this with LeRobot's own interpreter.

    python lerobot_act_step.py BATCHES.safetensors CONFIG.json

CONFIG.json holds the fields of our `ControllerConfig`. The first line on standard output is JSON
about the policy. Then each number N on standard input is answered by a line of JSON: the seconds
of one step, the mean of N. One thread. Nothing of genima_lite is imported here.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

Batch = dict[str, Tensor]


def declare_missing_operators() -> list[torch.library.Library]:
    """Let torchvision be imported where its compiled half does not load, beside another torch.

    The ResNet needs none of these operators. Keep what is returned as long as torchvision.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return [library]
    return []


def make_policy(config: dict[str, Any]) -> torch.nn.Module:
    """Return LeRobot's ACT of the sizes of our configuration, all else as it comes."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy

    picture = PolicyFeature(type=FeatureType.VISUAL, shape=(3,) + 2 * (config["image_size"],))
    state = PolicyFeature(type=FeatureType.STATE, shape=(8,))
    action = PolicyFeature(type=FeatureType.ACTION, shape=(8,))
    sizes = ACTConfig(
        input_features={
            **{image_key(camera): picture for camera in config["cameras"]},
            "observation.state": state,
        },
        output_features={"action": action},
        vision_backbone="resnet18",
        pretrained_backbone_weights=None,
        chunk_size=config["horizon"],
        n_action_steps=config["horizon"],
        dim_model=config["hidden"],
        n_heads=config["heads"],
        dim_feedforward=config["feedforward"],
        n_encoder_layers=config["encoder_layers"],
        n_decoder_layers=config["decoder_layers"],
        n_vae_encoder_layers=config["encoder_layers"],
        latent_dim=config["latent"],
        dropout=config["dropout"],
        kl_weight=config["kl_weight"],
        device="cpu",
    )
    return ACTPolicy(sizes).train()


def image_key(camera: str) -> str:
    return f"observation.images.{camera}"


def read_batches(path: str, cameras: list[str]) -> list[Batch]:
    """Return the batches under LeRobot's names."""
    tensors = load_file(path)
    return [
        {
            **{image_key(camera): views[:, i].contiguous() for i, camera in enumerate(cameras)},
            "observation.state": state,
            "action": actions,
            "action_is_pad": ~valid,
        }
        for views, state, actions, valid in zip(
            *(tensors[name] for name in ("views", "state", "actions", "valid")), strict=True
        )
    ]


def training_step(policy: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    loss, _ = policy(batch)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()


def main() -> None:
    batches_file, config_file = sys.argv[1:]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with open(config_file, encoding="utf-8") as file:
        config = json.load(file)
    kept = declare_missing_operators()
    import lerobot

    policy = make_policy(config)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-5, weight_decay=1e-4)
    batches = cycle(read_batches(batches_file, config["cameras"]))
    training_step(policy, optimizer, next(batches))
    parameters = sum(p.numel() for p in policy.parameters())
    about = {"lerobot": lerobot.__version__, "torch": torch.__version__, "parameters": parameters}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        begin = time.process_time()
        for _ in range(int(line)):
            training_step(policy, optimizer, next(batches))
        print(json.dumps((time.process_time() - begin) / int(line)), flush=True)
    del kept


if __name__ == "__main__":
    main()
