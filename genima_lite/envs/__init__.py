"""Environments: what anybody may ask of a robot, and the bench that answers."""
