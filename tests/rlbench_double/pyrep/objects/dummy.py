from pyrep.const import ObjectType
from pyrep.objects.object import Object


class Dummy(Object):
    def _get_requested_type(self):
        return ObjectType.DUMMY
