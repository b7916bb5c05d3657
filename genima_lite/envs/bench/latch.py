"""A latch: a joint that is held where it starts, until a handle has turned far enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene


@dataclass(frozen=True)
class Latch:
    """Holds a joint until a handle opens it for the rest of the episode.

    The simulator's state says whether it is open, so a restored scene has it as it was.

    Attributes:
        joint: name of the joint that it holds.
        handle: name of the joint that opens it.
        opens_at: radians that the handle must have turned.
    """

    joint: str
    handle: str
    opens_at: float

    @property
    def mjcf(self) -> str:
        """The `<equality>` element that belongs in the task's document."""
        return (
            f'<equality><joint name="latch_{self.joint}" joint1="{self.joint}" '
            f'solref="0.005 1" solimp="0.99 0.999 0.001"/></equality>'
        )

    def is_open(self, scene: Scene) -> bool:
        """Return whether the joint is free."""
        return not scene.data.eq_active[self._constraint(scene)]

    def after_step(self, scene: Scene) -> None:
        """Open where the handle has turned far enough; a task's `after_step` calls this."""
        if scene.travel(self.handle) > self.opens_at:
            scene.data.eq_active[self._constraint(scene)] = 0

    def _constraint(self, scene: Scene) -> int:
        return int(scene.model.equality(f"latch_{self.joint}").id)
