"""SuSIE (Black et al., 2023): a diffusion model draws the views of the target, a controller that
sees them beside the present ones goes there.
"""

from __future__ import annotations

from genima_lite.policies.genima import GenimaPolicy
from genima_lite.targets.horizon import FUTURE


class SusiePolicy(GenimaPolicy):
    """Genima's two folders, trained for another target (recipe `susie`); none is shipped."""

    target = FUTURE
    shipped = "susie"
