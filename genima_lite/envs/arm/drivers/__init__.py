"""Drivers of real arms. None of them has run on hardware; their packages load in `connect`."""
