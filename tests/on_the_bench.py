"""What tests of tasks do with an environment: start it, follow waypoints, see where things are."""

from itertools import product

import numpy as np

from genima_lite.planner import plan

SIGNS = np.array(list(product([-1, 1], repeat=3)))


def start(env, seed=0, variation=0):
    """Begin an episode, which is no success yet."""
    env.reset(seed=seed, options={"variation": variation})
    assert not env.success


def follow(env, waypoints):
    """Carry out waypoints with the hand as it is, and return whether any step was a success."""
    succeeded = False
    opening = float(env.scene.robot.commanded_open)
    for action in plan(waypoints, env.observation.joint_positions, opening):
        *_, info = env.step(action)
        succeeded |= info["success"]
    return succeeded


def corners(scene):
    """Return the corners (n, 3) of everything the task puts on the table, zones left out."""
    model, data = scene.model, scene.data
    first = model.body("right_finger").id + 1
    found = []
    for geom in np.flatnonzero((model.geom_bodyid >= first) & (model.geom_group != 4)):
        middle, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        turn = data.geom_xmat[geom].reshape(3, 3)
        found.append((middle + SIGNS * half) @ turn.T + data.geom_xpos[geom])
    return np.concatenate(found)
