"""What must be recent: pictures, the arm's state, the policy's answer, the chunk in execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genima_lite.errors import UserError


@dataclass(frozen=True)
class Watchdog:
    """Largest ages, seconds; whatever is older makes the arm decelerate and hold.

    Raises:
        UserError: one is not above zero.
    """

    state_age: float = 0.1
    """Of the arm's measured state while it moves."""
    picture_age: float = 0.5
    """Of the oldest picture when the policy is asked."""
    camera_skew: float = 0.1
    """Between the oldest and the newest picture of one observation."""
    policy_deadline: float = 30.0
    """From the pictures to the policy's answer."""
    chunk_expiry: float = 60.0
    """From the pictures to the last row decided on them."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise UserError(f"{name} is {value}; give seconds above 0")

    def state(self, taken: float, now: float) -> str | None:
        """Return what is wrong with the age of a measured state; `None`: nothing."""
        return self._late("the arm's state", now - taken, self.state_age)

    def pictures(self, taken: Mapping[str, float], now: float) -> str | None:
        """Return what is wrong with the times at which pictures were taken, by camera."""
        if not taken:
            return None
        oldest, newest = min(taken, key=lambda k: taken[k]), max(taken, key=lambda k: taken[k])
        skew = self._late(
            f"camera '{oldest}' behind '{newest}'", taken[newest] - taken[oldest], self.camera_skew
        )
        return skew or self._late(
            f"the picture of '{oldest}'", now - taken[oldest], self.picture_age
        )

    def answer(self, observed: float, now: float) -> str | None:
        """Return what is wrong with the time that a policy took since its pictures."""
        return self._late("the policy's answer", now - observed, self.policy_deadline)

    def chunk(self, observed: float, now: float) -> str | None:
        """Return what is wrong with going on with a chunk decided on old pictures."""
        return self._late("the chunk in execution", now - observed, self.chunk_expiry)

    @staticmethod
    def _late(what: str, age: float, allowed: float) -> str | None:
        """Return a sentence where something is too old, or comes from the future."""
        if -0.001 <= age <= allowed:
            return None
        return f"{what} is {age:.3f} s old; {allowed} s are allowed"
