"""Put the receiver of an old telephone back on its base."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, rounded_hull
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along, top_down

_REST = 0.043
"""metres from the receiver's lowest point to the middle of its grip."""

_CRADLE = np.array([0.024, 0.0, 0.079])
"""metres, where the middle of the grip lies on the base."""

_APART = 0.2
"""metres between base and receiver, at least."""

_EAR = [(0.0, 0.0), (0.026, 0.0), (0.027, 0.006), (0.019, 0.03), (0.012, 0.037), (0.0, 0.039)]
_BODY = [
    *[(x, y, 0.006) for x in (-0.07, 0.054) for y in (-0.058, 0.058)],
    *[(x, y, 0.048) for x in (0.002, 0.044) for y in (-0.036, 0.036)],
]


def _fork(side: int) -> str:
    """Return one of the two forks that carry the receiver: it is wider above than below."""
    x, y, z = _CRADLE[0], 0.036 * side, _CRADLE[2]
    arms = "".join(
        f'<geom type="capsule" size="0.004" material="steel" fromto="{x + way * 0.014:.4f} {y} '
        f'{z - 0.016:.4f} {x + way * 0.03:.4f} {y} {z + 0.018:.4f}"/>'
        for way in (-1, 1)
    )
    return f"""{arms}
        <geom type="box" size="0.014 0.005 0.008" pos="{x} {y} {z - 0.021:.4f}"
          material="steel"/>"""


def _dial() -> str:
    """Return the dial in the frame of its middle: a white disc with ten finger holes."""
    turn = np.linspace(0.2, 1.75 * np.pi, 10)
    holes = "".join(
        f'<geom class="visual" type="cylinder" size="0.0048 0.0006" material="dark" '
        f'pos="{0.0225 * np.cos(a):.5f} {0.0225 * np.sin(a):.5f} 0.0065"/>'
        for a in turn
    )
    return f"""
        <geom class="visual" type="cylinder" size="0.031 0.003" pos="0 0 0.0035" material="ivory"/>
        <geom class="visual" type="cylinder" size="0.012 0.001" pos="0 0 0.0065" material="steel"/>
        {holes}"""


_BASE = rounded_hull("phone_base", _BODY, 0.006)
_DIAL = _dial()
_EAR_MESH = lathe("ear", _EAR)


def telephone(
    body: str = _BASE,
    dial: str = _DIAL,
    ear: str = _EAR_MESH,
    shell: str = "0.72 0.05 0.06",
) -> str:
    """Return a telephone: its base, and its receiver beside it.

    Args:
        body: a mesh `phone_base` that ends below the forks.
        dial: visual geoms in the frame of the dial's middle, which lies on the slope.
        ear: a mesh from z = 0 to where the receiver's tube is, about 0.039 metres higher.
        shell: RGB in [0, 1].
    """
    return f"""
    <asset>
      {body}
      {ear}
      <material name="phone" rgba="{shell} 1" specular="0.7" shininess="0.8"/>
      <material name="ivory" rgba="0.95 0.93 0.86 1" specular="0.5" shininess="0.6"/>
      <material name="steel" rgba="0.55 0.56 0.59 1" specular="0.8" shininess="0.6"/>
    </asset>
    <worldbody>
      <body name="base" mocap="true">
        <geom type="mesh" mesh="phone_base" material="phone"/>
        <body name="dial" pos="-0.037 0 0.0345" euler="0 -0.527 0">{dial}</body>
        {_fork(-1)}
        {_fork(1)}
        <geom name="success" class="zone" type="box" size="0.008 0.03 0.006"
          pos="{_CRADLE[0]} 0 {_CRADLE[2] - 0.008:.4f}"/>
      </body>
      <body name="phone">
        <freejoint/>
        <geom type="capsule" size="0.012" fromto="0 -0.045 0 0 0.045 0" material="phone"
          mass="0.08"/>
        <geom type="capsule" size="0.012" fromto="0 0.045 0 0 0.084 -0.01" material="phone"
          mass="0.03"/>
        <geom type="capsule" size="0.012" fromto="0 -0.045 0 0 -0.084 -0.01" material="phone"
          mass="0.03"/>
        <geom class="visual" type="mesh" mesh="ear" pos="0 0.084 -{_REST}" material="phone"/>
        <geom class="visual" type="mesh" mesh="ear" pos="0 -0.084 -{_REST}" material="phone"/>
        <geom class="collision" type="cylinder" size="0.025 0.013" pos="0 0.084 -{_REST - 0.013}"
          mass="0.03"/>
        <geom class="collision" type="cylinder" size="0.025 0.013" pos="0 -0.084 -{_REST - 0.013}"
          mass="0.03"/>
      </body>
    </worldbody>
    """


class PhoneOnBase(Task):
    """RLBench's phone_on_base: the phone lies in its base and the hand has let it go.

    Base and phone stand anywhere and are turned by any angle, each for itself.
    """

    graspable = ("phone",)
    mjcf = telephone()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        low, high = [0.07, -0.28], [0.42, 0.28]
        base, phone = rng.uniform(low, high), rng.uniform(low, high)
        while np.linalg.norm(phone - base) < _APART:
            phone = rng.uniform(low, high)
        base_yaw, phone_yaw = rng.uniform(-np.pi, np.pi, 2)
        scene.place("base", base[0], base[1], base_yaw)
        scene.place("phone", phone[0], phone[1], phone_yaw, TABLE + _REST)

    def instructions(self, variation: int) -> list[str]:
        return [
            "put the phone on the base",
            "hang up the telephone",
            "pick up the receiver and lay it back on its base",
            "place the phone in the cradle above the dial",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.detects("success", "phone") and not scene.robot.held

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        grasp = _across(scene.pose("phone"))
        cradle = scene.pose("base")
        cradle[:3, 3] = along(cradle, *_CRADLE)[:3, 3] + [0, 0, 0.002]
        laid = _across(cradle)
        return [
            Waypoint(along(grasp, z=-0.08)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(along(grasp, z=-0.12), straight=True),
            Waypoint(along(laid, z=-0.09)),
            Waypoint(laid, gripper=1.0, straight=True),
        ]


def _across(phone: np.ndarray) -> np.ndarray:
    """Return the (4, 4) tip pose that grips the phone at a (4, 4) pose across its grip."""
    yaw = np.arctan2(phone[1, 0], phone[0, 0]) + np.pi / 2
    return top_down(phone[:3, 3] - [0, 0, 0.003], yaw)
