"""The learning rate over a run: a linear rise, then half a cosine."""

from __future__ import annotations

import math

from genima_lite.training.config import TrainingConfig


def rate(config: TrainingConfig, step: int, time_share: float = 0.0) -> float:
    """Return the learning rate of a step, as a share of the highest.

    In the warm-up of w steps it is (step + 1) / w. Then, with p the progress from 0 at the end of
    the warm-up to 1 at the end of the run and f the final rate,
    f + (1 - f) (1 + cos(pi p)) / 2.

    Args:
        config: of the run.
        step: steps made before this one.
        time_share: share of the time that is up, in [0, 1]. The progress is that of steps or of
            time, whichever is ahead.
    """
    if step < config.warmup:
        return (step + 1) / config.warmup
    passed = (step - config.warmup) / max(config.steps - config.warmup, 1)
    progress = min(max(passed, time_share), 1.0)
    fallen = 0.5 * (1 + math.cos(math.pi * progress))
    return config.final_rate + (1 - config.final_rate) * fallen
