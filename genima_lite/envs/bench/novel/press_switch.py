"""Other rockers; their faces lie as high as the known one's."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.tasks.press_switch import PressSwitch, switch


class OvalRocker(PressSwitch):
    """A rocker with round ends and a white dot on each, on a grey plate."""

    mjcf = switch(
        rocker="""
          <geom type="box" size="0.022 0.034 0.007" material="rocker" mass="0.02"/>
          <geom type="cylinder" size="0.034 0.007" pos="0.021 0 0" material="rocker" mass="0.015"/>
          <geom type="cylinder" size="0.034 0.007" pos="-0.021 0 0" material="rocker" mass="0.015"/>
          <geom class="visual" type="cylinder" size="0.009 0.0005" pos="0.03 0 0.007"
            material="mark"/>
          <geom class="visual" type="cylinder" size="0.009 0.0005" pos="-0.03 0 0.007"
            material="mark"/>""",
        assets="",
        plate="0.45 0.47 0.5",
    )


class Paddle(PressSwitch):
    """A narrow paddle with a bead across each end, on a black plate."""

    mjcf = switch(
        rocker="""
          <geom type="mesh" mesh="paddle" material="rocker" mass="0.04"/>
          <geom type="capsule" size="0.008" fromto="0.046 -0.022 0.002 0.046 0.022 0.002"
            material="rocker" mass="0.005"/>
          <geom type="capsule" size="0.008" fromto="-0.046 -0.022 0.002 -0.046 0.022 0.002"
            material="rocker" mass="0.005"/>
          <geom class="visual" type="box" size="0.003 0.016 0.0005" pos="0 0 0.007"
            material="mark"/>""",
        assets=rounded_box("paddle", (0.048, 0.02, 0.007), 0.005),
        plate="0.16 0.16 0.18",
    )
