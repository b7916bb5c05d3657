#!/usr/bin/env bash
# Two emulators of an FR3 in virtual environments of their own, since their pins differ from ours:
#
#     scripts/install_emulators.sh emulators
#     GENIMA_EMULATORS=emulators python -m pytest -m emulator
#
# franky-sim enforces no limits; franka-sim can refuse what a robot refuses. The latter would download
# its model at its start; it gets the one that franky-sim comes with.
set -euo pipefail
folder=${1:?give a folder}
python=${PYTHON:-python3}
ours="franky-control scipy msgspec ruckig gymnasium pillow rich"

for name in franky-sim franka-sim; do
    [ -x "$folder/$name/bin/python" ] || "$python" -m venv "$folder/$name"
    "$folder/$name/bin/python" -m pip install -q "$name" $ours
done
assets=$("$folder/franky-sim/bin/python" -c \
    'import importlib.util as u; print(u.find_spec("franky_sim").submodule_search_locations[0])')/assets
rm -rf "$folder/fr3"
cp -r "$assets" "$folder/fr3"
sed -i 's/meshdir="assets"/meshdir="meshes"/' "$folder/fr3/fr3.xml"
