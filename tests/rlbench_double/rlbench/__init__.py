__version__ = "1.2.0"

from rlbench.environment import Environment
from rlbench.observation_config import CameraConfig, ObservationConfig

__all__ = ["CameraConfig", "Environment", "ObservationConfig"]
