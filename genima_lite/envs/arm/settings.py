"""All that a run on an arm can be told: which backend, how it may move, what its rig is."""

from __future__ import annotations

from dataclasses import dataclass, field

from genima_lite.cameras import RLBENCH, mounts_of
from genima_lite.envs.arm.limits import limits_of
from genima_lite.envs.arm.modes import mode_of
from genima_lite.envs.arm.safety import FilterSettings
from genima_lite.envs.arm.watchdog import Watchdog
from genima_lite.errors import UserError

REPLAY = "replay"
"""The driver that plays recordings."""

DRIVERS = ("twin", "franky", "panda-py", REPLAY)
OPERATORS = ("nobody", "console")


@dataclass(frozen=True)
class TwinSettings:
    """How the twin differs from a perfect simulation.

    Raises:
        UserError: a number out of range.
    """

    latency: float = 0.02
    """Seconds from a command to its effect."""
    lag: float = 0.02
    """Seconds by which joints trail what they are sent: of a first-order follower."""
    image_noise: float = 3.0
    """Standard deviation of each pixel's noise, of 255."""
    camera_lag: float = 0.03
    """Seconds from exposure to picture."""
    real_time: bool = False
    """Let simulated seconds take as long as real ones."""

    def __post_init__(self) -> None:
        for name in ("latency", "lag", "camera_lag"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise UserError(f"{name} is {getattr(self, name)} s; give 0 to 0.5")
        if not 0 <= self.image_noise <= 64:
            raise UserError(f"image_noise is {self.image_noise}; give 0 to 64")


@dataclass(frozen=True)
class ReplaySettings:
    """How recordings are played.

    Raises:
        UserError: a number out of range.
    """

    tolerance: float = 0.1
    """Radians that a command may be off the recorded one; beyond, the playing ends."""

    def __post_init__(self) -> None:
        if not 0 < self.tolerance <= 7:
            raise UserError(f"tolerance is {self.tolerance} rad; give above 0, to 7")


PERFECT = TwinSettings(0.0, 0.0, 0.0, 0.0)
"""A twin without latency, lag and noise."""


@dataclass(frozen=True)
class ArmSettings:
    """A run on an arm.

    Raises:
        UserError: an unknown name, or settings that do not go together.
    """

    driver: str = "twin"
    """twin, franky (FR3), panda-py (FER), or replay, which plays recordings and moves nothing."""
    mode: str = "dry-run"
    """dry-run (the twin rehearses, nothing is sent to a robot), confirm, slow or normal."""
    model: str = "fer"
    """Whose limits hold: fer (Panda) or fr3."""
    address: str = ""
    """Of the robot, for example 172.16.0.2."""
    operator: str = "nobody"
    """Who answers questions: console, or nobody, which only the twin can do without."""
    rig: str = RLBENCH
    """How cameras are mounted: rlbench (three fixed, one on the wrist), or two-on-wrist, as the
    paper's robot, where the second one on the wrist is called right_shoulder."""
    calibration: str | None = None
    """File with the real cameras (`calibration.json`); the twin knows its own."""
    workspace: str | None = None
    """File with box, table and zones to keep out of (`workspace.json`, docs/safety.md); by default
    RLBench's table, and nothing on it."""
    log: str | None = None
    """File to which every command, clip and halt is written, a line each."""
    preview: str | None = None
    """PNG file, written anew before each chunk: the ways of tip and elbow, drawn on what the
    cameras see."""
    ahead: int = 0
    """Rows of a chunk that are still to come when the policy is asked for the next; 0: the arm
    rests meanwhile."""
    think: float | None = None
    """Simulated seconds that the policy takes on the twin; by default those that it took."""
    twin: TwinSettings = field(default_factory=TwinSettings)
    """How the twin differs from a perfect simulation."""
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    """How recordings are played."""
    safety: FilterSettings = field(default_factory=FilterSettings)
    """How careful the filter is."""
    watchdog: Watchdog = field(default_factory=Watchdog)
    """What must be recent."""

    def __post_init__(self) -> None:
        if self.driver not in DRIVERS:
            raise UserError(f"driver is '{self.driver}': choose from {', '.join(DRIVERS)}")
        if self.operator not in OPERATORS:
            raise UserError(f"operator is '{self.operator}': choose from {', '.join(OPERATORS)}")
        limits_of(self.model)
        mounts_of(self.rig)
        mode = mode_of(self.mode)
        if self.preview is not None and not self.preview.lower().endswith(".png"):
            raise UserError(f"preview is '{self.preview}': give a file that ends in .png")
        if self.ahead < 0 or (self.think is not None and not 0 <= self.think <= 60):
            raise UserError("give ahead from 0 rows on, and think from 0 to 60 s")
        wrong = {"franky": "fer", "panda-py": "fr3"}.get(self.driver)
        if self.model == wrong:
            right = {"fer": "fr3", "fr3": "fer"}[self.model]
            raise UserError(f"driver {self.driver} is for the {right}: set model to it")
        if self.driver == "twin" and self.calibration is not None:
            raise UserError("the twin knows its own cameras: leave calibration away")
        if self.driver == REPLAY and (self.mode != "dry-run" or self.ahead):
            raise UserError("driver replay moves nothing: leave mode and ahead away")
        moves = mode.moves and self.driver != "twin"
        if moves and not self.address:
            raise UserError(f"driver {self.driver}: give the robot's address")
        if moves and mode.asks and self.ahead:
            raise UserError(
                "in mode confirm the arm rests while a person looks at a chunk: leave ahead away"
            )
        if (moves or mode.asks) and self.operator == "nobody":
            raise UserError(f"mode {self.mode} with {self.driver}: needs operator console")

    @property
    def on_twin(self) -> bool:
        """Whether the twin moves: it is the driver, or rehearses."""
        return self.driver != REPLAY and (self.driver == "twin" or not mode_of(self.mode).moves)
