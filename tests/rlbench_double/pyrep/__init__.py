from pyrep.pyrep import PyRep

__version__ = "4.1.0.3"
__all__ = ["PyRep"]
