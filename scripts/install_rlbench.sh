#!/usr/bin/env bash
# Install RLBench for `genima-lite ... --backend rlbench`: CoppeliaSim 4.1, PyRep, RLBench.
#
#   scripts/install_rlbench.sh                         everything, downloads CoppeliaSim (150 MB)
#   scripts/install_rlbench.sh --coppeliasim FILE      from a file, a folder or an address of yours
#   scripts/install_rlbench.sh --check                 say what is there; change nothing
#   scripts/install_rlbench.sh --dry-run               say what would be done; change nothing
#   scripts/install_rlbench.sh --python-only           no CoppeliaSim: Python code alone, for tests
#
#   --venv DIR         Python environment (default: .venv-rlbench; made if it is not there)
#   --root DIR         where CoppeliaSim and the sources go (default: DIR of --venv, /rlbench)
#   --python PROGRAM   to make the environment with (default: python3)
#   --pyrep SOURCE, --rlbench SOURCE   git address or folder to clone (default: the authors')
#
# What is done is skipped, so it may be run again. No shell profile is touched: ROOT/activate sets
# what a shell needs. CoppeliaSim Edu and RLBench are free for education and research alone.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

COPPELIASIM=https://downloads.coppeliarobotics.com/V4_1_0/CoppeliaSim_Edu_V4_1_0_Ubuntu20_04.tar.xz
PYREP=https://github.com/stepjam/PyRep
PYREP_COMMIT=8f420be8064b1970aae18a9cfbc978dfb15747ef
RLBENCH=https://github.com/stepjam/RLBench
RLBENCH_COMMIT=02720bba4c73fe02eb75df946b8791b806028a9d
SYSTEM="ca-certificates curl git xz-utils gcc g++ python3-dev python3-venv libffi-dev xvfb libgl1 libglu1-mesa libgl1-mesa-dri libegl1 libxrender1 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libxi6 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xinerama0"
# Of RLBench and PyRep; gymnasium comes with genima-lite (RLBench's own extra pins an alpha release).
PACKAGES="cffi>=1.14.2 natsort pyquaternion"

