"""Prints, as JSON, what is observed of the PyRep and RLBench that can be imported: signatures of
what `genima_lite/envs/rlbench` and the double use, and the order of events of their own classes on
a scene that only writes down what is called. Run with the double on the path, and with the real
ones.
"""

import inspect
import json
import sys
import types
from importlib import import_module

import numpy as np

NAMES = {
    "pyrep.PyRep": ("__init__", "launch", "start", "step", "shutdown"),
    "pyrep.objects.vision_sensor.VisionSensor": (
        *("__init__", "create", "handle_explicitly", "capture_rgb", "capture_depth"),
        *("set_resolution", "get_resolution", "set_render_mode", "set_explicit_handling"),
        *("set_matrix", "get_matrix", "get_near_clipping_plane", "get_far_clipping_plane"),
        *("get_intrinsic_matrix", "remove", "still_exists"),
    ),
    "pyrep.objects.object.Object": ("__init__", "exists", "get_name", "get_objects_in_tree"),
    "pyrep.objects.shape.Shape": ("get_color", "set_color"),
    "pyrep.objects.light.Light": (*("get_diffuse", "set_diffuse", "get_specular", "set_specular"),),
    "rlbench.environment.Environment": ("__init__", "launch", "get_task", "shutdown"),
    "rlbench.task_environment.TaskEnvironment": (
        *("__init__", "get_name", "sample_variation", "set_variation", "variation_count"),
        *("reset", "get_observation", "step", "get_demos", "reset_to_demo"),
    ),
    "rlbench.observation_config.CameraConfig": ("__init__", "set_all"),
    "rlbench.observation_config.ObservationConfig": (
        *("__init__", "set_all", "set_all_low_dim", "set_all_high_dim"),
    ),
    "rlbench.backend.observation.Observation": ("__init__",),
    "rlbench.demo.Demo": ("__init__", "__len__", "__getitem__", "restore_state"),
    "rlbench.action_modes.action_mode.MoveArmThenGripper": ("__init__", "action", "action_shape"),
    "rlbench.action_modes.arm_action_modes.JointPosition": ("__init__", "action", "action_shape"),
    "rlbench.action_modes.gripper_action_modes.Discrete": ("__init__", "action", "action_shape"),
    "rlbench.backend.scene.Scene": (
        *("load", "unload", "reset", "init_episode", "get_observation", "step"),
        *("register_step_callback", "get_demo"),
    ),
    "rlbench.backend.task.Task": (
        *("__init__", "get_name", "init_task", "init_episode", "validate", "step", "success"),
        *("get_graspable_objects", "get_low_dim_state", "variation_count"),
    ),
    "rlbench.utils": ("name_to_task_class",),
}
ERRORS = ("BoundaryError", "WaypointError", "NoWaypointsError", "DemoError", "InvalidActionError",
          "TaskEnvironmentError")  # fmt: skip


def found(path):
    """Return a module, or what is in one, by its dotted name."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(import_module(module), name)


def signature(function):
    """Return names and plain defaults of parameters."""
    said = []
    for each in inspect.signature(function).parameters.values():
        plain = isinstance(each.default, bool | int | float | str | tuple | None)
        shown = type(each.default).__name__ if not plain else each.default
        shown = "-" if each.default is inspect.Parameter.empty else shown
        said.append([each.name, getattr(each.default, "name", shown)])
    return said


def signatures():
    for path, methods in NAMES.items():
        for method in methods:
            yield f"{path}.{method}", signature(getattr(found(path), method))


class Recorder:
    """Writes down every call below it; some have answers."""

    def __init__(self, log, answers, name=""):
        self._log, self._answers, self._name = log, answers, name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Recorder(self._log, self._answers, f"{self._name}.{name}".strip("."))

    def __call__(self, *arguments, **named):
        self._log.append(self._name.rpartition(".")[2])
        answer = self._answers.get(self._name.rpartition(".")[2])
        return answer(*arguments, **named) if callable(answer) else answer


def scene(log, opening):
    """Return a scene whose gripper needs three steps."""
    fingers = iter([False, False, True] * 9)
    answers = {
        "get_joint_positions": [0.0] * 7, "get_open_amount": [opening, opening],
        "actuate": lambda *_, **__: next(fingers), "get_graspable_objects": ["thing"],
    }  # fmt: skip
    made = Recorder(log, answers)
    made.robot_setup = "panda"
    return made


def actions():
    """Yield the events of one action, by how the gripper stands and is asked to be."""
    mode = found("rlbench.action_modes.action_mode.MoveArmThenGripper")(
        found("rlbench.action_modes.arm_action_modes.JointPosition")(True),
        found("rlbench.action_modes.gripper_action_modes.Discrete")(),
    )
    for opening in (0.0, 1.0):
        for asked in (0.0, 0.5, 0.51, 1.0, 7.0):
            log = []
            mode.action(scene(log, opening), np.array([*[0.1] * 7, asked]))
            yield f"gripper {opening} asked {asked}", log
    for wrong in (6, 7, 9):
        try:
            mode.action(scene([], 1.0), np.zeros(wrong))
        except Exception as error:
            yield f"{wrong} numbers", type(error).__name__


class Refusing:
    """A task that refuses its first two placements, and names its draws."""

    def __init__(self, log):
        self.log, self.draws = log, 0

    def __getattr__(self, name):
        return lambda *_, **__: self.log.append(name)

    def init_episode(self, index):
        self.log.append(f"init_episode {index}")
        self.draws += 1
        return ["do it"]

    def validate(self):
        self.log.append("validate")
        if self.draws < 3:
            raise found("rlbench.backend.exceptions.BoundaryError")

    def is_static_workspace(self):
        return True

    def variation_count(self):
        return 2

    def get_name(self):
        return "refusing"


def resets():
    """Yield what a reset does: fresh, to a demonstration, to an old one without a count."""
    kind = found("rlbench.backend.scene.Scene")
    for attempts in ("fresh", 3, None):
        log = []
        made = kind.__new__(kind)
        made.task, made._has_init_task, made._initial_task_state = Refusing(log), True, None
        made.pyrep = made.robot = Recorder(log, {})
        made.reset, made.get_observation = lambda: None, lambda: "seen"
        env_kind = found("rlbench.task_environment.TaskEnvironment")
        env = env_kind.__new__(env_kind)
        env._scene, env._task, env._variation_number = made, made.task, 0
        env._static_positions, env._reset_called = False, False
        if attempts == "fresh":
            answer = env.reset()
        else:
            first = types.SimpleNamespace(misc={"variation_index": 1})
            state = np.random.get_state()  # noqa: NPY002
            answer = env.reset_to_demo(found("rlbench.demo.Demo")([first], state, attempts))
        ours = ("init_episode 0", "init_episode 1", "validate", "cleanup_", "restore_state", "step")
        yield f"reset {attempts}", [answer[0], answer[1], *(each for each in log if each in ours)]
        try:
            env.set_variation(2)
        except Exception as error:
            yield f"variation beyond {attempts}", type(error).__name__


def main():
    bases = {name: [b.__name__ for b in found(f"rlbench.backend.exceptions.{name}").__mro__]
             for name in ERRORS}  # fmt: skip
    facts = {
        "signatures": dict(signatures()), "actions": dict(actions()), "resets": dict(resets()),
        "errors": bases, "modes": [found("pyrep.const.RenderMode").OPENGL.name],
    }  # fmt: skip
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main()
