"""Other blocks, as long in the direction of the push as the known one, and as high."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import prism, rounded_box
from genima_lite.envs.bench.tasks.slide_block_to_target import HALF, SlideBlockToTarget, pieces

_WIDE = 0.05


class EightSidedBlock(SlideBlockToTarget):
    """A block with eight sides."""

    mjcf = pieces(prism("block", 8, HALF, HALF), 'type="mesh" mesh="block"')


class WideBlock(SlideBlockToTarget):
    """A block that is wider than long."""

    mjcf = pieces(
        rounded_box("block", (HALF, _WIDE, HALF), 0.01), f'type="box" size="{HALF} {_WIDE} {HALF}"'
    )
