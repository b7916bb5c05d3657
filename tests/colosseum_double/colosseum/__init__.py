import os

_ROOT = os.path.dirname(os.path.abspath(__file__))
TASKS_PY_FOLDER = os.path.join(_ROOT, "rlbench", "tasks")
TASKS_TTM_FOLDER = os.path.join(_ROOT, "rlbench", "task_ttms")
ASSETS_CONFIGS_FOLDER = os.path.join(_ROOT, "assets", "configs")
