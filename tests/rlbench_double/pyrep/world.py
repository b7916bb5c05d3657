"""What the double simulates: joints, fingers, cameras; and what it is told to do wrong."""

import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

HOME = np.array([0.0, 0.1745, 0.0, -0.8727, 0.0, 1.2217, 0.7854])
REACH = 0.08
FINGER = 0.04


class World:
    """One simulated scene; `joints` (7,) rad, `fingers` (2,) m."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.joints, self.target = HOME.copy(), HOME.copy()
        self.velocities = np.zeros(7)
        self.fingers = np.full(2, FINGER)
        self.grasped = []

    def step(self):
        """50 ms: 65 % of a small way to the target, less of a long one."""
        before = self.joints.copy()
        self.joints = before + REACH * np.tanh(0.65 * (self.target - before) / REACH)
        self.velocities = (self.joints - before) / 0.05


_COUNTS = Counter()


def event(name, detail=""):
    """Note an event, and do what is wrong with it, if anything; return the fault's name."""
    if path := os.environ.get("DOUBLE_LOG"):
        with open(path, "a") as file:
            file.write(f"{name} {detail}".strip() + "\n")
    _COUNTS[name] += 1
    if name == "step":
        time.sleep(float(os.environ.get("DOUBLE_SLOW", "0")))
    fault = _fault(name, _COUNTS[name])
    if fault == "crash":
        os._exit(11)
    if fault == "abort":
        sys.stderr.write("no Qt platform plugin could be initialized\n")
        sys.stderr.flush()
        os.abort()
    if fault == "hang":
        time.sleep(3600)
    return fault


def _fault(name, count):
    path = os.environ.get("DOUBLE_FAULTS")
    lines = Path(path).read_text().splitlines() if path and Path(path).exists() else []
    for line in lines:
        what, when, fault = line.split()
        if (what, int(when)) == (name, count):
            Path(path).write_text("\n".join(each for each in lines if each != line))
            return fault
    return None
