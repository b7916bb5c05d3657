import numpy as np

from pyrep.objects.object import LOOKS, Object, look


class Light(Object):
    def get_diffuse(self):
        return np.array(LOOKS[self.name][0])

    def set_diffuse(self, diffuse):
        look(self.name, diffuse, 0)

    def get_specular(self):
        return np.array(LOOKS[self.name][1])

    def set_specular(self, specular):
        look(self.name, specular, 1)
