"""Other buttons, as high as the known one."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.tasks.push_button import PushButton, button


class SquareButton(PushButton):
    """A square plunger in a square collar, on a round base."""

    mjcf = button(
        base=lathe(
            "base",
            [
                (0, -0.017),
                (0.062, -0.017),
                (0.064, -0.01),
                (0.064, 0.008),
                (0.055, 0.017),
                (0, 0.017),
            ],
        ),
        collar=rounded_box("collar", (0.036, 0.036, 0.01), 0.004),
        plunger=rounded_box("plunger", (0.025, 0.025, 0.0145), 0.005),
    )


class MushroomButton(PushButton):
    """A wide cap on a stem, as those for emergencies have, on a base with slanting sides."""

    mjcf = button(
        base=lathe(
            "base",
            [(0, -0.017), (0.064, -0.017), (0.05, 0.017), (0, 0.017)],
        ),
        collar=lathe("collar", [(0.0, 0.0), (0.024, 0.0), (0.02, 0.008), (0.0, 0.008)]),
        plunger=lathe(
            "plunger",
            [
                *[(0.0, -0.02), (0.013, -0.02), (0.013, -0.002), (0.034, 0.0), (0.037, 0.004)],
                *[(0.034, 0.009), (0.018, 0.0135), (0, 0.0145)],
            ],
        ),
    )
