"""The errors with a meaning of their own: wrong input, and an episode that cannot be done."""


class UserError(ValueError):
    """Something in what the user gave is wrong; the message names it and the way out.

    The command line prints such messages without a traceback.
    """


class Refusal(ValueError):
    """A policy cannot do this episode, for example because a waypoint is out of reach.

    An evaluation counts such an episode as failed, and names it. No other error is a result.
    """
