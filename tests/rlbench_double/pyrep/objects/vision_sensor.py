import numpy as np

from pyrep.const import ObjectType, RenderMode
from pyrep.objects.object import TYPES, Object
from pyrep.world import event

_POSES = {}
"""Where cameras are, by name; one whose name ends in `_mask` is carried by the other."""


class VisionSensor(Object):
    """A camera that sees rows as red, columns as green, its own name as blue."""

    def __init__(self, name_or_handle):
        super().__init__(name_or_handle)
        self.size, self.explicit = (128, 128), False
        self.near, self.far, self.angle = 0.01, 3.5, 40.0

    def _get_requested_type(self):
        return ObjectType.VISION_SENSOR

    @property
    def matrix(self):
        return _POSES[self.name]

    @staticmethod
    def put(name, matrix):
        """Let a scene have a camera."""
        TYPES.setdefault(name, ObjectType.VISION_SENSOR)
        _POSES.setdefault(name, matrix.copy())
        return VisionSensor(name)

    @staticmethod
    def create(resolution, explicit_handling=False, perspective_mode=True,
               show_volume_not_detecting=True, show_volume_detecting=True, passive=False,
               use_local_lights=False, show_fog=True, near_clipping_plane=1e-2,
               far_clipping_plane=10.0, view_angle=60.0, ortho_size=1.0, sensor_size=None,
               render_mode=RenderMode.OPENGL3, position=None, orientation=None):  # fmt: skip
        sensor = VisionSensor.put(f"made{len(_POSES)}", np.eye(4))
        sensor.set_resolution(resolution)
        sensor.explicit, sensor.angle = explicit_handling, view_angle
        sensor.near, sensor.far = near_clipping_plane, far_clipping_plane
        return sensor

    def handle_explicitly(self):
        if not self.still_exists():
            raise RuntimeError("The call failed on the V-REP side. Return value: -1")
        if not self.explicit:
            raise RuntimeError("The explicit_handling is disabled.")

    def capture_rgb(self):
        """(H, W, 3) float32 in [0, 1]; red grows downwards, green to the right."""
        event("render", self.name)
        width, height = self.size
        picture = np.zeros((height, width, 3), np.float32)
        picture[..., 0] = np.linspace(0, 1, height)[:, None]
        picture[..., 1] = np.linspace(0, 1, width)
        picture[..., 2] = (sum(map(ord, self.name)) % 97) / 97
        return picture

    def capture_depth(self, in_meters=False):
        event("render", f"{self.name} depth")
        depth = np.full(self.size[::-1], 0.5, np.float32)
        depth[0] = np.float32(1.0 + 2**-21)  # seen live, where nothing is nearer than the far plane
        return depth

    def set_resolution(self, resolution):
        self.size = tuple(resolution)

    def get_resolution(self):
        return list(self.size)

    def set_render_mode(self, render_mode):
        assert isinstance(render_mode, RenderMode)

    def set_explicit_handling(self, value):
        self.explicit = bool(value)

    def set_matrix(self, matrix, relative_to=None):
        if not isinstance(matrix, np.ndarray):
            raise ValueError("Expected Numpy 4x4 array.")
        moved = matrix @ np.linalg.inv(self.matrix)
        for name in (self.name, f"{self.name}_mask"):
            if name in _POSES:
                _POSES[name] = moved @ _POSES[name]
                event("place", f"{name} {np.round(_POSES[name][:3], 6).tolist()}")

    def get_matrix(self, relative_to=None):
        return self.matrix.copy()

    def get_near_clipping_plane(self):
        return self.near

    def get_far_clipping_plane(self):
        return self.far

    def get_intrinsic_matrix(self):
        width, height = self.size
        focal = -width / (2 * np.tan(np.deg2rad(self.angle) / 2))
        return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