VENV=$HERE/.venv-rlbench ROOT='' PYTHON=python3 MODE=install ONLY=''
say() { printf '==> %s\n' "$*"; }
fail() { printf 'install_rlbench: %s\n' "$*" >&2; exit 1; }
run() { if [ "$MODE" = dry ]; then printf '    would run: %s\n' "$*"; else "$@"; fi; }

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) MODE=dry; shift ;;
        --check) MODE=check; shift ;;
        --python-only) ONLY=1; shift ;;
        -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 0 ;;
        --coppeliasim | --venv | --root | --python | --pyrep | --rlbench)
            [ $# -gt 1 ] || fail "$1 needs a value"
            name=${1#--}; printf -v "${name^^}" %s "$2"; shift 2 ;;
        *) fail "unknown option $1: --help lists them" ;;
    esac
done
absolute() { case $1 in /*) printf %s "$1" ;; *) printf %s "$PWD/$1" ;; esac; }
VENV=$(absolute "$VENV")
ROOT=$(absolute "${ROOT:-$VENV/rlbench}")
SIM=$ROOT/CoppeliaSim
PY=$VENV/bin/python

packages_folder() { "$PY" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
is_there() { [ -x "$PY" ] && [ -d "$(packages_folder)/$1" ]; }

# The `pyrep` of the Python package index is another project of that name.
refuse_other_pyrep() {
    if is_there pyrep && [ ! -d "$(packages_folder)/pyrep/backend" ]; then
        fail "$VENV has the package 'pyrep' of the Python index, which is another project: $PY -m pip uninstall pyrep"
    fi
}

check_machine() {
    [ "$(uname -s)" = Linux ] || fail "CoppeliaSim 4.1 with PyRep runs on Linux alone"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
        || fail "needs Python 3.10 or newer: name one with --python"
    [ -n "$ONLY" ] && return
    [ "$(uname -m)" = x86_64 ] || fail "CoppeliaSim 4.1 is built for x86_64, this is $(uname -m)"
    say "system packages, as root: apt install $SYSTEM"
}

make_environment() {
    if [ ! -x "$PY" ]; then
        say "environment $VENV"
        run "$PYTHON" -m venv "$VENV"
    fi
    refuse_other_pyrep
    if ! { [ -x "$PY" ] && "$PY" -c 'import genima_lite, cffi, natsort, pyquaternion' 2>/dev/null; }; then
        say "genima-lite and what RLBench needs"
        run "$PY" -m pip install --quiet -e "$HERE" $PACKAGES
    fi
}

get_source() {  # name, address or folder, commit
    local there=$ROOT/$1
    if [ -d "$there" ] && [ "$(git -C "$there" rev-parse HEAD 2>/dev/null)" = "$3" ]; then return; fi
    say "$1 at ${3:0:7}"
    run mkdir -p "$ROOT"
    [ -d "$there" ] || run git clone --quiet "$2" "$there" \
        || fail "$2 cannot be cloned: clone it elsewhere and give its folder with --${1,,}"
    run git -C "$there" checkout --quiet "$3" \
        || fail "$there has no commit $3: delete it, or give a whole clone with --${1,,}"
}

get_coppeliasim() {
    if [ -f "$SIM/libcoppeliaSim.so" ]; then return; fi
    if [ -d "$COPPELIASIM" ]; then
        [ -f "$COPPELIASIM/libcoppeliaSim.so" ] || fail "$COPPELIASIM has no libcoppeliaSim.so"
        say "CoppeliaSim in $COPPELIASIM (PyRep writes three things into it)"
        run mkdir -p "$ROOT"
        run ln -sfn "$(absolute "$COPPELIASIM")" "$SIM"
        return
    fi
    local file=$COPPELIASIM
    if [ ! -f "$file" ]; then
        file=$ROOT/$(basename "$COPPELIASIM")
        say "CoppeliaSim from $COPPELIASIM"
        run mkdir -p "$ROOT"
        [ -f "$file" ] || run curl --fail --location --silent --show-error --output "$file.part" "$COPPELIASIM" \
            || fail "cannot be downloaded: get CoppeliaSim Edu 4.1.0 (Ubuntu 20.04) elsewhere, then --coppeliasim FILE"
        [ -f "$file" ] || run mv "$file.part" "$file"
    fi
    [ "$MODE" = dry ] || say "SHA-256 $(sha256sum "$file")"
    run mkdir -p "$SIM.part"
    run tar -xf "$file" -C "$SIM.part" --strip-components 1
    run mv "$SIM.part" "$SIM"
    [ "$MODE" = dry ] || [ -f "$SIM/libcoppeliaSim.so" ] || fail "$file holds no libcoppeliaSim.so"
}

write_activate() {
    say "$ROOT/activate"
    [ "$MODE" = dry ] && return
    cat > "$ROOT/activate" <<END
# source this: the environment, and what CoppeliaSim needs before Python starts
. "$VENV/bin/activate"
export COPPELIASIM_ROOT="$SIM"
case ":\${LD_LIBRARY_PATH:-}:" in
    *":$SIM:"*) ;;
    *) export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}$SIM" ;;
esac
export QT_QPA_PLATFORM_PLUGIN_PATH="$SIM"
END
}

# Building PyRep writes these three into CoppeliaSim; a cached wheel or another copy of it lacks them.
mend_coppeliasim() {
    [ "$MODE" = dry ] && { printf '    would mend: usrset.txt, libcoppeliaSim.so.1, simAddOnScript_PyRep.lua\n'; return; }
    [ -w "$SIM" ] || fail "$SIM cannot be written to, but PyRep must"
    grep -qs '^allowOldEduRelease=7501' "$SIM/system/usrset.txt" \
        || { mkdir -p "$SIM/system"; printf '\nallowOldEduRelease=7501\n' >> "$SIM/system/usrset.txt"; }
    [ -e "$SIM/libcoppeliaSim.so.1" ] || ln -s libcoppeliaSim.so "$SIM/libcoppeliaSim.so.1"
    [ -e "$SIM/simAddOnScript_PyRep.lua" ] \
        || cp "$ROOT/PyRep/pyrep/backend/simAddOnScript_PyRep.lua" "$SIM/"
}

install_packages() {
    export COPPELIASIM_ROOT=$SIM LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$SIM
    if ! { is_there pyrep && compgen -G "$(packages_folder)/pyrep/backend/_sim_cffi*.so" > /dev/null; }; then
        say "PyRep, built against $SIM"
        run "$PY" -m pip install --quiet --no-cache-dir --no-deps "$ROOT/PyRep"
    fi
    if ! is_there rlbench; then
        say "RLBench"
        run "$PY" -m pip install --quiet --no-cache-dir --no-deps "$ROOT/RLBench"
        # It installs its tests as a package named `tests`, which hides every other one.
        [ "$MODE" = dry ] || rm -rf "$(packages_folder)/tests"
    fi
}

# Without CoppeliaSim nothing can be built: the compiled module is one that refuses to be called.
install_python_only() {
    say "Python code of PyRep and RLBench, without the simulator"
    if [ "$MODE" = dry ]; then
        printf '    would copy: pyrep, rlbench into %s\n' "$VENV"
        return
    fi
    local folder
    folder=$(packages_folder)
    rm -rf "$folder/pyrep" "$folder/rlbench"
    cp -r "$ROOT/PyRep/pyrep" "$ROOT/RLBench/rlbench" "$folder/"
    cat > "$folder/pyrep/backend/_sim_cffi.py" <<'END'
"""In the place of PyRep's compiled module where there is no CoppeliaSim."""


class _Absent:
    def __getattr__(self, name):
        def refuse(*_, **__):
            raise RuntimeError(f"{name}: only the Python code of PyRep is installed")

        return refuse


ffi, lib = _Absent(), _Absent()
END
    (cd / && "$PY" -W ignore -c 'import pyrep, rlbench; print("    pyrep", pyrep.__version__, "rlbench", rlbench.__version__)')
}

check() {
    local bad=0
    told() { if eval "$2"; then printf 'ok       %s\n' "$1"; else printf 'missing  %s\n' "$1"; bad=1; fi; }
    told "environment $VENV" '[ -x "$PY" ]'
    told "genima-lite in it" '"$PY" -c "import genima_lite" 2>/dev/null'
    told "PyRep at ${PYREP_COMMIT:0:7}" '[ "$(git -C "$ROOT/PyRep" rev-parse HEAD 2>/dev/null)" = $PYREP_COMMIT ]'
    told "RLBench at ${RLBENCH_COMMIT:0:7}" '[ "$(git -C "$ROOT/RLBench" rev-parse HEAD 2>/dev/null)" = $RLBENCH_COMMIT ]'
    told "PyRep is not the other project of that name" '! is_there pyrep || [ -d "$(packages_folder)/pyrep/backend" ]'
    told "rlbench and pyrep can be imported" '(cd / && LD_LIBRARY_PATH=$SIM COPPELIASIM_ROOT=$SIM "$PY" -W ignore -c "import pyrep, rlbench" 2>/dev/null)'
    if [ -z "$ONLY" ]; then
        told "CoppeliaSim in $SIM" '[ -f "$SIM/libcoppeliaSim.so" ]'
        told "its licence setting (system/usrset.txt)" 'grep -qs "^allowOldEduRelease=7501" "$SIM/system/usrset.txt"'
        told "its link libcoppeliaSim.so.1" '[ -e "$SIM/libcoppeliaSim.so.1" ]'
        told "its add-on simAddOnScript_PyRep.lua" '[ -e "$SIM/simAddOnScript_PyRep.lua" ]'
        told "PyRep's compiled module" 'is_there pyrep && compgen -G "$(packages_folder)/pyrep/backend/_sim_cffi*.so" > /dev/null'
        told "$ROOT/activate" '[ -f "$ROOT/activate" ]'
        told "a display or Xvfb" '[ -n "${DISPLAY:-}" ] || command -v Xvfb > /dev/null'
    fi
    return $bad
}

if [ "$MODE" = check ]; then check; exit; fi
check_machine
make_environment
[ -n "$ONLY" ] || get_coppeliasim
get_source PyRep "$PYREP" "$PYREP_COMMIT"
get_source RLBench "$RLBENCH" "$RLBENCH_COMMIT"
if [ -n "$ONLY" ]; then
    install_python_only
    say "done; the tests: GENIMA_RLBENCH_PYTHON=$PY python -m pytest tests/test_rlbench_python.py"
else
    install_packages
    mend_coppeliasim
    write_activate
    say "done; next:  source $ROOT/activate && python $HERE/scripts/check_rlbench.py"
fi
