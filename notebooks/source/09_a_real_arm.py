# %% [markdown]
# # 09 · A real arm
#
# **A policy that works in simulation is half of a robot. The other half says where cameras are, keeps commands within what
# an arm allows, counts milliseconds, and writes down what happened.**
#
# After this notebook you can
#
# - project an arm into a camera and see an extrinsic that is two degrees wrong;
# - find a camera's pose from pairs of motions (hand-eye calibration);
# - say what the border of two chunks costs in jerk, and soften it;
# - write a safety filter in one dimension that can always stop in time;
# - lay out a latency budget, and drop the rows whose time has passed;
# - read the log of a run that failed, and name the cause.
#
# | | |
# |---|---|
# | time to read and solve | about 100 minutes |
# | time to run | half a minute on two cores; a GPU makes no difference |
# | reads | nothing |
# | writes | nothing that stays |
#
# Everything runs on the **twin**: the bench's physics behind the protocols of a real arm, with late commands, trailing
# joints and noisy pictures. Nothing in this library has run on hardware (`docs/real_arm.md`). Boxes **on the real arm** have
# cells that skip themselves where there is none.

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast

rng = begin(seed=0)

# %% [markdown]
# ## 1 · Where is the arm in the picture?
#
# Genima draws spheres on camera pictures. It can only do so where **intrinsics** and **pose** of each camera are known. In
# simulation they are given; on a table somebody has to find them, and they are wrong as soon as somebody leans on the tripod.

# %%
import numpy as np

from genima_lite.cameras import mounted_camera
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.panda import HOME, forward_kinematics

settings = ArmSettings(think=0.0)
spec = EnvSpec("push_button", ("front", "wrist"), 256, backend="arm", arm=settings)
twin = make_env(spec)
_, info = twin.reset(seed=1)
low = HOME + np.array([0.25, 0.25, 0.1, -0.9, 0.2, 0.9, 0.3])  # where the front camera sees it all
twin.execute(np.column_stack([np.linspace(HOME, low, 31)[1:], np.ones(30)]))
seen = twin.observation
frames, tip = forward_kinematics(seen.joint_positions)
points = np.vstack([frames[:, :3, 3], tip[:3, 3]])  # (8, 3) metres in the world, base to tip
print(info["instruction"])

# %% [markdown] exercise="project" difficulty=1 minutes=10
# ### Exercise 1: Project the arm
#
# Return the pixels (column, row) of points in the world. `pose` is the camera's, **camera to world**, with x right, y down, z
# forward.
#
# <details><summary>Hint 1</summary>
#
# The pose takes points from the camera to the world. You have points in the world.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.linalg.inv(pose)`; then multiply with the intrinsics and divide by the depth.
# </details>


