"""Genima on a laptop: draw joint targets, follow them, on a bench that speaks RLBench.

Importing the package registers the bench's environments with gymnasium, for example
`gymnasium.make("genima_lite/OpenDrawer-v0")`.
"""

import ctypes.util
import os
import sys

if sys.platform == "linux" and not os.environ.get("MUJOCO_GL"):
    # MuJoCo chooses its GL backend when it is imported; without a display only these two work.
    os.environ["MUJOCO_GL"] = "egl" if ctypes.util.find_library("EGL") else "osmesa"

from genima_lite.bench.registration import register_environments  # noqa: E402

__version__ = "0.1.0"

register_environments()
