import numpy as np

from pyrep.const import RenderMode
from pyrep.world import event


_POSES = {}
"""Of the scene's cameras: whoever finds one by its name finds the same."""


class VisionSensor:
    """A camera that sees the arm's first joint as a shade, its own name as another."""

    def __init__(self, name_or_handle):
        self.name, self.size = str(name_or_handle), (128, 128)
        self.world, self._exists, self.matrix = None, True, np.eye(4)
        self.near, self.far, self.angle = 0.01, 3.5, 40.0
        if self.name in _POSES:
            self.matrix = _POSES[self.name]

    @staticmethod
    def create(resolution, explicit_handling=False, perspective_mode=True,
               show_volume_not_detecting=True, show_volume_detecting=True, passive=False,
               use_local_lights=False, show_fog=True, near_clipping_plane=1e-2,
               far_clipping_plane=10.0, view_angle=60.0, ortho_size=1.0, sensor_size=None,
               render_mode=RenderMode.OPENGL3, position=None, orientation=None):  # fmt: skip
        sensor = VisionSensor("made")
        sensor.set_resolution(resolution)
        return sensor

    def handle_explicitly(self):
        pass

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
        return np.full(self.size[::-1], 0.5, np.float32)

    def set_resolution(self, resolution):
        self.size = tuple(resolution)

    def get_resolution(self):
        return list(self.size)

    def set_render_mode(self, render_mode):
        assert isinstance(render_mode, RenderMode)

    def set_explicit_handling(self, value):
        pass

    def set_matrix(self, matrix, relative_to=None):
        self.matrix[...] = matrix

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

    def remove(self):
        self._exists = False

    def still_exists(self):
        return self._exists
