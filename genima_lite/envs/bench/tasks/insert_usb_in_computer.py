"""Pick a USB stick up and plug it into the side of a laptop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.fingers import angle, downwards, held_at
from genima_lite.envs.bench.recovery import waypoints_ahead
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along
from genima_lite.transforms import inverse, yaw_pose

_DECK = (0.1, 0.14, 0.014)
"""metres, half the laptop without its screen."""

_PORT_X, _PORT_Z = 0.045, 0.014
"""metres, the port on the laptop's side: towards the front edge, and up from the table."""

_OPENING = (0.0125, 0.0095, 0.03)
"""metres, half the port's width and height, and its depth."""

_PLUG = (0.011, 0.006, 0.0035)
"""metres, half the plug: along the stick, across, up."""

_ROOM = 0.006
"""metres that the plug may be beside the middle of the port where it goes in."""

BODY = (0.026, 0.014, 0.009)
"""metres, half the stick's body: along, across, up."""

_TO_PLUG = BODY[0] + _PLUG[0]
"""metres from the middle of the stick to that of its plug."""

_AHEAD, _OVER = 0.08, 0.06
"""metres in front of the port, where the stick is lined up, and above that place."""

_TURNED = 0.15
"""radians by which a stick may be turned that goes into the port."""

_SKEW = 0.7
"""radians between stick and fingers from which on the hand lets go and grasps again."""


def _keys() -> str:
    """Return rows of keys on the deck."""
    x0, z = -0.055, 2 * _DECK[2]
    return "".join(
        f'<geom class="visual" type="box" size="0.0075 {0.0085} 0.0012"'
        f' pos="{x0 + 0.0195 * row:.4f} {0.0208 * (column - 5):.4f} {z}" material="key"/>'
        for row in range(4)
        for column in range(11)
    )


def _deck() -> str:
    """Return the deck's collision boxes around the port, which opens towards -y."""
    x, y, z = _DECK
    wide, high, deep = _OPENING
    boxes = [
        ((-x, _PORT_X - wide), (-y, y), (0, 2 * z)),
        ((_PORT_X + wide, x), (-y, y), (0, 2 * z)),
        ((_PORT_X - wide, _PORT_X + wide), (-y + deep, y), (0, 2 * z)),
        ((_PORT_X - wide, _PORT_X + wide), (-y, -y + deep), (0, _PORT_Z - high)),
        ((_PORT_X - wide, _PORT_X + wide), (-y, -y + deep), (_PORT_Z + high, 2 * z)),
    ]
    found = ""
    for box in np.array(boxes):
        size, middle = (box[:, 1] - box[:, 0]) / 2, box.mean(1)
        found += (
            f'<geom type="box" size="{size[0]:.4f} {size[1]:.4f} {size[2]:.4f}" material="case"'
            f' pos="{middle[0]:.4f} {middle[1]:.4f} {middle[2]:.4f}" friction="0.2 0.005 0.0001"/>'
        )
    return found


_STICK = rounded_box("stick", BODY, 0.006)
_MARK = f"""\
<geom class="visual" type="box" size="0.006 0.0095 0.0005" pos="-0.012 0 {BODY[2]}"
          material="window"/>"""


def laptop(
    stick: str = _STICK,
    mark: str = _MARK,
    case: str = "0.62 0.64 0.68",
    key: str = "0.1 0.1 0.12",
    display: str = "0.1 0.3 0.75",
) -> str:
    """Return a laptop and a stick before its port.

    Args:
        stick: a mesh about the stick's middle; its sides are `BODY[1]` from it.
        mark: visual geoms on the stick.
        case, key, display: RGB in [0, 1] of the laptop.
    """
    return f"""
    <asset>
      {stick}
      {rounded_box("screen", (0.005, _DECK[1], 0.095), 0.0045)}
      <material name="case" rgba="{case} 1" specular="0.6" shininess="0.6"/>
      <material name="key" rgba="{key} 1" specular="0.3"/>
      <material name="display" rgba="{display} 1" emission="0.6"/>
      <material name="window" rgba="0.9 0.94 1 1" emission="0.5"/>
      <material name="stick" rgba="0.9 0.1 0.1 1" specular="0.5" shininess="0.6"/>
    </asset>
    <worldbody>
      <body name="computer" mocap="true">
        {_deck()}
        {_keys()}
        <geom class="visual" type="box" size="0.022 0.035 0.001" pos="0.062 0.01 {2 * _DECK[2]}"
          material="dark"/>
        <geom class="visual" type="box" size="{_OPENING[0] + 0.003} 0.0006 {_OPENING[1] + 0.003}"
          pos="{_PORT_X} -{_DECK[1] - 0.0002} {_PORT_Z}" material="window"/>
        <geom class="visual" type="box" size="{_OPENING[0]} 0.0006 {_OPENING[1]}"
          pos="{_PORT_X} -{_DECK[1]} {_PORT_Z}" material="dark"/>
        <body name="lid" pos="-0.1 0 {2 * _DECK[2]}" euler="0 -0.3 0">
          <geom type="mesh" mesh="screen" pos="0 0 0.095" material="case"/>
          <geom class="visual" type="box" size="0.001 {_DECK[1] - 0.01} 0.084" pos="0.005 0 0.097"
            material="display"/>
          <geom class="visual" type="box" size="0.001 0.05 0.035" pos="0.0056 0.05 0.11"
            material="window"/>
          <geom class="visual" type="box" size="0.001 0.03 0.02" pos="0.0056 -0.07 0.08"
            material="window"/>
          <geom class="visual" type="cylinder" size="0.018 0.001" pos="-0.005 0 0.1"
            euler="0 1.5708 0" material="window"/>
        </body>
        <geom name="in_port" class="zone" type="box"
          size="{_OPENING[0]} 0.006 {_OPENING[1]}"
          pos="{_PORT_X} {-_DECK[1] + 0.022} {_PORT_Z}"/>
      </body>
      <body name="usb">
        <freejoint/>
        <geom class="visual" type="mesh" mesh="stick" material="stick"/>
        <geom class="collision" type="box" size="{BODY[0]} {BODY[1]} {BODY[2]}" mass="0.05"/>
        {mark}
        <body name="tip" pos="{_TO_PLUG} 0 0">
          <geom type="box" size="{_PLUG[0]} {_PLUG[1]} {_PLUG[2]}" material="metal" mass="0.01"
            friction="0.2 0.005 0.0001"/>
        </body>
      </body>
    </worldbody>
    """


