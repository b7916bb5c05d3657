"""Other desk lamps; their buttons are as high as the known one's."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.tasks.lamp_on import LampOn, lamp


class DomeLamp(LampOn):
    """A red lamp with a dome, a round foot and a square button."""

    mjcf = lamp(
        foot=lathe(
            "foot",
            [
                (0, -0.013),
                (0.086, -0.013),
                (0.09, -0.008),
                (0.09, 0.004),
                (0.08, 0.013),
                (0, 0.013),
            ],
        ),
        shade=lathe(
            "shade",
            [
                *[(0.02, -0.075), (0.045, -0.066), (0.062, -0.045), (0.07, -0.015), (0.07, 0.0)],
                *[(0.067, 0.0), (0.067, -0.015), (0.059, -0.044), (0.043, -0.063), (0.02, -0.07)],
            ],
        ),
        button=rounded_box("lamp_button", (0.018, 0.018, 0.0105), 0.004),
        enamel="0.6 0.12 0.1",
    )


class TubeLamp(LampOn):
    """A grey lamp with a shade like a tin, a broad foot and an oblong button."""

    mjcf = lamp(
        foot=rounded_box("foot", (0.085, 0.08, 0.013), 0.006),
        shade=lathe(
            "shade",
            [
                *[(0.02, -0.075), (0.046, -0.075), (0.05, -0.07), (0.05, 0.0)],
                *[(0.047, 0.0), (0.047, -0.069), (0.02, -0.071)],
            ],
        ),
        button=rounded_box("lamp_button", (0.013, 0.025, 0.0105), 0.005),
        enamel="0.5 0.5 0.48",
    )
