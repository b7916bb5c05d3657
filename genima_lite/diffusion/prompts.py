"""The prompt of an instruction, made by one function for training and for evaluation.

The reference code makes its training caption of two strings on two lines, of which the second
is a statement of its own: the caption never held the instruction, while the prompt at evaluation
did. Here there is only one place to go wrong, and a test.
"""

from __future__ import annotations

from collections.abc import Sequence

from genima_lite.errors import UserError

_VIEWS = "tiled perspectives of a robot arm"


def task_prompt(instruction: str) -> str:
    """Return the prompt that asks for the joint targets of an instruction (paper, section 3.1).

    Raises:
        UserError: an empty instruction.
    """
    if not instruction.strip():
        raise UserError("the instruction is empty: say what the robot must do")
    return f"{_VIEWS} executing '{instruction.strip()}'"


def scene_caption(things: Sequence[str]) -> str:
    """Return the caption of a picture without targets, for pre-training.

    Args:
        things: what is on the table, for example `["red cup", "navy cup"]`.
    """
    return ", ".join([_VIEWS, *things])


def grounding_prompt(thing: str) -> str:
    """Return the prompt that asks to paint a thing, such as `red cup`."""
    return f"{_VIEWS}, the {thing}"
