"""The Colosseum's perturbations (Pumacay et al., 2024), where its package is installed.

It has models of its own for twenty tasks, five of them the paper's, and a file of factors for each:
textures, colours, sizes, distractors, friction and others. `colosseum` is its task with nothing
changed, the clean twin of `colosseum_light_color` and all others; what a factor changes, and how
far, is said by that file. Read on the source of March 2025 (098a910); its names are used in the
worker process alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.errors import UserError

CLEAN = "colosseum"


def colosseum_names(task: str) -> list[str]:
    """Return the names of the perturbations that the installed package has for a task, `CLEAN`
    first; none without it. Nothing of it is imported.
    """
    found = find_spec(CLEAN)
    for folder in (found.submodule_search_locations or ()) if found else ():
        file = Path(folder) / "assets/configs" / f"{task}.yaml"
        if file.is_file():  # else it is the other package of that name
            factors = re.findall(r"^ *- variation: *(\w+)", file.read_text(), re.MULTILINE)
            return [CLEAN, *sorted({f"{CLEAN}_{factor}" for factor in factors})]
    return []


def check_colosseum(names: Sequence[str], strength: float) -> None:
    """Refuse The Colosseum's perturbations beside others, or at another strength than its own.

    Raises:
        UserError: the message says what to leave away.
    """
    theirs = [name for name in names if name.split("_")[0] == CLEAN]
    if theirs and len(theirs) < len(names):
        (other, *_) = (name for name in names if name not in theirs)
        raise UserError(f"perturbations {theirs[0]} and {other}: take The Colosseum's or ours")
    if theirs and strength != 1.0:
        raise UserError(f"perturbation {theirs[0]}: The Colosseum has one strength; leave it away")


class Colosseum:
    """Its environment of one task, not launched yet.

    `EnvironmentExt` counts the parameters of RLBench's environment, `self` included: it takes 12 or
    13, and raises `RuntimeError` at today's 15. So its constructor is left out. It also makes an
    arm without the speeds that it was asked for.

    Args:
        task: its name.
        names: see `colosseum_names`.
        action_mode: RLBench's.
        config: RLBench's of observations.
        speeds: rad/s and rad/s^2 of demonstrations.

    Attributes:
        environment: an `EnvironmentExt`.
        task_class: of its task.
    """

    def __init__(
        self,
        task: str,
        names: Sequence[str],
        action_mode: Any,
        config: Any,
        speeds: tuple[float, float],
    ):
        from colosseum import ASSETS_CONFIGS_FOLDER, TASKS_PY_FOLDER, TASKS_TTM_FOLDER
        from colosseum.rlbench.extensions.environment import EnvironmentExt
        from colosseum.rlbench.utils import name_to_class
        from omegaconf import OmegaConf

        velocity, acceleration = speeds
        factors = OmegaConf.load(Path(ASSETS_CONFIGS_FOLDER) / f"{task}.yaml").env
        for number, factor in enumerate(factors["scene"]["factors"]):
            factor.enabled = f"{CLEAN}_{factor.variation}" in names
            factor.seed = number  # some say theirs by an expression that only its tools evaluate

        class Launched(EnvironmentExt):
            def __init__(self) -> None:
                super(EnvironmentExt, self).__init__(  # RLBench's
                    action_mode,
                    obs_config=config,
                    headless=True,
                    arm_max_velocity=velocity,
                    arm_max_acceleration=acceleration,
                )
                self._path_task_ttms, self._use_variations = TASKS_TTM_FOLDER, True
                self._env_config = factors

            def launch(self) -> None:
                super().launch()
                self._robot.arm.max_velocity = velocity
                self._robot.arm.max_acceleration = acceleration

        self.environment: Any = Launched()
        self.task_class = name_to_class(task, TASKS_PY_FOLDER)

    def seed(self, state: tuple[Any, ...]) -> None:
        """Let the next reset's factors follow from a state of NumPy's generator; without, they go
        on from the last episode's.
        """
        seed = zlib.crc32(np.asarray(state[1], np.uint32).tobytes() + bytes([state[2] % 256]))
        # They are made at the first reset, and kept where only the scene finds them.
        for number, factor in enumerate(self.environment._scene._var_manager._variations):
            factor._rng = np.random.default_rng([seed, number])
