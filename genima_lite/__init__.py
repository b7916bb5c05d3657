"""Genima on a laptop: draw joint targets, follow them, on a bench that speaks RLBench.

Importing the package registers the bench's environments with gymnasium, for example
`gymnasium.make("genima_lite/OpenDrawer-v0")`.
"""

from genima_lite.envs.api import register_environments
from genima_lite.remarks import drop_remarks

__version__ = "0.1.0"

drop_remarks()
register_environments()
