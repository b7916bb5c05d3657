import os

from rlbench.backend.task import Task


class InvalidTaskName(Exception):
    pass


def name_to_task_class(task_file):
    name = task_file.replace(".py", "")
    if name in os.environ.get("DOUBLE_LACKS", "").split():
        raise InvalidTaskName(f"The task file '{name}' does not exist or cannot be compiled.")
    class_name = "".join(w[0].upper() + w[1:] for w in name.split("_"))
    return type(class_name, (Task,), {"name": name})
