from pyrep.const import ObjectType
from pyrep.objects.object import LOOKS, Object, look


class Shape(Object):
    def _get_requested_type(self):
        return ObjectType.SHAPE

    def get_color(self):
        return list(LOOKS[self.name])

    def set_color(self, color):
        look(self.name, color)
