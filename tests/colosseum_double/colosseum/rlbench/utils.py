import os
import warnings

import yaml  # noqa: F401  as the real one imports much

from colosseum import TASKS_PY_FOLDER as DEFAULT_TASKS_PY_FOLDER
from rlbench.backend.task import Task


def name_to_class(task_name, tasks_py_folder=DEFAULT_TASKS_PY_FOLDER):
    if not os.path.isfile(os.path.join(tasks_py_folder, f"{task_name}.py")):
        warnings.warn("No such taskfile", stacklevel=1)
        return None
    return type("OpenDrawer", (Task,), {"name": task_name, "colosseum": True})
