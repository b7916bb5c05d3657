"""Pictures of a scene: colour, depth and masks from named cameras.

A thin layer on MuJoCo's renderer calls. Against `mujoco.Renderer` it updates the scene once for
all cameras, reads depth and mask from one pass, and sets up the mask's colours once a frame
instead of once a picture (`benchmarks/bench_sim.py` measures the gain).
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from genima_lite.envs.bench import gl
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.looks import Looks

_SEGMENT = int(mujoco.mjtRndFlag.mjRND_SEGMENT)
_IDCOLOR = int(mujoco.mjtRndFlag.mjRND_IDCOLOR)
_SHADOW = int(mujoco.mjtRndFlag.mjRND_SHADOW)
_REFLECTION = int(mujoco.mjtRndFlag.mjRND_REFLECTION)


class Renderer:
    """Renders square pictures of `size` pixels of one model, in whichever thread asks.

    Args:
        model: the scene's.
        size: pixels along each side.
        looks: tells which textures are drawn anew; `None` where none is.

    Raises:
        GLError: no GL backend works; the message says what to set or install.
    """

    def __init__(self, model: mujoco.MjModel, size: int, looks: Looks | None = None):
        self._model, self._looks = model, looks
        self._textures_known = len(looks.changed) if looks else 0
        model.vis.global_.offwidth = model.vis.global_.offheight = size
        self._gl = gl.make(size)
        with gl.current(self._gl), gl.explained():
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
            mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._free = weakref.finalize(self, gl.free, self._gl, self._context)
        self._free.atexit = False  # by then the GL display is gone
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._rect = mujoco.MjrRect(0, 0, size, size)
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[3:] = 0
        self._bodies: np.ndarray | None = None
        self._colors = np.empty((size, size, 3), dtype=np.uint8)
        self._depths = np.empty((size, size), dtype=np.float32)

    @contextmanager
    def showing(self, data: mujoco.MjData) -> Iterator[None]:
        """Take over where everything is; `rgb` and `depth_and_mask` work inside.

        Raises:
            GLError: this process was forked from one that has taken pictures.
        """
        with gl.current(self._gl):
            everything = mujoco.mjtCatBit.mjCAT_ALL
            mujoco.mjv_updateScene(
                self._model, data, self._option, None, mujoco.MjvCamera(), everything, self._scene
            )
            self._scene.flags[[_SHADOW, _REFLECTION]] = 0
            self._bodies = None
            self._upload()
            yield

    def _upload(self) -> None:
        """Bring textures that were drawn anew into the GL context."""
        if self._looks is None:
            return
        for texture in dict.fromkeys(self._looks.changed[self._textures_known :]):
            mujoco.mjr_uploadTexture(self._model, self._context, texture)
        self._textures_known = len(self._looks.changed)

    def rgb(self, data: mujoco.MjData, camera: str) -> np.ndarray:
        """Return the colour picture, (H, W, 3) uint8, row 0 on top, contiguous."""
        self._aim(data, camera)
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._colors, None, self._rect, self._context)
        return self._colors[::-1].copy()

    def depth_and_mask(self, data: mujoco.MjData, camera: str) -> tuple[np.ndarray, np.ndarray]:
        """Return depth along the optical axis, (H, W) float32 in metres, and the mask, (H, W)
        int32 MuJoCo body ids, 0 where nothing is. Row 0 is on top; both are contiguous.
        """
        self._aim(data, camera)
        self._scene.flags[[_SEGMENT, _IDCOLOR]] = 1
        mujoco.mjr_render(self._rect, self._scene, self._context)
        self._scene.flags[[_SEGMENT, _IDCOLOR]] = 0
        mujoco.mjr_readPixels(self._colors, self._depths, self._rect, self._context)
        codes = _segments(self._colors[::-1])
        return self._metres(self._depths[::-1].copy()), self._body_of_segment()[codes]

    def _aim(self, data: mujoco.MjData, camera: str) -> None:
        view = mujoco.MjvCamera()
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = self._model.camera(camera).id
        mujoco.mjv_updateCamera(self._model, data, view, self._scene)

    def _metres(self, buffer: np.ndarray) -> np.ndarray:
        """Undo OpenGL's reversed hyperbolic depth: 1 at the near plane, 0 at the far plane."""
        extent = self._model.stat.extent
        near, far = self._model.vis.map.znear * extent, self._model.vis.map.zfar * extent
        return 1 / (np.float32(1 / far) + buffer * np.float32(1 / near - 1 / far))

    def _body_of_segment(self) -> np.ndarray:
        """Return the body id of every segment code of the present scene (0 is background)."""
        if self._bodies is None:
            self._bodies = np.zeros(self._scene.ngeom + 1, dtype=np.int32)
            for geom in self._scene.geoms[: self._scene.ngeom]:
                if geom.objtype == int(mujoco.mjtObj.mjOBJ_GEOM):
                    self._bodies[geom.segid + 1] = self._model.geom_bodyid[geom.objid]
        return self._bodies

    def close(self) -> None:
        """Free the GL context; also happens when nothing refers to the renderer any more."""
        self._free()


def _segments(code: np.ndarray) -> np.ndarray:
    """Return the numbers (H, W) that colours (H, W, 3) stand for, red the lowest byte.

    The highest byte is left out: a scene holds far fewer than 65536 geoms.
    """
    return code[..., 0] + (code[..., 1].astype(np.uint16) << 8)
