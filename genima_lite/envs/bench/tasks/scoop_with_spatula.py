"""Take a spatula, push its blade under a small cube and lift the cube with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.envs.bench.fingers import angle, downwards, held_at
from genima_lite.envs.bench.recovery import waypoints_ahead
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along
from genima_lite.transforms import inverse, yaw_pose

_CUBE = 0.015
"""metres, half the cube's edge."""

LENGTH, WIDTH, HEEL = 0.09, 0.042, 0.009
"""metres, the blade: from its heel to its lip, half its width, height of its heel."""

_GRIP = (-0.085, 0.0, 0.057)
"""metres, where the handle is taken, in the frame of the spatula (x towards the lip)."""

_BEHIND, _THROUGH, _OVER = 0.05, 0.05, 0.06
"""metres from the lip to the cube before the blade goes under it, beyond the cube after, and how
high the blade is before it goes down behind the cube."""

_TILT = 0.22
"""radians by which the lip is raised when the cube is lifted."""

_HIGH = 0.15
"""metres above the table, the middle of the zone that the cube must reach."""

_SKEW = 0.5
"""radians between spatula and fingers from which on the hand lets go and grasps again."""


SLOPE = np.arctan2(HEEL + 0.001, LENGTH)
"""radians, of the blade's upper face."""


def _holes() -> str:
    """Return three long holes, drawn on the blade."""
    return "".join(
        f'<geom class="visual" type="box" size="0.02 0.0035 0.0004" pos="0.045 {y} 0.0052"'
        f' euler="0 {SLOPE:.5f} 0" material="hole"/>'
        for y in (-0.02, 0.0, 0.02)
    )


def _blade(holes: str) -> str:
    """Return the blade. Its upper face is a slope whose lip, as the sharpest edge, meets the table;
    what slopes touches only the cube, a foot under it only the rest.
    """
    half, thick = LENGTH / 2 / np.cos(SLOPE), 0.003
    x, z = LENGTH / 2 - thick * np.sin(SLOPE), (HEEL - 0.001) / 2 - thick * np.cos(SLOPE)
    return f"""
        <geom class="collision" type="box" size="{half:.5f} {WIDTH} {thick}" mass="0.05"
          pos="{x:.5f} 0 {z:.5f}" euler="0 {SLOPE:.5f} 0" contype="4" conaffinity="4" priority="1"
          friction="0.3 0.005 0.0001"/>
        <geom class="collision" type="box" size="0.03 {WIDTH - 0.004} 0.002" pos="0.03 0 0.002"
          mass="0.15" friction="0.3 0.005 0.0001" contype="2" conaffinity="3"/>
        <geom class="visual" type="mesh" mesh="blade" material="blade"/>
        {holes}"""


_BLADE_MESH = f"""\
<mesh name="blade" vertex="0 {WIDTH} 0.0005 0 -{WIDTH} 0.0005 0 {WIDTH} {HEEL}
        0 -{WIDTH} {HEEL} {LENGTH} {WIDTH - 0.004} 0.0004 {LENGTH} -{WIDTH - 0.004} 0.0004
        {LENGTH - 0.006} {WIDTH} 0.0004 {LENGTH - 0.006} -{WIDTH} 0.0004"/>"""
_HOLES = _holes()
_HANDLE = """\
<geom type="capsule" size="0.006" fromto="0.01 0 0.008 -0.045 0 0.0335" material="metal"
          mass="0.01"/>
        <geom type="capsule" size="0.009" fromto="-0.045 0 0.0335 -0.13 0 0.083"
          material="handle" mass="0.03"/>"""


def spatula(
    blade: str = _BLADE_MESH,
    holes: str = _HOLES,
    handle: str = _HANDLE,
    color: str = "0.16 0.17 0.2",
    grip: str = "0.1 0.45 0.75",
) -> str:
    """Return a spatula and a cube.

    Args:
        blade: a mesh with the sides of the known one; what is felt of the blade stays.
        holes: visual geoms on the blade.
        handle: geoms; the fingers take what is 0.009 metres from y = 0 on both sides of `_GRIP`.
        color, grip: RGB in [0, 1] of the blade and the handle.
    """
    return f"""
    <asset>
      {blade}
      {rounded_box("cube", (_CUBE, _CUBE, _CUBE), 0.002)}
      <material name="blade" rgba="{color} 1" specular="0.5" shininess="0.5"/>
      <material name="hole" rgba="0.7 0.55 0.35 1" specular="0.1"/>
      <material name="handle" rgba="{grip} 1" specular="0.5" shininess="0.6"/>
      <material name="cube" rgba="0.95 0.75 0.05 1" specular="0.4" shininess="0.5"/>
    </asset>
    <worldbody>
      <body name="air" mocap="true">
        <geom name="success" class="zone" type="box" size="0.12 0.12 0.05" pos="0 0 {_HIGH}"/>
      </body>
      <body name="cube">
        <freejoint/>
        <geom class="visual" type="mesh" mesh="cube" material="cube"/>
        <geom class="collision" type="box" size="{_CUBE} {_CUBE} {_CUBE}" mass="0.03"
          contype="6" conaffinity="7" friction="1 0.01 0.001"/>
      </body>
      <body name="spatula">
        <freejoint/>
        {_blade(holes)}
        {handle}
      </body>
    </worldbody>
    """


