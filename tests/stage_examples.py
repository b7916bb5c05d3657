"""Functions for the stages of tests: other processes import them from here."""

import time


def write(path, text, seconds, report):
    """Write a file after some seconds."""
    report(1, 2)
    time.sleep(seconds)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def fail(report):
    """Fail as a broken stage does."""
    raise RuntimeError("this stage is broken")
