import numpy as np

from pyrep.const import ObjectType
from pyrep.objects.object import TYPES
from pyrep.objects.shape import Shape
from pyrep.world import HOME, event
from rlbench.backend.exceptions import BoundaryError

VARIATIONS = {"open_drawer": 3, "push_button": 18, "pick_up_cup": 20, "turn_tap": 2,
              "put_books_on_bookshelf": 3, "take_plate_off_colored_dish_rack": 3}  # fmt: skip


class Task:
    """Done where the joints are within 0.03 rad of a drawn posture and the gripper is closed."""

    name = ""

    def __init__(self, pyrep, robot, name=None):
        self.pyrep, self.robot, self.world = pyrep, robot, pyrep.world
        self.goal, self.heap = None, 0.0

    def load(self):
        TYPES[self.name] = ObjectType.DUMMY

    def unload(self):
        TYPES.pop(self.name)

    def get_name(self):
        return self.name

    def variation_count(self):
        return VARIATIONS.get(self.name, 1)

    def init_task(self):
        np.random.rand()  # noqa: NPY002  the first reset of a task draws more than later ones

    def init_episode(self, index):
        self.goal = HOME + np.random.uniform(-0.3, 0.3, 7)  # noqa: NPY002
        self.goal[5] = HOME[5] + 0.05 * index
        self.heap += np.random.uniform(0.1, 0.3)  # noqa: NPY002  moved from where it is
        Shape("painted").set_color([1.0, 0.0, 0.0])
        return [f"do {self.name.replace('_', ' ')} {index}", f"please do {index}"]

    def get_state(self):
        return self.heap

    def restore_state(self, state):
        self.heap = state

    def cleanup_(self):
        pass

    def validate(self):
        if self.goal[0] > 0.12:
            raise BoundaryError

    def step(self):
        event("task_step")

    def get_graspable_objects(self):
        return ["thing"]

    def success(self):
        near = np.abs(self.world.joints - self.goal).max() < 0.03
        met = np.bool_(near and self.world.fingers.max() < 0.01)
        return met, met

    def get_low_dim_state(self):
        return np.append(self.goal, self.heap)
