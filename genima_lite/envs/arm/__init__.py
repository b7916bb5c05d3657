"""A real arm, or its twin: protocols, the safety filter before every backend, drivers.

Below the environment all joint angles are Franka's; `panda.to_franka` converts once, on the way in.
Nothing here has run on hardware: see docs/real_arm.md.
"""
