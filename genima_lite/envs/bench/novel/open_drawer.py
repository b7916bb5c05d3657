"""Other chests of drawers: their handles are gripped at the same place."""

from __future__ import annotations

from genima_lite.envs.bench.tasks.open_drawer import OpenDrawer, chest


class KnobChest(OpenDrawer):
    """A green chest with round knobs."""

    mjcf = chest(
        handle="""
        <geom type="sphere" size="0.0125" material="metal" friction="1.5 0.02 0.001"/>
        <geom type="cylinder" size="0.005" fromto="0 0 0 0.024 0 0" material="metal"/>""",
        cabinet="0.3 0.42 0.26",
    )


class FinChest(OpenDrawer):
    """A brown chest with upright dark fins."""

    mjcf = chest(
        handle="""
        <geom type="box" size="0.015 0.0055 0.015" pos="0.009 0 0" material="dark"
          friction="1.5 0.02 0.001"/>
        <geom type="box" size="0.003 0.012 0.022" pos="0.022 0 0" material="dark"/>""",
        cabinet="0.36 0.24 0.15",
    )
