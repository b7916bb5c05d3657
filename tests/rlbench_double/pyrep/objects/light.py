import numpy as np

from pyrep.const import ObjectType
from pyrep.objects.object import LOOKS, Object, look


class Light(Object):
    def _get_requested_type(self):
        return ObjectType.LIGHT

    def get_diffuse(self):
        return np.array(LOOKS[self.name][0])

    def set_diffuse(self, diffuse):
        look(self.name, list(diffuse), 0)

    def get_specular(self):
        return np.array(LOOKS[self.name][1])

    def set_specular(self, specular):
        look(self.name, list(specular), 1)
