#!/usr/bin/env bash
# Set up everything that `make test`, `make reproduce` and `make lab` need; the Makefile calls it.
#   1. a virtual environment            2. a GL library to render with
#   3. torch, pinned, the CPU build     4. this package with all extras, pinned
# Each step that is already done is skipped, so it is safe to run again after a failure.
#
#   PYTHON         the interpreter to build with (default: python3.11, else python3)
#   VENV           where the environment goes (default: .venv)
#   TORCH_BACKEND  cpu (default), auto, cu130, ...: as in `uv pip install --torch-backend`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-.venv}
TORCH_BACKEND=${TORCH_BACKEND:-cpu}
CONSTRAINTS=scripts/constraints.txt
TORCH=$(grep '^torch==' "$CONSTRAINTS")
PY=$VENV/bin/python

say() { printf '==> %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Run a command as root: plainly, or through a sudo that asks for no password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1; fi
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "needs Python 3.10 or newer: install python3.11, or name another with PYTHON=python3.12."
}

make_venv() {
    if "$PY" -m pip --version >/dev/null 2>&1; then return; fi
    local python
    python=$(find_python)
    say "virtual environment in $VENV ($("$python" --version))"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module. On Debian and Ubuntu: apt install python3-venv" \
            "(python3.11-venv for python3.11), then run the same command again."
    "$python" -m venv --clear "$VENV"
}

# MuJoCo renders without a screen through EGL (which needs libGL too) or through OSMesa.
has_gl() {
    "$PY" - <<'PYTHON'
import ctypes, sys

def loads(*names):
    try:
        return all(ctypes.CDLL(name) for name in names)
    except OSError:
        return False

sys.exit(not (loads("libEGL.so.1", "libGL.so.1") or loads("libOSMesa.so.8")))
PYTHON
}

install_gl() {
    if [ "$(uname -s)" != Linux ] || has_gl; then return; fi
    say "GL library for rendering (libegl1, libgl1)"
    if command -v apt-get >/dev/null && as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends libegl1 libgl1 >/dev/null &&
        has_gl; then return; fi
    fail "no GL library to render with, and none could be installed from here. On Debian and" \
        "Ubuntu: apt install libegl1 libgl1, then run the same command again."
}

# On Linux the plain `pip install torch` brings gigabytes of CUDA libraries. The CPU build has a
# package index of its own (see pytorch.org's install page). If pip is set up to find that build
# (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS or pip.conf), take it from there; else uv knows the way.
install_torch() {
    if "$PY" -c "import torch, sys; sys.exit(torch.__version__.split('+')[0] != '${TORCH#*==}')" \
        2>/dev/null; then return; fi
    say "$TORCH, backend $TORCH_BACKEND (200 MB for the CPU)"
    if [ "$TORCH_BACKEND" = cpu ] && [ "$(uname -s)" = Darwin ]; then
        "$PY" -m pip install -qq -c "$CONSTRAINTS" "$TORCH"
    elif [ "$TORCH_BACKEND" = cpu ] && pip_finds "$TORCH+cpu"; then
        "$PY" -m pip install -qq -c "$CONSTRAINTS" "$TORCH+cpu"
    else
        "$PY" -m pip install -qq uv
        "$PY" -m uv pip install --python "$PY" --torch-backend "$TORCH_BACKEND" \
            -c "$CONSTRAINTS" "$TORCH" ||
            fail "could not get $TORCH ($TORCH_BACKEND). See pytorch.org's install page for the" \
                "package index to put in PIP_EXTRA_INDEX_URL, then run the same command again."
    fi
}

pip_finds() { "$PY" -m pip install -qq --dry-run --no-deps "$1" >/dev/null 2>&1; }

install_package() {
    local constraints=(-c "$CONSTRAINTS")
    if "$PY" -c 'import sys; sys.exit(sys.version_info >= (3, 11))'; then
        say "Python 3.10: several pinned versions need 3.11, so pip chooses its own"
        constraints=("$TORCH")
    fi
    say "genima-lite and its tools (takes some minutes)"
    "$PY" -m pip install -qq "${constraints[@]}" -e '.[arm,lerobot,models,notebooks,dev]'
}

make_venv
install_gl
install_torch
install_package
say "ready: $VENV"
