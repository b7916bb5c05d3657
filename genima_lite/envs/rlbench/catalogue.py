"""The paper's 25 RLBench tasks: what is known of them without RLBench."""

from __future__ import annotations

TIME_LIMIT = 200
"""Steps of 50 ms: what Genima's evaluation gives every task (RLBench has no limit)."""

VARIATIONS = {
    "basketball_in_hoop": 1,
    "insert_usb_in_computer": 1,
    "lamp_on": 1,
    "move_hanger": 1,
    "open_box": 1,
    "open_door": 1,
    "open_drawer": 3,
    "open_grill": 1,
    "open_microwave": 1,
    "open_washing_machine": 1,
    "open_window": 1,
    "phone_on_base": 1,
    "pick_up_cup": 20,
    "play_jenga": 1,
    "press_switch": 1,
    "push_button": 18,
    "put_books_on_bookshelf": 3,
    "put_knife_on_chopping_board": 1,
    "put_rubbish_in_bin": 1,
    "scoop_with_spatula": 1,
    "slide_block_to_target": 1,
    "take_lid_off_saucepan": 1,
    "take_plate_off_colored_dish_rack": 3,
    "toilet_seat_up": 1,
    "turn_tap": 2,
}
"""How many variations each has; the paper uses variation 0 alone."""