class ScoopWithSpatula(Task):
    """RLBench's scoop_with_spatula: the cube is in the air and the hand holds the spatula.

    The cube is not graspable: it lies on the blade by its weight and friction alone.
    """

    graspable = ("spatula",)
    named = ("cube",)
    time_limit = 300
    mjcf = spatula()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        base = panda.BASE[:2, 3]
        while True:
            cube, spatula = rng.uniform([0.25, -0.25], [0.45, 0.25], (2, 2))
            far = np.linalg.norm(cube - base) > 0.6 and np.linalg.norm(spatula - base) > 0.5
            if far and np.linalg.norm(cube - spatula) > 0.2:
                break
        away = np.arctan2(*(spatula - base)[::-1])
        scene.place("air", cube[0], cube[1])
        scene.place("cube", cube[0], cube[1], rng.uniform(-np.pi, np.pi), TABLE + _CUBE)
        scene.place("spatula", spatula[0], spatula[1], away + rng.uniform(-0.9, 0.9))

    def instructions(self, variation: int) -> list[str]:
        return [
            "scoop the cube up with the spatula",
            "pick up the yellow cube with the spatula",
            "take the spatula, slide it under the block and lift it",
            "use the spatula to raise the block off the table",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.is_held("spatula") and scene.detects("success", "cube")

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        spatula = scene.pose("spatula")
        grasp = _grip(spatula)
        lifted = grasp.copy()
        lifted[2, 3] += 0.05
        return [
            Waypoint(along(grasp, z=-0.08)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(lifted, straight=True),
            *_scoop(scene, inverse(spatula) @ grasp),
        ]

    def recover(self, scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
        """Move the blade that is in the hand, as it is held, to where the cube lies now."""
        if not scene.is_held("spatula"):
            return waypoints_ahead(scene, first)
        tip = panda.forward_kinematics(scene.robot.joints)[1]
        held = held_at(scene, "spatula")
        if angle(held, inverse(scene.pose("spatula")) @ _grip(scene.pose("spatula"))) > _SKEW:
            return [Waypoint(tip, gripper=1.0), *self.waypoints(scene)]
        if _is_on_blade(scene.pose("spatula"), scene.pose("cube")):
            return [Waypoint(_raised(scene, scene.pose("spatula")) @ held, straight=True)]
        over, behind, through, lift = _scoop(scene, held)
        off = inverse(_behind(scene)) @ tip @ inverse(held)
        x, y, z = off[:3, 3]
        if angle(off, np.eye(4)) < 0.3 and -0.03 < x < 0.1 and abs(y) < 0.025 and abs(z) < 0.02:
            return [through, lift]
        if -0.08 < x < 0.04 and abs(y) < 0.05 and z < _OVER + 0.03:
            return [behind, through, lift]
        if z > _OVER - 0.03:
            return [over, behind, through, lift]
        up = tip.copy()
        up[2, 3] += _OVER - z
        return [Waypoint(up, straight=True), over, behind, through, lift]


def _scoop(scene: Scene, held: np.ndarray) -> list[Waypoint]:
    """Return the waypoints that scoop the cube: above the table, behind the cube, under it, up.

    Args:
        scene: as it stands.
        held: (4, 4) pose of the tip in the frame of the spatula.
    """
    behind = _behind(scene)
    through = along(behind, x=_BEHIND + 2 * _CUBE + _THROUGH)
    return [
        Waypoint(along(behind, z=_OVER) @ held, live=True),
        Waypoint(behind @ held, straight=True, live=True),
        Waypoint(through @ held, straight=True, live=True),
        Waypoint(_raised(scene, through) @ held, straight=True, live=True),
    ]


def _behind(scene: Scene) -> np.ndarray:
    """Return the (4, 4) pose of the spatula on the table before it goes under the cube, square to
    that side of the cube which is nearest to the robot.
    """
    cube = scene.pose("cube")
    x, y = (cube - panda.BASE)[:2, 3]
    away = np.arctan2(y, x)
    edges = cube[:2, np.argsort(np.abs(cube[2, :3]))[:1]].ravel()  # an edge that is level
    yaw = np.arctan2(edges[1], edges[0]) - away
    yaw = away + (yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4
    back = LENGTH + _BEHIND + _CUBE
    position = cube[:2, 3] - back * np.array([np.cos(yaw), np.sin(yaw)])
    return yaw_pose([*position, TABLE], yaw)


def _raised(scene: Scene, spatula: np.ndarray) -> np.ndarray:
    """Return the (4, 4) pose of a spatula high up, its lip raised, the blade's middle in the zone;
    it points where it points now.
    """
    yaw = np.arctan2(spatula[1, 0], spatula[0, 0])
    tilted = yaw_pose(scene.pose("air")[:3, 3] + [0, 0, _HIGH - 0.015], yaw)
    tilted[:3, :3] = tilted[:3, :3] @ Rotation.from_euler("y", -_TILT).as_matrix()
    return along(tilted, x=-0.6 * LENGTH)


def _is_on_blade(spatula: np.ndarray, cube: np.ndarray) -> bool:
    """Return whether the cube lies on the blade with all of its bottom."""
    x, y, z = (inverse(spatula) @ cube)[:3, 3]
    return bool(-0.01 < x < LENGTH - 0.005 and abs(y) < WIDTH and _CUBE - 0.003 < z < 0.06)


def _grip(spatula: np.ndarray) -> np.ndarray:
    """Return the (4, 4) tip pose that takes the handle from above, the lip ahead of the hand."""
    across = np.array([-spatula[1, 0], spatula[0, 0], 0.0]) / np.linalg.norm(spatula[:2, 0])
    return downwards((spatula @ [*_GRIP, 1])[:3], across)
