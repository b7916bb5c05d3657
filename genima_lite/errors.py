"""The errors with a meaning of their own: wrong input, an episode that cannot be done, one lost."""

import re

_WORD, _TEXT = 300, 4000
"""Characters of a word and of a message that are shown; names and texts of files may be longer."""


class UserError(ValueError):
    """Something in what the user gave is wrong; the message names it and the way out.

    The command line prints such messages without a traceback. What is in them from files is
    `shortened`.
    """

    def __init__(self, message: object):
        super().__init__(shortened(str(message)))


def shortened(text: str) -> str:
    """Return text whose words of more than 300 characters, and which itself beyond 4000, lack their
    middle.
    """
    words = re.sub(rf"\S{{{_WORD + 1},}}", lambda word: _without_middle(word[0], _WORD), text)
    return _without_middle(words, _TEXT)


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    kept = (most - 50) // 2
    return f"{text[:kept]}[{len(text) - 2 * kept} characters]{text[-kept:]}"


class NotReady(UserError):
    """Something on this machine is missing, so that no episode at all can run."""


class Refusal(ValueError):
    """A policy cannot do this episode, for example because a waypoint is out of reach.

    An evaluation counts such an episode as failed, and names it. No other error is a result.
    """


class Lost(RuntimeError):
    """A simulator's process died or hangs; the episode says nothing, and may be run again.

    The environment starts another one at the next reset.
    """
