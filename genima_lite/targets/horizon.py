"""Which future frame is drawn: the joint targets of frame t are those of frame t + K."""

from __future__ import annotations

HORIZON = 20
"""K, the steps from a frame to its target: one second at 20 Hz (paper, section 3.1)."""


def target_frame(frame: int, length: int, horizon: int = HORIZON) -> int:
    """Return the frame whose joints are the target of `frame`: `min(frame + horizon, length - 1)`.

    Near the end of an episode the target stays at the last frame, so the last `horizon` frames
    all say "go there and stay", and every frame has a target.

    Deviation: the reference code stops at the last frame but one. With K = 20 it takes
    `min(frame + 20, length - 2)`, draws nothing on frame `length - 2` and never uses the last
    frame as a target. But the last frame is where a task ends: a gripper that opens or closes
    at the very end shows only there, since gripper motion takes no frames of its own.

    Args:
        frame: t, from 0 to `length - 1`.
        length: T, the number of frames in the episode.
        horizon: K, at least 1.

    Raises:
        ValueError: a frame outside the episode, or a horizon below 1.
    """
    if not 0 <= frame < length:
        raise ValueError(f"no frame {frame} in an episode of {length} frames")
    if horizon < 1:
        raise ValueError(f"a target lies at least one frame ahead, not {horizon}")
    return min(frame + horizon, length - 1)
