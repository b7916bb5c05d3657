"""The errors with a meaning of their own: wrong input, an episode that cannot be done, one lost."""


class UserError(ValueError):
    """Something in what the user gave is wrong; the message names it and the way out.

    The command line prints such messages without a traceback.
    """


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
