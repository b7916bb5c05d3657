"""A tiny Stable Diffusion XL learns while two processes share its weights.

As a program: `sharded_training.py OUT`, launched with accelerate's FSDP of version 2. It trains
once without a break, in OUT/whole, and once stopped after two steps, in OUT/cut.
"""

import json
import sys
from pathlib import Path

import torch
from paper_models import xl
from tiny_training import PROMPTS, Squares

from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.train import AdapterConfig, Drawing
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer

SIZE = 32
CONFIG = TrainingConfig(
    steps=3,
    batch_size=2,
    micro_batches=2,
    learning_rate=1e-3,
    warmup=0,
    ema=0.9,
    save_every=2,
    validate_every=3,
)
ADAPTER = AdapterConfig("unet-lora", gradient_checkpointing=True)


def drawing():
    """Return the network that learns: a ControlNet, and LoRA in a frozen UNet of bfloat16."""
    components = xl()
    components.unet.to(torch.bfloat16)
    return Drawing(components, PROMPTS, ADAPTER, CONFIG)


def trainer(out):
    trainee, data = drawing(), Squares(SIZE)
    seen = DiffusionAgent(trainee.components)

    def validate():
        drawn = seen.draw_tiled(data.plain[0], PROMPTS[1])
        return {"mean": float(drawn.mean())}, drawn

    return Trainer(trainee, data, CONFIG, out, {"of": "squares"}, validate)


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    whole = trainer(out / "whole")
    losses = [step.loss for step in whole.run()]
    steps = trainer(out / "cut").run()
    cut = [next(steps).loss for _ in range(2)]
    steps.close()
    again = trainer(out / "cut")
    begun = again.step
    cut = cut[:begun] + [step.loss for step in again.run()]
    held = sum(weight.to_local().numel() for weight in whole._weights.values())
    told = {"losses": losses, "cut": cut, "begun": begun, "all": whole.trained, "held": held}
    if whole.is_main:
        fresh = drawing()
        whole.read_into(fresh)
        drawn = DiffusionAgent(fresh.components).draw_tiled(Squares(SIZE).plain[0], PROMPTS[1])
        told |= {"mean": float(drawn.mean()), "validations": whole.validations}
    (out / f"{whole._ours[0]}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
