from enum import Enum


class RenderMode(Enum):
    OPENGL = 0
    OPENGL3 = 7


class Verbosity(Enum):
    NONE = "none"


class ObjectType(Enum):
    SHAPE = 0
    DUMMY = 4
    VISION_SENSOR = 9
    LIGHT = 13
