"""Random pictures of the bench with captions that name what is there, and no target spheres.

They stand in for the internet pictures of Stable Diffusion: the base model learns from them how
the bench looks and which word means what, before any demonstration.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.render import Renderer
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import COLORS
from genima_lite.envs.bench.tasks import load_task
from genima_lite.tiling import TILE_ORDER, tile

_ROOM = ("wood", "wall", "floor")
_CHANGED = (
    *("cam_pos", "cam_quat", "light_diffuse", "light_dir"),
    *("mat_rgba", "mat_texrepeat"),
)
_MOST_THINGS = 6
_POINTED = (1.0, 0.0, 1.0)
_ALIKE = 0.5
"""Distance of two RGB colours, each channel in [0, 1], below which people may take one for the
other."""


Thing = tuple[int, str, np.ndarray]
"""A body's number, its words, such as `red cup`, and its RGB colour (3,) in [0, 1]."""


class RandomScenes:
    """Draws random scenes with one task's pieces.

    Random are the task's own placement and variation, the colours of its pieces, the arm's posture
    and, in seven of ten pictures, tint and grain of table, walls and floor, lights, camera poses.

    Args:
        task: RLBench task name.
        view_size: pixels along each side of a view; a tiled picture is twice as large.
    """

    def __init__(self, task: str, view_size: int):
        self._scene = Scene(load_task(task))
        self._model = self._scene.model
        self._renderer = Renderer(self._model, view_size)
        self._original = {name: getattr(self._model, name).copy() for name in _CHANGED}

    def draw(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return a tiled picture (2H, 2W, 3) uint8, the same without some things, and the words
        that name these things. `rng` is the only source of chance.
        """
        things = self._arrange(rng)
        named = list(dict.fromkeys(words for _, words, _ in things))[:_MOST_THINGS]
        picture = self._picture()
        for body, words, _ in things:
            if words in named:
                self._model.geom_rgba[self._shown_geoms(body), 3] = 0
        return picture, self._picture(), named

    def point(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, str]:
        """Return a picture, the same with one thing painted magenta, and the words that name it.

        The words tell the thing from all others of its kind.
        """
        while not (chosen := _unmistakable(self._arrange(rng))):
            pass
        before = self._picture()
        body, words, _ = chosen[rng.randint(len(chosen))]
        self._model.geom_rgba[self._shown_geoms(body), :3] = _POINTED
        return before, self._picture(), words

    def _arrange(self, rng: np.random.RandomState) -> list[Thing]:
        """Make a new scene and return what is in it."""
        for name, value in self._original.items():
            getattr(self._model, name)[:] = value
        self._scene.reset(int(rng.randint(self._scene.task.variations)), rng)
        things = self._paint_things(rng)
        if rng.rand() < 0.7:
            self._change_room(rng)
            self._move_cameras(rng)
        self._pose_arm(rng)
        mujoco.mj_forward(self._model, self._scene.data)
        return things

    def _picture(self) -> np.ndarray:
        """Return the tiled views of the scene as it is."""
        data = self._scene.data
        with self._renderer.showing(data):
            return tile({camera: self._renderer.rgb(data, camera) for camera in TILE_ORDER})

    def close(self) -> None:
        """Free the GL context."""
        self._renderer.close()

    def _paint_things(self, rng: np.random.RandomState) -> list[Thing]:
        """Recolour half of the task's bodies; return all."""
        things = []
        for body in range(self._model.body("right_finger").id + 1, self._model.nbody):
            shown = self._shown_geoms(body)
            if not shown:
                continue
            if rng.rand() < 0.5:
                color = np.array(COLORS[rng.choice(list(COLORS))])
                shade = np.clip(color + rng.normal(0, 0.03, 3), 0, 1)
                self._model.geom_rgba[shown, :3] = shade
            name = re.sub(r"[\d_]+", " ", self._model.body(body).name).strip()
            color = _shown_color(self._model, shown[0])
            things.append((body, f"{_color_name(color)} {name}", color.copy()))
        return things

    def _shown_geoms(self, body: int) -> list[int]:
        """Return a body's geoms that pictures show."""
        geoms = np.flatnonzero(self._model.geom_bodyid == body)
        return [int(geom) for geom in geoms if self._model.geom_group[geom] < 3]

    def _change_room(self, rng: np.random.RandomState) -> None:
        for name in _ROOM:
            material = self._model.mat(name).id
            self._model.mat_rgba[material, :3] *= rng.uniform(0.5, 1.1, 3)
            self._model.mat_texrepeat[material] = rng.uniform(0.5, 3, 2)
        self._model.light_diffuse *= rng.uniform(0.6, 1.2, (self._model.nlight, 1))
        self._model.light_dir += rng.normal(0, 0.2, (self._model.nlight, 3))

    def _move_cameras(self, rng: np.random.RandomState) -> None:
        """Move every camera by some centimetres and turn it by a degree or two."""
        self._model.cam_pos += rng.normal(0, 0.015, self._model.cam_pos.shape)
        self._model.cam_quat += rng.normal(0, 0.01, self._model.cam_quat.shape)
        self._model.cam_quat /= np.linalg.norm(self._model.cam_quat, axis=1, keepdims=True)

    def _pose_arm(self, rng: np.random.RandomState) -> None:
        """Put the arm in a random posture; it may reach into things, which only looks odd."""
        data = self._scene.data
        joints = panda.HOME + rng.uniform(-1, 1, 7) * [0.7, 0.5, 0.4, 0.7, 0.6, 0.6, 1.2]
        for k, angle in enumerate(np.clip(joints, panda.LOWER, panda.UPPER)):
            data.joint(f"joint{k + 1}").qpos = angle
        opening = panda.FINGER_STROKE * rng.rand()
        data.joint("finger1").qpos = data.joint("finger2").qpos = opening


def _unmistakable(things: list[Thing]) -> list[Thing]:
    """Return the things that differ from all others in name or clearly in colour."""

    def alike(one: Thing, other: Thing) -> bool:
        same_kind = one[1].split()[1:] == other[1].split()[1:]
        return same_kind and float(np.linalg.norm(one[2] - other[2])) < _ALIKE

    return [one for one in things if not any(alike(one, o) for o in things if o is not one)]


def _shown_color(model: Any, geom: int) -> np.ndarray:
    """Return the RGB (3,) in [0, 1] that MuJoCo draws: the geom's own, unless that is MuJoCo's
    default gray and there is a material.
    """
    own, material = model.geom_rgba[geom, :3], model.geom_matid[geom]
    is_default = (own == 0.5).all()
    return model.mat_rgba[material, :3] if is_default and material >= 0 else own


def _color_name(rgb: np.ndarray) -> str:
    """Return the nearest of RLBench's twenty colours."""
    return min(COLORS, key=lambda name: float(np.linalg.norm(rgb - np.array(COLORS[name]))))
