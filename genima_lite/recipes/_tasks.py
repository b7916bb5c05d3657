"""The tasks that the shipped agents were trained on."""

from __future__ import annotations

TASKS = (
    "lamp_on",
    "open_drawer",
    "pick_up_cup",
    "play_jenga",
    "press_switch",
    "push_button",
    "slide_block_to_target",
    "take_lid_off_saucepan",
)
"""RLBench's easiest eight."""