class InsertUsbInComputer(Task):
    """RLBench's insert_usb_in_computer: the tip of the plug reaches into the port.

    The computer is a laptop with its port, larger than a real one, low on one side; the stick lies
    on the table.
    """

    graspable = ("usb",)
    named = ("stick",)
    mjcf = laptop()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y = rng.uniform(0.2, 0.4), rng.uniform(0.0, 0.27)
        scene.place("computer", x, y)
        port = along(scene.pose("computer"), x=_PORT_X, y=-_DECK[1])
        scene.place("usb", port[0, 3] - 0.06, port[1, 3] - 0.16, 1.1, TABLE + BODY[2])

    def instructions(self, variation: int) -> list[str]:
        return [
            "insert the usb stick into the computer",
            "plug the red usb stick into the port of the laptop",
            "pick up the memory stick and push it into the slot on the side of the computer",
            "put the usb stick into the laptop",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.detects("in_port", "tip")

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        grasp = _grip(scene)
        lifted = grasp.copy()
        lifted[2, 3] = max(lifted[2, 3] + 0.03, TABLE + 0.07)
        return [
            Waypoint(along(grasp, z=-0.08)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(lifted, straight=True),
            *_plug_in(scene, inverse(scene.pose("usb")) @ grasp),
        ]

    def recover(self, scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
        """Line up what is in the hand as it is held, wherever the fingers took it."""
        if not scene.is_held("usb"):
            return waypoints_ahead(scene, first)
        tip = panda.forward_kinematics(scene.robot.joints)[1]
        held = held_at(scene, "usb")
        if angle(held, inverse(scene.pose("usb")) @ _grip(scene)) > _SKEW:
            return [Waypoint(tip, gripper=1.0), *self.waypoints(scene)]
        stick = tip @ inverse(held)
        over, ahead, inside = _plug_in(scene, held)
        off = inverse(_inserted(scene)) @ stick
        if angle(off, np.eye(4)) < _TURNED and _goes_in(off[:3, 3]):
            return [inside]
        x, y, z = off[:3, 3]
        if -0.06 < x + _AHEAD < 0.03 and abs(y) < 0.04 and z < _OVER + 0.04:
            return [ahead, inside]
        if z > _OVER - 0.03:
            return [over, ahead, inside]
        lifted = tip.copy()
        lifted[2, 3] += _OVER - z
        return [Waypoint(lifted, straight=True), over, ahead, inside]


def _goes_in(off: np.ndarray) -> bool:
    """Return whether a stick goes into the port from where it is: in it, or in a funnel before it.

    Args:
        off: (3,) metres from where it is when it is in: ahead, left, up.
    """
    before = -off[0] - 2 * _PLUG[0]  # metres from the plug to the mouth of the port
    beside = float(np.linalg.norm(off[1:]))
    if before < -0.004:
        return beside < 0.03
    return before < _AHEAD + 0.02 and beside < _ROOM * (1 + before / (2 * _PLUG[0]))


def _inserted(scene: Scene) -> np.ndarray:
    """Return the (4, 4) pose of the stick when it is in the port."""
    reach = _DECK[1] + BODY[0] + 0.001
    port = along(scene.pose("computer"), x=_PORT_X, y=-reach, z=_PORT_Z)
    return yaw_pose(port[:3, 3], np.pi / 2)


def _plug_in(scene: Scene, held: np.ndarray) -> list[Waypoint]:
    """Return the waypoints that plug the stick in: over the table, in front of the port, in it.

    Args:
        scene: as it stands.
        held: (4, 4) pose of the tip in the frame of the stick.
    """
    inside = _inserted(scene)
    ahead = along(inside, x=-_AHEAD)
    over = along(ahead, z=_OVER)
    return [
        Waypoint(over @ held),
        Waypoint(ahead @ held, straight=True),
        Waypoint(inside @ held, straight=True),
    ]


def _grip(scene: Scene) -> np.ndarray:
    """Return the (4, 4) tip pose that takes the stick from above, with a finger on either side.

    Of two such poses it is the one from which the wrist turns less on the way to the port.
    """
    stick = scene.pose("usb")
    side = stick[:3, 1] if abs(stick[2, 1]) < 0.7 else stick[:3, 2]
    yaw = np.arctan2(side[1], side[0])
    way = stick[:3, 0]
    turn = _folded(np.pi / 2 - np.arctan2(way[1], way[0]))
    middle = np.pi / 2 + np.pi / 4  # the wrist's joint at rest, for fingers that open along +y
    choices = [_folded(yaw + k * np.pi - middle) + middle for k in (0, 1)]
    best = min(choices, key=lambda a: max(abs(a - middle), abs(a + turn - middle)))
    across = np.array([np.cos(best), np.sin(best), 0.0])
    return downwards(stick[:3, 3] + [0, 0, 0.001], across)


def _folded(angle: float) -> float:
    """Return an angle in radians, in [-pi, pi)."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
