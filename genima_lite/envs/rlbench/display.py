"""A display for CoppeliaSim: its cameras want OpenGL of an X server even where nobody looks."""

from __future__ import annotations

import ctypes
import os
import re
import select
import shutil
import signal
import socket
import subprocess

SECONDS = 20.0
"""In which Xvfb must say which display it has."""

_SCREEN = "1280x1024x24"

_PR_SET_PDEATHSIG = 1
"""Linux: a process gets a signal when the one that started it ends."""


class NoDisplay(RuntimeError):
    """There is no X server, and none can be started; the message says what to install."""


def answers(display: str) -> bool:
    """Return whether an X server of this machine listens at a display such as `:0`; one of another
    machine is believed.
    """
    local = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if local is None:
        return bool(display)
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(2.0)
        for path in (f"/tmp/.X11-unix/X{local[1]}", f"\0/tmp/.X11-unix/X{local[1]}"):
            try:
                trial.connect(path)
            except OSError:
                continue
            return True
    return False


def ensure_display() -> subprocess.Popen[bytes] | None:
    """Let DISPLAY name an X server that answers; start Xvfb if none does, and return it.

    Xvfb belongs to this process' group, and ends with this process however that ends; by SIGTERM,
    so that it removes its lock and its socket.

    Raises:
        NoDisplay: Xvfb is not installed, or does not start.
    """
    wanted = os.environ.get("DISPLAY", "")
    if wanted and answers(wanted):
        return None
    if (program := shutil.which("Xvfb")) is None:
        what = f"DISPLAY={wanted} does not answer" if wanted else "DISPLAY is not set"
        raise NoDisplay(f"{what}, and Xvfb is not installed: apt install xvfb")
    return _start(program)


def _start(program: str) -> subprocess.Popen[bytes]:
    """Start Xvfb at a free display, and set DISPLAY."""
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", _SCREEN, "-nolisten", "tcp"]
    libc = ctypes.CDLL(None)  # loaded before the fork

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    server = subprocess.Popen(command, pass_fds=[write], preexec_fn=die_with_parent)
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as said:
        number = _line(said.fileno())
    if not number.isdecimal():
        server.kill()
        raise NoDisplay(f"{program} does not start (exit code {server.wait()})")
    os.environ["DISPLAY"] = f":{number}"
    return server


def _line(file: int) -> str:
    """Return what is written into a pipe up to the end of the line, as far as it comes in time."""
    text = b""
    while b"\n" not in text and select.select([file], [], [], SECONDS)[0]:
        if not (found := os.read(file, 64)):
            break
        text += found
    return text.decode(errors="replace").strip()