# %% solution="project"
def project(points: np.ndarray, pose: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Return pixels (N, 2) of world points (N, 3), with a pose (4, 4) and intrinsics (3, 3)."""
    ### BEGIN SOLUTION
    back = np.linalg.inv(pose)
    local = points @ back[:3, :3].T + back[:3, 3]
    image = local @ intrinsics.T
    return image[:, :2] / image[:, 2:]
    ### END SOLUTION


# %% check="project" points=2
from genima_lite.checks.real_arm import check_project

check_project(project)
### BEGIN HIDDEN TESTS
check_project(project, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="project"
# **Why.** This is the check that matters most on a real rig: the arm is the one thing whose place is known without any camera.
# If its joints do not lie on the arm in the picture, no sphere will.

# %% [markdown]
# Now the same points with the camera turned by two degrees, and by five. Two degrees is what a hand does to a tripod; at 1.5
# metres it moves the gripper by 5 cm.

# %%
from dataclasses import replace

from scipy.spatial.transform import Rotation

from genima_lite.viz.arm_frames import draw_frames


def turned(camera, degrees):
    wrong = camera.pose.copy()
    wrong[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix() @ wrong[:3, :3]
    return replace(camera, pose=wrong)


front = mounted_camera("front", 256, tip)
chain = np.concatenate([frames, tip[None]])
panels = {f"{d} degrees off": (turned(front, d), chain) for d in (0, 2, 5)}
draw_frames(seen.image("front"), panels)

# %% [markdown]
# On the left the line runs through the arm and ends between the fingers; in the middle it has left them. Spheres drawn with the
# middle camera teach a policy to reach beside the button.
#
# `genima-lite calibrate` ends with this picture for each camera. It also lets the arm move between two pictures and asks where
# they differ, which tells two **swapped** cameras by themselves: the arm then moves where another camera should see it.
#
# ## 2 · Hand-eye calibration
#
# Put a board with known corners into the hand (for a fixed camera) or onto the table (for one on the wrist), and take pictures
# from several postures. Between two pictures the hand made a motion $A$, which the joints tell, and the camera saw the board
# make a motion $B$. Both are the same motion, told in two frames: with the camera's unknown pose $X$ in the hand,
#
# $$A X = X B.$$
#
# For rotations this says: the axis of $A$ is the axis of $B$, turned by $X$. Written as rotation vectors $\alpha_i = R_X
# \beta_i$: a rotation that lays one set of arrows on another. The translation then follows from linear equations,
# $(R_{A_i} - I)\, t_X = R_X\, t_{B_i} - t_{A_i}$.

# %% [markdown] exercise="hand_eye" difficulty=3 minutes=20
# ### Exercise 2: Hand-eye from pairs
#
# Return $X$ (4, 4) from motions $A_i$ and $B_i$. `Rotation.align_vectors(a, b)` returns the rotation that takes arrows `b` to
# arrows `a` (first of its results); `np.linalg.lstsq` solves the rest.
#
# <details><summary>Hint 1</summary>
#
# `Rotation.from_matrix(A[:, :3, :3]).as_rotvec()` gives all arrows of A, (N, 3).
# </details>
# <details><summary>Hint 2</summary>
#
# Stack the N equations of three rows each: a matrix (3N, 3) and a right side (3N,).
# </details>


# %% solution="hand_eye"
def hand_eye(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return X (4, 4) with A[i] @ X = X @ B[i] for motions (N, 4, 4), as well as can be."""
    X = np.eye(4)
    ### BEGIN SOLUTION
    alpha, beta = (Rotation.from_matrix(each[:, :3, :3]).as_rotvec() for each in (A, B))
    X[:3, :3] = Rotation.align_vectors(alpha, beta)[0].as_matrix()
    left = (A[:, :3, :3] - np.eye(3)).reshape(-1, 3)
    right = (B[:, :3, 3] @ X[:3, :3].T - A[:, :3, 3]).reshape(-1)
    X[:3, 3] = np.linalg.lstsq(left, right, rcond=None)[0]
    ### END SOLUTION
    return X


# %% check="hand_eye" points=3
from genima_lite.checks.real_arm import check_hand_eye

check_hand_eye(hand_eye)
### BEGIN HIDDEN TESTS
check_hand_eye(hand_eye, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="hand_eye"
# **Why.** This is in essence PARK's method. It needs turns about at least two axes: along a single axis $X$ may slide and turn
# freely. And it says nothing when something is wrong, so the library asks a second method (SHAH), and refuses where the two
# disagree: a board that slipped in the hand does that.

# %% [markdown]
# How many postures does one need? The arm is off by 1 mm, the seen board by 1 mm and 0.3 degrees.

# %%
from genima_lite.checks.real_arm import noisy_motions
from genima_lite.envs.arm.calibration.hand_eye import park
from genima_lite.transforms import inverse
from genima_lite.viz.learning import curves_figure

counts, tries = (3, 5, 10, 20, 40), 4 if fast() else 30
error = []
for count in counts:
    off = []
    for _ in range(tries):
        A, B, X = noisy_motions(rng, count)
        found = park([np.eye(4), *inverse(A)], [np.eye(4), *inverse(B)])  # OpenCV's
        off.append(1e3 * np.linalg.norm(found[:3, 3] - X[:3, 3]))
    error.append(np.median(off))
curves_figure({"median": error}, counts, ("postures", "camera off by, mm"))

# %% [markdown]
# The library goes one step further: from PARK's answer it fits camera, board and lens to all corners at once, each weighed
# with the pixels and millimetres by which camera and arm err. On simulated boards this halves the error
# (`benchmarks/bench_calibration.py`, table in `docs/real_arm.md`).
#
# > **On the real arm.** The cell below looks whether the cameras still stand where `calibration.json` says.

# %%
from genima_lite.checks.course import real_arm

if address := real_arm("compares calibration.json with the rig"):
    print(f"genima-lite calibrate --check --arm.address {address}")

# %% [markdown]
# ## 3 · The border of two chunks
#
# A policy gives joint targets in chunks: 20 rows, 50 ms each. The next chunk comes from a later picture, and never begins
# exactly where the last one ended. An arm has limits of velocity, acceleration and **jerk**, the third derivative: beyond them
# it stops by itself, and a person has to come.

# %% [markdown] exercise="largest_jerk" difficulty=2 minutes=10
# ### Exercise 3: Jerk of a border
#
# Return the largest absolute jerk of one joint's positions, sampled every `dt` seconds.
#
# <details><summary>Hint 1</summary>
#
# Velocity is a first difference divided by `dt`. What is the derivative of that, and of that?
# </details>
# <details><summary>Hint 2</summary>
#
# `np.diff(positions, 3)`.
# </details>


# %% solution="largest_jerk"
def largest_jerk(positions: np.ndarray, dt: float) -> float:
    """Return the largest |jerk| in rad/s^3 of positions (n,) in rad, `dt` seconds apart."""
    ### BEGIN SOLUTION
    return float(np.abs(np.diff(positions, 3)).max() / dt**3)
    ### END SOLUTION


# %% check="largest_jerk" points=1
from genima_lite.checks.real_arm import check_largest_jerk

check_largest_jerk(largest_jerk)
### BEGIN HIDDEN TESTS
check_largest_jerk(largest_jerk, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="largest_jerk"
# **Why.** $dt^3$ is what makes borders expensive: at 1 kHz a step of a tenth of a degree in one sample is a jerk of more than a
# million rad/s³, and the Panda allows 7500 at joint 1.

# %% [markdown]
# Two chunks of the same motion, the second 0.02 rad beside the first. Sent as they are, the jerk is beyond anything. Faded over
# five rows and resampled with limited jerk (ruckig), it stays within.

# %%
from genima_lite.envs.arm.chunks import fade
from genima_lite.envs.arm.limits import FER
from genima_lite.envs.arm.safety import SafetyFilter, Stream
from genima_lite.panda import HOME, to_franka

start, one = to_franka(HOME), np.eye(7)[0]
speed = 0.02 * np.arange(1, 21)[:, None] * one
old = np.column_stack([start + speed, np.ones(20)])
new = np.column_stack([start + speed + 0.02 * one, np.ones(20)])


def through_filter(rows):
    """Return joint 1, (n,) at 1 kHz, as the filter lets it through."""
    found, stream = SafetyFilter(FER), Stream(0.001)
    found.begin(start)
    rows = found.check(rows, start)
    ends = [*rows[1:, :7], None]
    motions = [found.follow(row[:7], after) for row, after in zip(rows, ends, strict=True)]
    return np.concatenate([stream.samples(motion)[1][:, 0, 0] for motion in motions])


# %%
# NBVAL_CHECK_OUTPUT
limit = FER.jerk[0]
hard = np.concatenate([old[:10, 0], new[10:, 0]])
straight = np.interp(np.arange(0, 19 * 50 + 1), 50 * np.arange(20), hard)
smooth = through_filter(np.vstack([old[:10], fade(old[10:], new[10:])]))
for name, way in {"straight lines": straight, "faded and filtered": smooth}.items():
    jerk = way
    for _ in range(3):
        jerk = np.gradient(jerk, 0.001)
    share = np.abs(jerk).max() / limit
    print(f"{name:20s}{share:8.1f} of the limit")

# %% [markdown]
# ## 4 · A safety filter in one dimension
#
# "Within the limits now" is not enough: a joint that is 1 cm before its end at full speed is within all limits, and lost. What
# a filter has to promise is that an arm which is told nothing more **comes to rest** within its limits. Then any command can be
# refused, at any time.
#
# Take one joint that starts at rest, with a largest speed and a largest acceleration, and one wall. Each step, a policy asks for
# a velocity, and the filter gives one. With acceleration $a$, stopping from $v$ takes $v^2 / 2a$.

# %% [markdown] exercise="allowed" difficulty=3 minutes=20
# ### Exercise 4: Stop in time
#
# Return the velocity for the next step: as near to `asked` as can be, if it
#
# - is no faster than `top`, in either direction;
# - differs from `v` by at most `a * dt`;
# - leaves room to stop: after this step at the new velocity, $q + v' dt + v'^2 / 2a$ is not beyond the wall.
#
# The third rule must never force a change that the second forbids; if you keep all three from rest on, it never does.
#
# <details><summary>Hint 1</summary>
#
# The first two rules are two `np.clip`s. The third is an upper bound: solve $v'^2 / 2a + v' dt = r$ for $v'$, with the room $r =$
# `wall - q`.
# </details>
# <details><summary>Hint 2</summary>
#
# $v' = a \left(\sqrt{dt^2 + 2 r / a} - dt\right)$.
# </details>


# %% solution="allowed"
def allowed(
    q: float, v: float, asked: float, wall: float, top: float, a: float, dt: float
) -> float:
    """Return the next velocity, rad/s, of a joint at q with velocity v."""
    ### BEGIN SOLUTION
    room = max(wall - q, 0.0)
    most = a * ((dt**2 + 2 * room / a) ** 0.5 - dt)
    wanted = np.clip(asked, -top, min(top, most))
    return float(np.clip(wanted, v - a * dt, v + a * dt))
    ### END SOLUTION


# %% check="allowed" points=3
from genima_lite.checks.real_arm import check_allowed

check_allowed(allowed)
### BEGIN HIDDEN TESTS
check_allowed(allowed, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="allowed"
# **Why.** This is the invariant of `genima_lite/envs/arm/safety.py`, there with seven joints, limited jerk, and elbow and hand in
# a box: before a motion is let through, the motion to rest from its end is computed and checked.
# `benchmarks/prove_safety.py` sends adversaries against it.

# %% [markdown]
# An adversary that pushes at full speed and changes its mind, against a wall at 1 rad, with the filter as it should be:

# %%
from genima_lite.checks.real_arm import pushed_at_a_wall

asked = np.array([3.0, -1.0, 3.0, 3.0]).repeat(100)
places, speeds = pushed_at_a_wall(asked, wall=1.0, top=1.5, a=4.0, dt=0.01)
shown = {"joint, rad": places, "speed, rad/s": speeds, "wall": [1.0] * 400}
curves_figure(shown, 0.01 * np.arange(400), ("seconds", "joint 1"))

# %% [markdown]
# ## 5 · A latency budget
#
# The picture was taken some time ago; drawing takes time, deciding takes time, and a command needs time to arrive. An arm that
# waits meanwhile stands still for seconds after each chunk. An arm that goes on has to **drop** the rows whose time has passed,
# by *measured* seconds, and must be asked for the next chunk early enough.

# %% [markdown] exercise="budget" difficulty=1 minutes=10
# ### Exercise 5: How early, and what is dropped?
#
# `stages` has seconds by stage, from exposure to the first command. Return two numbers:
#
# 1. how many rows must still be to come when the policy is asked, so that the arm never waits;
# 2. how many of the new chunk's rows can still be executed, of `rows`; 0 if none is left.
#
# Both count whole rows of `row` seconds: a row that has begun has passed.
#
# <details><summary>Hint</summary>
#
# Add up the stages, divide by `row`, round up. Rounding errors: 0.15 / 0.05 is a little more than 3; subtract 1e-9.
# </details>


# %% solution="budget"
from math import ceil


def budget(stages: dict[str, float], rows: int, row: float = 0.05) -> tuple[int, int]:
    """Return rows to ask ahead, and rows of the new chunk that are left."""
    ### BEGIN SOLUTION
    passed = ceil(sum(stages.values()) / row - 1e-9)
    return passed, max(rows - passed, 0)
    ### END SOLUTION


# %% check="budget" points=1
from genima_lite.checks.real_arm import check_budget

check_budget(budget)
### BEGIN HIDDEN TESTS
check_budget(budget, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="budget"
# **Why.** The second number says which policies can run at all without pauses. A diffusion model that draws for a second leaves
# nothing of a chunk of 20 rows: it has to be asked while the chunk before the last is executed, or be made faster.

# %%
# NBVAL_CHECK_OUTPUT
machines = {
    "a GPU, 5 steps": {"camera": 0.03, "draw": 0.25, "act": 0.02, "send": 0.02},
    "a GPU, 10 steps": {"camera": 0.03, "draw": 0.48, "act": 0.02, "send": 0.02},
    "two cores": {"camera": 0.03, "draw": 1.60, "act": 0.06, "send": 0.02},
}
for name, stages in machines.items():
    print(f"{name:16s}{sum(stages.values()) / 0.05:5.1f} of 20 rows pass meanwhile")

# %% [markdown]
# (Example numbers; measure your own with `genima-lite eval --backend arm`, whose report has seconds by stage.)
#
# On the twin the same is a setting, `ahead`. Here is what the arm is sent, and where it is: joints trail.

# %%
lagging = replace(settings, twin=replace(settings.twin, latency=0.05, lag=0.05))
late = make_env(replace(spec, cameras=(), arm=lagging))
late.reset(seed=1)
ramp = np.concatenate([np.linspace(0, 0.4, 21)[1:], np.full(10, 0.4)])
rows = np.column_stack([HOME + ramp[:, None] * one, np.ones(30)])
reached = []
late.execute(rows, lambda e: reached.append(e.observation.joint_positions[0]))
curves_figure(
    {"sent": ramp, "reached": reached}, 0.05 * np.arange(1, 31), ("seconds", "joint 1, rad")
)

# %% [markdown]
# 50 ms on the way and 50 ms of lag: at 0.4 rad/s the joint is 0.04 rad behind. A policy that was trained without lag sees an arm
# that is never where it was sent.
#
# > **On the real arm.** Measure the lag of yours before anything else: send a slow ramp at joint 7 in mode confirm.

# %%
if address := real_arm("sends joint 7 a ramp of 0.05 rad"):
    print(f"--arm.mode confirm --arm.address {address}")

# %% [markdown]
# ## 6 · Read the log
#
# Every chunk, clip, delay, halt and the end of each episode is a line of JSON in the log. A run failed tonight. Here is what it
# left.

# %%
import json
import tempfile
from collections import Counter
from pathlib import Path

from genima_lite.checks.real_arm import failed_run

path = Path(tempfile.mkdtemp()) / "arm.jsonl"
failed_run(path, seed=0)
events = [json.loads(line) for line in path.read_text().splitlines()]
for event in events[:3] + events[-3:]:
    print(str({k: v for k, v in event.items() if k not in ("asked", "measured")})[:110])

# %% [markdown] exercise="diagnose" difficulty=2 minutes=12
# ### Exercise 6: What happened?
#
# Return three things about a run's events, which are in the order in which they happened:
#
# 1. the `why` of the **first** halt, or `None`;
# 2. the joint (1 to 7) that was clipped most often **before** that halt, or `None` where none was; `joint` 8 is the gripper
#    and does not count;
# 3. how many episodes ended without success: events `ended` with `success` false.
#
# <details><summary>Hint 1</summary>
#
# What follows a halt is its consequence: stop counting clips there.
# </details>
# <details><summary>Hint 2</summary>
#
# `collections.Counter(...).most_common(1)`.
# </details>


# %% solution="diagnose"
from collections import Counter


def diagnose(events: list[dict]) -> tuple[str | None, int | None, int]:
    """Return the first halt's reason, the joint clipped most before it, and the failures."""
    ### BEGIN SOLUTION
    first = next((i for i, e in enumerate(events) if e["event"] == "halt"), None)
    why = None if first is None else events[first]["why"]
    clips = Counter(e["joint"] for e in events[:first] if e["event"] == "clip" and e["joint"] < 8)
    joint = clips.most_common(1)[0][0] if clips else None
    failed = sum(e["event"] == "ended" and not e["success"] for e in events)
    return why, joint, failed
    ### END SOLUTION


# %% check="diagnose" points=2
from genima_lite.checks.real_arm import check_diagnose

check_diagnose(diagnose)
### BEGIN HIDDEN TESTS
check_diagnose(diagnose, seed=1)
### END HIDDEN TESTS

# %%
print(dict(Counter(event["event"] for event in events)))
print(next(event["why"] for event in events if event["event"] == "halt"))

# %% [markdown] why="diagnose"
# **Why.** The last line of a log says that an episode failed. The first halt says why, and what was clipped before it often says
# it minutes earlier: a joint that is clipped again and again is a policy that wants to go where this arm cannot, as one that
# was taught on another robot does.

# %% [markdown]
# > **On the real arm.** The modes are, in this order: dry-run (the twin rehearses), confirm, slow, normal. `docs/safety.md` has the
# > checklist before each use, and what the software does *not* promise.

# %%
if address := real_arm("reads the joints, without moving"):
    print(f"FrankyArm('{address}', WallClock()).connect(), then read()")

# %% [markdown]
# ## Try it yourself
#
# - **A control.** `genima-lite eval --backend arm --policy expert` with and without `--arm.twin.latency 0.1`: does the expert,
#   which plans with open eyes, mind?
# - **An ablation.** `genima-lite calibrate --cameras front --postures 12`, and again with 36. Compare what it says the pose is
#   *known to* with how far it is off (`RLBENCH_MOUNTS["front"].pose`).
# - **A limitation.** The filter watches five points on the arm, and links that come near each other. What is between the points?
#   Find a posture in which the forearm is in the table and no point is (`genima_lite/envs/arm/workspace.py`).
#
# ## Where this lives in the library
#
# | idea | file |
# |---|---|
# | lens, hand-eye, overlay | `genima_lite/envs/arm/calibration/`, `genima_lite/calibrate.py` |
# | fading, dropping | `genima_lite/envs/arm/chunks.py` |
# | the safety filter, its proof | `genima_lite/envs/arm/safety.py`, `benchmarks/prove_safety.py` |
# | watchdog, modes, log | `genima_lite/envs/arm/` |
# | drivers and cameras | `genima_lite/envs/arm/drivers/` |
# | the twin | `genima_lite/envs/arm/twin/` |
#
# **References.** F. C. Park, B. J. Martin, *Robot Sensor Calibration: Solving AX = XB on the Euclidean Group*, 1994. M. Shah, *Solving
# the Robot-World/Hand-Eye Calibration Problem Using the Kronecker Product*, 2013. L. Berscheid, T. Kröger, *Jerk-limited Real-time
# Trajectory Generation with Arbitrary Target States*, 2021. M. Shridhar, Y. L. Lo, S. James, *Generative Image as Action Models*,
# CoRL 2024.
