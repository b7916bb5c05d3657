"""The baseline: an ACT that sees the pictures as they are, and the instruction."""

from __future__ import annotations

from genima_lite.policies.controller import ControllerPolicy


class ActPolicy(ControllerPolicy):
    """A controller with language, without drawn targets."""

    target = None
    shipped = "act"
