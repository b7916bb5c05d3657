"""Read RLBench's pickles without running what they say.

Unpickling calls whatever functions the file names, so a pickle from a stranger can run any
code. `low_dim_obs.pkl` needs six names only: those are answered here, all others are refused.
RLBench itself need not be installed.
"""

from __future__ import annotations

import _codecs
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from genima_lite.demos.layout import DatasetError
from genima_lite.observation import Demo, Observation

_RECONSTRUCT: Any = np.zeros(1).__reduce__()[0]
_SCALAR: Any = np.float64(0).__reduce__()[0]
_FROMBUFFER: Any = np.zeros(1).__reduce_ex__(5)[0]

_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,  # bytes under protocol 2
}
for _core in ("numpy.core", "numpy._core"):  # written under NumPy 1, under NumPy 2
    _ALLOWED[_core + ".multiarray", "_reconstruct"] = _RECONSTRUCT
    _ALLOWED[_core + ".multiarray", "scalar"] = _SCALAR
    _ALLOWED[_core + ".numeric", "_frombuffer"] = _FROMBUFFER


class _Unpickler(pickle.Unpickler):
    """Answers the allowed names; each file gets classes of its own, so it cannot alter ours."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(file)
        self.path = path
        self.demo_class = type("Demo", (), {})
        self.observation_class = type("Observation", (), {})
        self.answers = _ALLOWED | {
            ("rlbench.demo", "Demo"): self.demo_class,
            ("rlbench.backend.observation", "Observation"): self.observation_class,
        }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.answers:
            raise DatasetError(
                f"{self.path}: refused '{module}.{name}'. A pickle can run any code, so only "
                "RLBench's Demo and Observation and NumPy arrays are loaded. If you trust its "
                "author, ask for the demonstration in RLBench's own format; else delete the file"
            )
        return self.answers[module, name]


def load_demo(path: Path | str) -> Demo:
    """Read a `low_dim_obs.pkl`: states of all T frames, without images.

    Attributes that we do not know are kept; fields that the file lacks are `None`
    (`misc`: an empty dict).

    Raises:
        DatasetError: missing, truncated or no pickle; not a Demo; a name outside the allow-list.
    """
    path = Path(path)
    stored, unpickler = _load(path)
    observations = getattr(stored, "_observations", None)
    if not isinstance(stored, unpickler.demo_class) or not isinstance(observations, list):
        raise DatasetError(f"{path}: holds no RLBench Demo; record this episode again")
    if not all(isinstance(obs, unpickler.observation_class) for obs in observations):
        raise DatasetError(f"{path}: not all frames are Observations; record this episode again")
    demo = Demo()
    vars(demo).update(vars(stored))
    demo._observations = [_observation(vars(obs), path) for obs in observations]
    return demo


def load_descriptions(path: Path | str) -> tuple[list[str] | None, str | None]:
    """Read a `variation_descriptions.pkl`: `(descriptions, None)`, or `(None, problem)`.

    A problem is no error, because demonstrations can be used without instructions; even some of
    RLBench's own files hold something else here.
    """
    try:
        stored, _ = _load(Path(path))
    except DatasetError as error:
        return None, str(error)
    if isinstance(stored, list) and stored and all(isinstance(text, str) for text in stored):
        return stored, None
    return None, f"{path}: should hold a list of strings, holds {type(stored).__name__}"


def _load(path: Path) -> tuple[Any, _Unpickler]:
    try:
        with path.open("rb") as file:
            unpickler = _Unpickler(file, path)
            return unpickler.load(), unpickler
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing file; is the episode complete?") from None
    except Exception as error:  # a broken pickle can raise nearly anything
        raise DatasetError(
            f"{path}: not a readable pickle ({type(error).__name__}: {error}); "
            "copy or record it again"
        ) from error


def _observation(state: Mapping[str, Any], path: Path) -> Observation:
    observation = Observation()
    vars(observation).update(state)
    misc = state.get("misc") or {}
    if not isinstance(misc, dict):
        raise DatasetError(f"{path}: misc is no dict; record this episode again")
    observation.misc = misc
    return observation
