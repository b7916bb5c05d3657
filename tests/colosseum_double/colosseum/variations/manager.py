import numpy as np

from pyrep.world import event


class Variation:
    def __init__(self, factor):
        self._kind, self._rng = factor.variation, np.random.default_rng(factor.seed)
        self._enabled = factor.enabled

    def on_init_episode(self):
        if self._enabled:
            event("factor", f"{self._kind} {self._rng.uniform():.6f}")


class VariationsManager:
    def __init__(self, pyrep, factors_config=()):
        self._factors_config, self._variations = factors_config, []

    def on_init_task(self):
        self._variations = [Variation(factor) for factor in self._factors_config]

    def on_init_episode(self):
        for each in self._variations:
            each.on_init_episode()

    def on_step_episode(self):
        pass
