"""Temporal ensembling (Zhao et al., 2023): average what several decisions say about one step."""

from __future__ import annotations

import numpy as np


class TemporalEnsemble:
    """Keeps predicted chunks and averages them step by step.

    Weights are exp(-decay i) with i = 0 for the oldest chunk, so 0 is the plain mean. Which chunks
    speak about a step is counted, not read off the numbers: an action that is exactly zero is a
    prediction like any other. (ACT's first release left such ones out.)
    """

    def __init__(self, decay: float = 0.01):
        self._decay = decay
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new episode."""
        self._chunks: list[tuple[int, np.ndarray]] = []
        self._step = 0

    def add(self, actions: np.ndarray) -> None:
        """Add a chunk (K, 8) that starts at the present step."""
        self._chunks.append((self._step, actions))

    def next(self) -> np.ndarray:
        """Return the action (8,) of the present step and go on to the next.

        Raises:
            ValueError: no chunk reaches the present step.
        """
        step = self._step
        self._chunks = [(first, a) for first, a in self._chunks if step - first < len(a)]
        if not self._chunks:
            raise ValueError(f"no prediction for step {step}; add one first")
        rows = np.stack([a[step - first] for first, a in self._chunks])
        weights = np.exp(-self._decay * np.arange(len(rows)))
        self._step += 1
        return weights @ rows / weights.sum()
