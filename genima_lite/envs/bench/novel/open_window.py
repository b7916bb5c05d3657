"""Other windows; their handles are pushed at the same place."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.tasks.open_window import HIGH, LEVER, LOW, WIDTH, OpenWindow, window

_MIDDLE = (LOW + HIGH) / 2


def _upright(share: float) -> str:
    """Return an upright bar of the left sash, at a share of its width."""
    return (
        f'<geom class="visual" type="box" size="0.008 0.006 {(HIGH - LOW) / 2 - 0.014}" '
        f'pos="0 {-share * WIDTH:.4f} {_MIDDLE}" material="sash"/>'
    )


def _slat(height: float) -> str:
    """Return a bar across the left sash at a height in metres."""
    return (
        f'<geom class="visual" type="box" size="0.008 {WIDTH / 2 - 0.014} 0.006" '
        f'pos="0 {-WIDTH / 2} {height}" material="sash"/>'
    )


class PaddleWindow(OpenWindow):
    """A green window in a white frame; the handle is a flat paddle on a disc."""

    mjcf = window(
        lever=f"""
        <geom class="visual" type="cylinder" size="0.022 0.007" euler="0 1.5708 0"
          material="lever"/>
        <geom class="visual" type="box" size="0.005 0.009 {LEVER / 2}" pos="0 0 {LEVER / 2}"
          material="lever"/>
        <geom class="visual" type="cylinder" size="0.016 0.005" pos="0 0 {LEVER}"
          euler="0 1.5708 0" material="lever"/>""",
        more=_upright(0.33) + _upright(0.67),
        frame="0.88 0.87 0.83",
        sash="0.2 0.42 0.3",
    )


class BallWindow(OpenWindow):
    """A blue window with panes in a grey frame; the handle is a round bar that ends in a ball."""

    mjcf = window(
        lever=f"""
        <geom class="visual" type="capsule" size="0.009" fromto="0 0 0 0 0 {LEVER}"
          material="lever"/>
        <geom class="visual" type="sphere" size="0.015" pos="0 0 {LEVER + 0.002}"
          material="lever"/>
        <geom class="visual" type="mesh" mesh="lever" pos="0 0 0" material="lever"/>""",
        assets=rounded_box("lever", (0.012, 0.02, 0.02), 0.006),
        more=_upright(0.5) + _slat(0.16) + _slat(0.365),
        frame="0.35 0.36 0.4",
        sash="0.25 0.4 0.7",
    )
