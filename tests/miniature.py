"""Recipes at miniature scale: one task, a tiny base model, a few steps."""

from dataclasses import fields, is_dataclass, replace

from genima_lite.diffusion.base import BaseConfig, preset
from genima_lite.recipes.api import scaled

TASK = "push_button"


def miniature(config, scale=0.0004):
    """Return a recipe with all its steps, but little of everything."""
    return _small(scaled(config, scale))


def _small(config):
    if isinstance(config, BaseConfig):
        return preset("tiny", config.picture_size)
    changed = {}
    for field in fields(config):
        if not field.init:
            continue  # it follows from others
        value = getattr(config, field.name)
        if field.name == "tasks" and value:
            value = (TASK,)
        elif field.name == "batch_size":
            value = 4
        elif is_dataclass(value):
            value = _small(value)
        changed[field.name] = value
    return replace(config, **changed)
