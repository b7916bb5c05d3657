"""What is installed only with an extra, and how to say that it is missing."""

from __future__ import annotations

from genima_lite.errors import UserError

ARM = ("ruckig", "cv2")
"""Modules of the extra `arm`: the safety filter and calibration."""

BITSANDBYTES = ("bitsandbytes",)
"""Modules of the extra `bitsandbytes`: an optimizer that needs less memory."""

LEROBOT = ("pyarrow",)
"""Modules of the extra `lerobot`: datasets in its format."""

MODELS = (
    *("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors", "tensorboard"),
)
"""Modules of the extra `models`: the networks, to run as well as to train."""

RAY = ("ray",)
"""Modules of the extra `ray`: work on many machines."""

_EXTRAS = {
    "arm": ARM, "bitsandbytes": BITSANDBYTES, "lerobot": LEROBOT, "models": MODELS, "ray": RAY,
}  # fmt: skip


def missing_extra(what: str, error: ModuleNotFoundError) -> UserError | None:
    """Return the sentence for something that needs an extra; `None` for any other module.

    Args:
        what: needs it, for example "policy 'genima'".
        error: of the import that failed.
    """
    name = (error.name or "").partition(".")[0]
    for extra, modules in _EXTRAS.items():
        if name in modules:
            return UserError(f"{what} needs {name}: pip install 'genima-lite[{extra}]'")
    return None
