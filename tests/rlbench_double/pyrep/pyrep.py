import os

from pyrep.const import Verbosity
from pyrep.errors import PyRepError
from pyrep.world import World, event


class PyRep:
    def __init__(self):
        self.running = False
        if "COPPELIASIM_ROOT" not in os.environ:
            raise PyRepError("COPPELIASIM_ROOT not defined. See installation instructions.")
        if not os.path.exists(os.environ["COPPELIASIM_ROOT"]):
            raise PyRepError("COPPELIASIM_ROOT was not a correct path.")

    def launch(self, scene_file="", headless=False, responsive_ui=False, blocking=False,
               verbosity=Verbosity.NONE):  # fmt: skip
        if event("launch") == "TypeError":
            raise TypeError("__init__() got an unexpected keyword argument")
        self.world = World()

    def start(self):
        self.running = True

    def step(self):
        self.world.step()
        event("tick")

    def shutdown(self):
        event("shutdown")
        self.running = False
