"""The one place that loads MuJoCo and makes OpenGL contexts for it.

MuJoCo reads MUJOCO_GL while it is imported, and fails there on a value that it does not know or
whose library is missing. Here such a value is hidden from it: the simulation always loads, and
whoever wants pictures is told what to set.

A context is current in a thread only while that thread draws, under one lock for all: so
environments may wander between threads, as notebooks and servers make them do. Processes are
another matter: GL drivers do not survive a fork, so a child forked from a process that has drawn
is refused.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from genima_lite.errors import UserError

_log = logging.getLogger(__name__)

_OFF = ("disable", "disabled", "off", "false", "0")
_SYSTEMS_OWN = ("", "enable", "enabled", "on", "true", "1")
_KNOWN = {
    "linux": ("egl", "osmesa", "glfw", "glx"),
    "darwin": ("cgl", "glfw"),
    "win32": ("wgl", "glfw"),
}.get(sys.platform, ("glfw",))


class GLError(UserError):
    """No OpenGL context could be made or used; the message says what to set or install."""


def asked() -> str:
    """Return what MUJOCO_GL asks for, as MuJoCo reads it: lower case, "" where it is not set."""
    return os.environ.get("MUJOCO_GL", "").lower().strip()


def egl_loads() -> bool:
    """Return whether EGL's libraries are there; it needs libGL too."""
    try:
        return all(ctypes.CDLL(library) for library in ("libEGL.so.1", "libGL.so.1"))
    except OSError:
        return False


def _import_mujoco() -> ModuleType:
    """Import MuJoCo, with a MUJOCO_GL that it would fail on put aside meanwhile."""
    setting = os.environ.get("MUJOCO_GL")
    if setting is not None and not _imports(asked()):
        os.environ["MUJOCO_GL"] = "disable"
    try:
        import mujoco
    finally:
        if setting is not None:
            os.environ["MUJOCO_GL"] = setting
    mujoco.set_mju_user_warning(_log.info)  # else it writes MUJOCO_LOG.TXT where one stands
    return mujoco


def _imports(value: str) -> bool:
    """Return whether MuJoCo can be imported with a value of MUJOCO_GL."""
    if value == "egl":
        return egl_loads() and os.environ.get("PYOPENGL_PLATFORM", value).lower() in ("", value)
    if value == "osmesa":
        return ctypes.util.find_library("OSMesa") is not None
    return value in (*_KNOWN, *_SYSTEMS_OWN, *_OFF)


mujoco: Any = _import_mujoco()

_lock = threading.RLock()
_drawing: list[Any] = []  # contexts in use by the thread that holds the lock, the inner one last
_process: int | None = None  # the process that made the first context
_inherited: list[Any] = []  # contexts of a parent process, which must never be freed here


def make(size: int) -> Any:
    """Return a new GL context for pictures of up to `size` pixels; it is not current.

    MUJOCO_GL says from where; if it is not set on Linux, from EGL where its libraries are there,
    else OSMesa. MuJoCo itself would choose one that needs a display.

    Raises:
        GLError: none can be made; the message says what to set.
    """
    global _process
    if asked() in _OFF:
        raise GLError(f"MUJOCO_GL={asked()} switches pictures off: {_way_out()}")
    if asked() not in (*_KNOWN, *_SYSTEMS_OWN):
        raise GLError(
            f"MUJOCO_GL is '{asked()}', which MuJoCo does not know on this system: {_way_out()}"
        )
    with _lock:
        _check_process()
        with explained(), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            context = _context_class()(size, size)
            if told and type(context).__module__ == "mujoco.glfw":  # it warns where others raise
                raise RuntimeError(told[0].message)
        _process = os.getpid()
    return context


def _context_class() -> Any:
    """Import and return the class of contexts that is asked for."""
    if sys.platform == "linux" and asked() in ("", "egl", "osmesa"):
        if asked() == "osmesa" or (not asked() and not egl_loads()):
            from mujoco.osmesa import GLContext
        else:
            from mujoco.egl import GLContext
        return GLContext
    return mujoco.GLContext


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever goes wrong with GL into one sentence that says what to set.

    Raises:
        GLError: anything was raised inside.
    """
    try:
        yield
    except Exception as error:
        name = f"MUJOCO_GL={asked()}" if asked() else "this machine's GL"
        cause = " ".join(str(error).split())
        raise GLError(f"{name} takes no pictures ({cause}): {_way_out()}") from error


def _way_out() -> str:
    """Return what to do on this machine to get pictures."""
    without = "; environments with cameras=() need none"
    if sys.platform != "linux":
        return f"unset MUJOCO_GL{without}"
    wrong = [v for v in ("MUJOCO_EGL_DEVICE_ID",) if os.environ.get(v)]
    if os.environ.get("PYOPENGL_PLATFORM", "").lower() not in ("", "egl"):
        wrong.append("PYOPENGL_PLATFORM")
    if not egl_loads():
        return f"run 'apt-get install libegl1 libgl1' (Debian, Ubuntu) and unset MUJOCO_GL{without}"
    if asked() not in ("", "egl"):
        return f"unset MUJOCO_GL, or set it to egl{without}"
    if wrong:
        return f"unset {' and '.join(wrong)}{without}"
    return f"install a driver; Debian's and Ubuntu's libegl-mesa0 draws on the CPU{without}"


@contextmanager
def current(context: Any) -> Iterator[None]:
    """Make a context current in this thread, and afterwards what was current before, or none.

    Other threads wait. Costs a tenth of a millisecond where another context was current.

    Raises:
        GLError: this process was forked from one that has drawn, or the driver refuses.
    """
    with _lock:
        _check_process()
        with explained():
            context.make_current()
        _drawing.append(context)
        try:
            yield
        finally:
            _drawing.pop()
            if _drawing:
                _drawing[-1].make_current()
            else:
                _release(context)


def free(context: Any, resources: Any) -> None:
    """Free a context and what MuJoCo keeps in it (`MjrContext`), from whichever thread.

    It is made current first, or another context's textures of the same numbers would be freed.
    """
    if _process != os.getpid():
        _inherited.append((context, resources))
        return
    with _lock:
        context.make_current()
        resources.free()
        context.free()
        if _drawing:  # the garbage collector came in the midst of another picture
            _drawing[-1].make_current()


def _release(context: Any) -> None:
    """Make no context current in this thread, so that another thread may take this one."""
    backend = type(context).__module__
    module = sys.modules[backend]
    if backend == "mujoco.egl":
        egl = module.EGL
        none = egl.EGL_NO_SURFACE
        egl.eglMakeCurrent(module.EGL_DISPLAY, none, none, egl.EGL_NO_CONTEXT)
    elif backend == "mujoco.osmesa":
        module.osmesa.OSMesaMakeCurrent(None, None, module.GL.GL_FLOAT, 0, 0)
    elif backend == "mujoco.glfw":
        module.glfw.make_context_current(None)


def _check_process() -> None:
    """Refuse in a child of a process that has drawn: there the driver's threads are missing."""
    if _process not in (None, os.getpid()):
        raise GLError(
            "this process was forked from one that has taken pictures, and GL does not survive a "
            'fork: start it with spawn (multiprocessing.get_context("spawn"); for gymnasium '
            'vector_kwargs={"context": "spawn"})'
        )


def _after_fork() -> None:
    """Put aside what the parent's other threads held, and its display, which is not ours."""
    global _lock
    _lock = threading.RLock()
    _drawing.clear()
    if "mujoco.egl" in sys.modules:
        vars(sys.modules["mujoco.egl"])["EGL_DISPLAY"] = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
