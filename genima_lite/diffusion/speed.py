"""What makes drawing faster, as settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DrawingSpeed:
    """What makes drawing faster; the defaults are good ones for each device."""

    half: bool | None = None
    """Keep networks in float16; by default on a GPU. Pictures differ by a few levels."""
    compile: bool = False
    """Let torch compile a step, with CUDA graphs: one to two minutes before the first picture."""
    decoder: str | None = None
    """Folder of an `AutoencoderTiny` for the base's latents, such as TAESD: decodes ten times as
    fast, a little softer."""

    def is_half(self, device: str) -> bool:
        """Return whether networks are kept in float16 on a device."""
        return device.startswith("cuda") if self.half is None else self.half


USUAL = DrawingSpeed()
"""For who has no wishes."""
