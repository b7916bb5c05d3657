"""The error for wrong input."""


class UserError(ValueError):
    """Something in what the user gave is wrong; the message names it and the way out.

    The command line prints such messages without a traceback.
    """
