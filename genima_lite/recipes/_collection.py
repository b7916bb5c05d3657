"""A step that records demonstrations: everything that `genima-lite collect` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genima_lite.datasets.recovery_starts import NoiseLeads, PolicyLeads
from genima_lite.demos.collect import CollectSettings, MakeLead
from genima_lite.envs.api import BENCH
from genima_lite.errors import UserError
from genima_lite.policies.api import PolicyFactory, PolicySettings

NOISE = "noise"


@dataclass(frozen=True)
class CollectConfig:
    """Everything that a dataset depends on."""

    tasks: tuple[str, ...]
    """Task names."""
    episodes: int = 50
    """Episodes a task, dealt round over its variations."""
    seed: int = 0
    """The same seed gives the same data."""
    image_size: int = 128
    """Pixels along each side of a picture."""
    variations: tuple[int, ...] = ()
    """Which variations; none: all of a task's."""
    recovery: float = 0.0
    """Share of the episodes that start with the arm beside the expert's path, to teach the way
    back (`genima_lite.datasets.recovery_starts`)."""
    recovery_by: str = NOISE
    """What leads the arm there: noise, or a policy such as genima, which decides a few times before
    the expert takes over."""
    checkpoint: str | None = None
    """Folder of that policy; by default the shipped one."""
    backend: str = BENCH
    """Of the environments; see `genima_lite.envs.api.EnvSpec`."""
    perturb: tuple[str, ...] = ()
    """What changes each episode's scene (domain randomisation): light, distractors and others."""
    strength: float = 1.0
    """Of the perturbations, 0 to 1."""
    speed: str = BENCH
    """Of the expert: bench, or rlbench, as Genima's demonstrations in RLBench are."""
    tracking: str = BENCH
    """Of the arm: bench, or rlbench, where it gets two thirds of the way in a step."""
    sentences: str | None = None
    """A JSON file with further sentences, by task a list for each variation."""

    def __post_init__(self) -> None:
        if not self.tasks or self.episodes < 1:
            raise UserError("collect needs at least one task and one episode")
        if self.checkpoint is not None and self.recovery_by == NOISE:
            raise UserError("checkpoint is of a policy that leads the arm: name it in recovery_by")

    @property
    def total(self) -> int:
        """How many episodes there are in all."""
        return len(self.tasks) * self.episodes

    @property
    def settings(self) -> CollectSettings:
        """What all episodes share.

        Raises:
            UserError: no such policy.
        """
        lead: MakeLead | None = NoiseLeads()
        if self.recovery_by != NOISE:
            folder = Path(self.checkpoint) if self.checkpoint else None
            lead = PolicyLeads(PolicyFactory(self.recovery_by, PolicySettings(folder)))
        lead = lead if self.recovery else None
        what = (self.seed, self.image_size, self.variations or None, self.recovery, lead)
        how = (self.speed, self.tracking, self.sentences)
        return CollectSettings(*what, self.backend, self.perturb, self.strength, *how)
