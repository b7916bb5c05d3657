import numpy as np

from pyrep.const import ObjectType
from pyrep.errors import ObjectAlreadyRemovedError, WrongObjectTypeError
from pyrep.world import event

LOOKS = {
    "Wall1": [0.8, 0.8, 0.8], "Wall2": [0.8, 0.8, 0.8], "Wall3": [0.8, 0.8, 0.8],
    "Wall4": [0.8, 0.8, 0.8], "diningTable_visible": [0.6, 0.4, 0.2], "piece": [0.3, 0.3, 0.3],
    "painted": [0.3, 0.3, 0.3],
    **{f"DefaultLight{letter}": [[0.5, 0.5, 0.5], [0.4, 0.4, 0.4]] for letter in "ABCD"},
}  # fmt: skip
"""Colours of shapes; diffuse and specular light of lamps."""

TYPES = {name: ObjectType.LIGHT if "Light" in name else ObjectType.SHAPE for name in LOOKS}
"""What is in the scene."""


class Object:
    def __init__(self, name_or_handle):
        self.name = str(name_or_handle)
        if self.name not in TYPES:
            raise RuntimeError(f"Handle {self.name} does not exist.")
        wanted, actual = self._get_requested_type(), TYPES[self.name]
        if actual != wanted:
            raise WrongObjectTypeError(
                f"You requested object of type {wanted.name}, but the actual type was {actual.name}"
            )

    def _get_requested_type(self):
        raise NotImplementedError("Must be overridden.")

    @staticmethod
    def exists(name):
        return name in TYPES

    def get_name(self):
        return self.name

    def still_exists(self):
        return self.name in TYPES

    def remove(self):
        if TYPES.pop(self.name, None) is None:
            raise ObjectAlreadyRemovedError("The object/model was already deleted.")

    def get_objects_in_tree(self, *args, **kwargs):
        from pyrep.objects.shape import Shape

        return [Shape("piece"), Shape("painted")]


def look(name, value, which=None):
    """Change a look, and say so; CoppeliaSim keeps single precision."""
    if not isinstance(value, list):
        raise TypeError("initializer for ctype 'float *' must be a list")
    event("paint", f"{name} {[round(float(each), 6) for each in value]}")
    value = np.float32(value).tolist()
    if which is None:
        LOOKS[name] = value
    else:
        LOOKS[name][which] = value
