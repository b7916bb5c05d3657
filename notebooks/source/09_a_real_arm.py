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
# | time to read and solve | about 110 minutes |
# | time to run | half a minute on two free cores; a GPU makes no difference |
# | reads | nothing |
# | writes | nothing that stays |
#
# Everything runs on the **twin**: the bench's physics behind the same functions as a real arm, with late commands, joints
# that trail behind, and noisy pictures. Nothing in this library has run on hardware (`docs/real_arm.md`). Boxes **on the real
# arm** name the command for it; their cells skip themselves where there is no arm. From notebook 01 you need what a camera's
# pose and intrinsics are; from 06, what a chunk is.

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast

rng = begin(seed=0)

# %% [markdown]
# ## 1 · Where is the arm in the picture?
#
# Genima draws spheres on camera pictures. It can only do so where **intrinsics** (focal length and middle of the picture) and
# **pose** (where the camera stands and looks) are known. In simulation they are given; on a table somebody has to find them, and
# they are wrong as soon as somebody leans on the tripod. The twin's arm as its front camera sees it; the policy's own time to
# think is set to nothing here:

# %%
import numpy as np

from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.panda import HOME
from genima_lite.viz.target_pictures import picture_grid

settings = ArmSettings(think=0.0)
spec = EnvSpec("push_button", ("front",), 256, backend="arm", arm=settings)
twin = make_env(spec)
twin.reset(seed=1)
low = HOME + np.array([0.25, 0.25, 0.1, -0.9, 0.2, 0.9, 0.3])  # where the front camera sees it all
twin.execute(np.column_stack([np.linspace(HOME, low, 31)[1:], np.ones(30)]))
seen = twin.observation
picture_grid({"front": seen.image("front")}, each=3.2).saying(
    "An arm from the front, bent over a table with a red button"
)

# %% [markdown]
# The joints say where the arm is, in metres in the world, without any camera. Where in the picture is that?

# %% [markdown] exercise="project" difficulty=1 minutes=8
# ### Exercise 1: Project the arm
#
# Return the pixels (column, row) of points in the world. `pose` is the camera's, **camera to world**, with x right, y down, z
# forward; `intrinsics` has the focal lengths on its diagonal and the middle of the picture in its last column.
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
# Now the library's projection, of the arm's seven joints and its tip, with the front camera's pose as it is, and turned about
# the vertical by two degrees and by five. Two degrees is what a hand does to a tripod; 1.5 metres away that is 5 cm.

# %%
from dataclasses import replace

from scipy.spatial.transform import Rotation

from genima_lite.cameras import mounted_camera
from genima_lite.panda import forward_kinematics


def turned(camera, degrees):
    """Return a camera with its pose turned about the world's z axis."""
    wrong = camera.pose.copy()
    wrong[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix() @ wrong[:3, :3]
    return replace(camera, pose=wrong)


frames, tip = forward_kinematics(seen.joint_positions)
chain = np.concatenate([frames, tip[None]])  # (8, 4, 4), base to tip
front = mounted_camera("front", 256, tip)

# %%
from genima_lite.viz.arm_frames import draw_frames

picture = seen.image("front")
right = front.project(chain[:, :3, 3])[0]  # (8, 2) pixels: column, row
left, top = right.min(axis=0) - 40
window = (left, left + 190, top, top + 190)
panels = {f"{d} degrees off": (turned(front, d), chain) for d in (0, 2, 5)}
draw_frames(picture, panels, window=window).saying(
    "The arm's joints as a line on the front camera's picture: on the arm at 0 degrees, beside its "
    "fingers at 2, beside all of it at 5"
)

# %% [markdown]
# On the left the line runs through the arm and ends between the fingers. In the middle it ends at a finger: few would notice,
# and yet spheres drawn with that camera teach a policy to press beside the button. Lean on the camera yourself: the spheres
# are those that Genima would draw for where the arm is now. From how many degrees on would you have noticed?

# %%
from genima_lite.viz.leaned_camera import lean_on

lean_on(seen)

# %% [markdown]
# `genima-lite calibrate` ends with this picture for each camera, so that a person looks. One mistake it finds itself: two
# cameras whose cables are **swapped**. It takes a picture, moves the arm, takes another, and asks where the two differ. If that
# is where the *other* camera should have seen the arm move, they are swapped.
#
# ## 2 · Hand-eye calibration
#
# How does one find a pose? Take a camera on the wrist, and a board with known corners on the table. Take pictures from several
# postures. (For a fixed camera it is the other way round, the board in the hand; the equation is the same.)

# %%
from genima_lite.viz.real_arm import hand_eye_sketch

hand_eye_sketch()

# %% [markdown]
# $A$ is the hand's motion from one posture to another, which the joints tell. $B$ is the camera's motion, which the board
# tells: it stays where it is, so what it seems to do is what the camera did. $X$ is the camera's pose in the hand, unknown and
# always the same. Two ways lead from the first hand to the second camera, and both must arrive at the same place:
#
# $$A X = X B.$$
#
# Look at the rotations first. Write each as a rotation vector, an arrow along its axis that is as long as its angle: $\alpha_i$
# of $A_i$, and $\beta_i$ of $B_i$. Then the equation says $\alpha_i = R_X \beta_i$: one rotation, that of $X$, lays all arrows of
# $B$ on those of $A$. Five pairs:

# %%
from genima_lite.checks.real_arm import noisy_motions
from genima_lite.viz.real_arm import arrows_figure

A, B, X = noisy_motions(np.random.default_rng(0), 6, metres=0.0, degrees=0.0)
arrows_figure(A, B, X[:3, :3])

# %% [markdown]
# Once $R_X$ is known, the translations of $A X = X B$ are linear equations in $t_X$, three for each pair:
#
# $$(R_{A_i} - I)\, t_X = R_X\, t_{B_i} - t_{A_i}.$$

# %% [markdown] exercise="hand_eye" difficulty=3 minutes=25
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
# Stack the N equations of three rows each: a matrix (3N, 3) and a right side (3N,). $R\, t$ of N vectors at once, a row each,
# is `t @ R.T`.
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
# How many postures does one need? Let the arm be 1 mm beside where its joints say, and the board 1 mm and 0.3 degrees beside
# where it is seen. PARK's method from OpenCV, which is the exercise in essence, 30 times for each number of postures:

# %%
from genima_lite.checks.real_arm import calibration_error
from genima_lite.viz.learning import curves_figure

postures, tries = (3, 5, 10, 20, 40), 4 if fast() else 30
error = [calibration_error(rng, count, tries) for count in postures]
curves_figure({"median": error}, postures, ("postures", "camera off by, mm"))

# %% [markdown]
# Three postures are enough to solve it and too few to trust it. From ten on it is a couple of millimetres, and after that four
# times as many postures halve the error, as means do. The library takes 60, and goes one step further: from PARK's answer it
# fits camera, board and lens to all corners at once, each weighed with the pixels and millimetres by which camera and arm err.
# On simulated boards this halves the error (`benchmarks/bench_calibration.py`, table in `docs/real_arm.md`).
#
# > **On the real arm.** A command looks whether the cameras still stand where `calibration.json` says.

# %%
from genima_lite.checks.course import real_arm

if address := real_arm("prints the command"):
    print(f"genima-lite calibrate --check --arm.address {address}")

# %% [markdown]
# ## 3 · The border of two chunks
#
# A policy gives joint targets in chunks: 20 rows, 50 ms each. The next chunk comes from a later picture, and never begins
# exactly where the last one ended. An arm has limits of velocity, acceleration and **jerk**, the third derivative of the
# position by time: beyond them it stops by itself, and a person has to come.

# %% [markdown] exercise="largest_jerk" difficulty=2 minutes=8
# ### Exercise 3: Jerk of a border
#
# Return the largest absolute jerk of one joint's positions, sampled every `dt` seconds. Take differences of neighbours for
# derivatives.
#
# <details><summary>Hint 1</summary>
#
# Velocity is a first difference divided by `dt`. What is the derivative of that, and of that?
# </details>
# <details><summary>Hint 2</summary>
#
# `np.diff` can take differences of differences: its second argument says how often. How often did you divide?
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
# Two chunks of the same motion of joint 1, at 0.4 rad/s; the second lies 0.02 rad (a degree) beside the first, and takes over
# after ten rows. Three ways to go on: as they are; **faded**, where for five rows the old chunk's share falls and the new one's
# grows; and faded and sent through the library's filter, which plans motions of limited jerk through the rows (ruckig). An arm
# is sent a position each millisecond.

# %%
from genima_lite.checks.real_arm import filtered_path, straight_path
from genima_lite.envs.arm.chunks import fade
from genima_lite.envs.arm.limits import FER
from genima_lite.panda import to_franka

start, first = to_franka(HOME), np.eye(8)[0]  # of the eight numbers of a row, joint 1
old = np.append(start, 1.0) + 0.02 * np.arange(1, 21)[:, None] * first
new = old + 0.02 * first
faded = np.vstack([old[:10], fade(old[10:], new[10:])])
ways = {
    "as they are": straight_path(start, np.vstack([old[:10], new[10:]])),
    "faded": straight_path(start, faded),
    "faded and filtered": filtered_path(start, faded),
}

# %%
# NBVAL_CHECK_OUTPUT
for name, way in ways.items():
    jerk = np.abs(np.diff(way, 3)).max() / 0.001**3
    print(f"{name:20s}{jerk / FER.jerk[0]:6.1f} of the limit of {FER.jerk[0]:.0f} rad/s^3")

# %%
from genima_lite.viz.real_arm import border_figure

border_figure(ways, FER.jerk[0], at=0.525)

# %% [markdown]
# Fading makes the corner flatter, and leaves a second one where it ends. It is still a corner, and a corner's jerk has no bound:
# sent ten times as often, it would be a hundred times as large. Only a motion that is planned with limited jerk stays within.
# Starting from rest and coming to rest at the end are borders, too: see the marks at both edges.

# %% [markdown]
# ## 4 · A safety filter in one dimension
#
# "Within the limits now" is not enough: a joint that is 0.01 rad before its end at full speed is within all limits, and lost.
# What a filter has to promise is that an arm which is told nothing more **comes to rest** within its limits. Then any command can
# be refused, at any time.
#
# Take one joint that starts at rest, with a largest speed `top`, a largest acceleration `a`, and one wall above it. Each step of
# `dt` seconds, a policy asks for a velocity, and the filter gives one, with which the joint moves for that step. Braking with
# acceleration $a$, a joint of velocity $v$ goes on for $v^2 / 2a$ until it rests.

# %% [markdown] exercise="allowed" difficulty=3 minutes=20
# ### Exercise 4: Stop in time
#
# Return the new velocity $v'$, as near to `asked` as three rules let it be:
#
# - it is no faster than `top`, in either direction;
# - it differs from `v`, the velocity of the step before, by at most `a * dt`;
# - it leaves room to stop. The joint moves by $v' dt$ in this step, then brakes: $q + v' dt + v'^2 / 2a$ is not beyond the wall.
#
# Can the third rule ask for harder braking than the second allows? Not if all three were kept in every step since rest, so you
# need not think of that case.
#
# <details><summary>Hint 1</summary>
#
# The first two rules are two `np.clip`s. The third is an upper bound of $v'$: solve $v'^2 / 2a + v' dt = r$ for $v'$, a quadratic
# equation, with the room $r =$ `wall - q`.
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
# Somebody who asks for twice the allowed speed, against a wall at 1 rad, changes the mind after a second, and pushes again after
# another one. With the filter as it should be:

# %%
from genima_lite.checks.real_arm import pushed_at_a_wall
from genima_lite.viz.real_arm import wall_figure

asked = np.array([3.0, -1.0, 3.0, 3.0]).repeat(100)
places, speeds = pushed_at_a_wall(asked, wall=1.0, top=1.5, a=4.0, dt=0.01)
wall_figure(asked, places, speeds, wall=1.0, step=0.01)

# %% [markdown]
# It begins to brake 0.4 seconds before the wall, although nobody asked it to, and stands at the wall as long as it is pushed.

# %% [markdown]
# ## 5 · A latency budget
#
# The picture was taken some time ago; drawing takes time, deciding takes time, and a command needs time to arrive. An arm that
# waits meanwhile stands still after each chunk. An arm that goes on executes rows of the old chunk meanwhile, so the policy has
# to be **asked early** enough that the old rows last. And the new chunk was decided on for the moment of the picture: its first
# rows are late when it arrives. The arm **drops** as many as have passed by the clock.

# %% [markdown] exercise="budget" difficulty=1 minutes=10
# ### Exercise 5: How early, and what is dropped?
#
# `stages` has seconds by stage, from the picture to the first command's arrival. Return two numbers:
#
# 1. how many rows of the old chunk must be left when the picture is taken, so that the arm never waits;
# 2. how many of the new chunk's `rows` are left when it arrives, 0 if none is.
#
# Both are whole rows of `row` seconds. A row that has begun is over, so round up what passes.
#
# <details><summary>Hint</summary>
#
# Add up the stages, divide by `row`, round up. Beware of rounding errors: `(0.1 + 0.05) / 0.05` is a little more than 3, and
# `ceil` makes 4 of it; subtract 1e-9 first.
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

# %% [markdown]
# A budget for four machines. The first is the shipped model (a decision takes 0.06 s on two cores, `docs/how-it-works.md`); the
# others are **examples**, made up to show what a larger model does. `genima-lite eval --backend arm` measures yours: its report has
# seconds by stage.

# %%
# NBVAL_CHECK_OUTPUT
machines = {
    "ours, two cores": {"camera": 0.03, "draw": 0.05, "act": 0.01, "send": 0.02},
    "large, 5 steps": {"camera": 0.03, "draw": 0.25, "act": 0.02, "send": 0.02},
    "large, 10 steps": {"camera": 0.03, "draw": 0.48, "act": 0.02, "send": 0.02},
    "large, no GPU": {"camera": 0.03, "draw": 1.60, "act": 0.06, "send": 0.02},
}
for name, stages in machines.items():
    print(f"{name:16s}{sum(stages.values()) / 0.05:5.1f} of 20 rows pass meanwhile")

# %%
from genima_lite.viz.real_arm import budget_figure

budget_figure(machines, rows=20, row=0.05)

# %% [markdown]
# The last machine needs 34 rows' time for 20 rows: when a chunk arrives, all of it has passed. Such a policy can only run with
# pauses.
#
# ### Joints trail behind
#
# There is a second delay, behind the command: the arm needs time to follow. What it is sent, and where it is, on a twin that is
# told of commands 50 ms late and follows them with a lag of 50 ms:

# %%
lagging = replace(settings, twin=replace(settings.twin, latency=0.05, lag=0.05))
late = make_env(replace(spec, cameras=(), arm=lagging))
late.reset(seed=1)
ramp = np.concatenate([np.linspace(0, 0.4, 21)[1:], np.full(10, 0.4)])
rows = np.append(HOME, 1.0) + ramp[:, None] * first
reached = []
late.execute(rows, lambda e: reached.append(e.observation.joint_positions[0]))
curves_figure(
    {"sent": ramp, "reached": reached}, 0.05 * np.arange(1, 31), ("seconds", "joint 1, rad")
)

# %% [markdown]
# Together 0.1 s: at 0.4 rad/s the joint is 0.04 rad behind. A policy that was trained without lag sees an arm that is not yet
# where it was sent. Does that harm? It was measured: with 60 ms of both and noisy pictures genima solved 74 of 80 scenes, without
# any 75 (`docs/real_arm.md`, "What the twin costs"). Why might that be? (An action is an absolute posture, and the arm had come to
# rest before each picture. With `--arm.ahead 8` it has not.)
#
# > **On the real arm.** Measure the lag of yours before anything else: a slow ramp of joint 7, each chunk confirmed by you.

# %%
if address := real_arm("prints the options"):
    print(f"--arm.mode confirm --arm.address {address}")

# %% [markdown]
# ## 6 · Read the log
#
# Every event is a line of JSON in the log, in the order in which it happened. A run of two episodes failed tonight. Here is what
# it left, one line of each kind:
#
# | event | what it says |
# |---|---|
# | `episode`, `ended` | begin and end of an episode; `success` is true or false |
# | `chunk` | what the policy asked for |
# | `clip` | a number of a row that was beyond its range: `joint` 1 to 7, 8 for the gripper; `asked` and `given` |
# | `slowed` | a row that would have been too fast, and how long it lasts instead |
# | `halt` | the arm holds; `why` |

# %%
import json
import tempfile
from pathlib import Path

from genima_lite.checks.real_arm import failed_run

path = Path(tempfile.mkdtemp()) / "arm.jsonl"
failed_run(path, seed=0)
events = [json.loads(line) for line in path.read_text().splitlines()]
for kind in dict.fromkeys(event["event"] for event in events):
    print(json.dumps(next(event for event in events if event["event"] == kind))[:95])

# %%
from genima_lite.viz.real_arm import log_figure

log_figure(events)

# %% [markdown] exercise="diagnose" difficulty=2 minutes=12
# ### Exercise 6: What happened?
#
# Return three things about a run's events:
#
# 1. the `why` of the **first** halt; `None` if there was no halt;
# 2. the joint, 1 to 7, that was clipped most often **before** that halt, or in the whole run if there was no halt; `None` if no
#    joint was clipped. The gripper, 8, does not count;
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
for halt in (event for event in events if event["event"] == "halt"):
    print(f"{halt['seconds']:.2f} s: {halt['why']}")

# %% [markdown]
# So what happened? Both halts say the same: a chunk's first row lies 1.4 rad from where joint 1 is measured. An arm does not jump,
# a policy does. And half a second before, each time, the policy had already asked for joint angles beyond the end of a joint (5,
# then 7) and for a gripper opened to 1.2 of 1. It is not one joint, so not one motor; it is the policy's numbers, of the joints
# and of the gripper alike. The first thing to look at is how its outputs are scaled back to radians, and whether it was trained
# on this arm. The filter has done its part: nothing that lay beyond a limit reached the arm.

# %% [markdown] why="diagnose"
# **Why.** The last line of a log says that an episode failed. The first halt says why, and what was clipped before it often says
# it minutes earlier: a joint that is clipped again and again is a policy that wants to go where this arm cannot, as one that
# was taught on another robot does.

# %% [markdown]
# > **On the real arm.** The first thing to do is to read the joints, without moving. The modes are, in this order: dry-run (the twin rehearses), confirm, slow, normal. `docs/safety.md` has the
# > checklist before each use, and what the software does *not* promise.

# %%
if address := real_arm("prints the call"):
    print(f"FrankyArm('{address}', WallClock()).connect(), then read()")

# %% [markdown]
# ## Try it yourself
#
# - **A control.** `genima-lite eval --backend arm --policy expert` with and without `--arm.twin.latency 0.1`: the expert knows the
#   scene and plans once. Does the latency harm it?
# - **An ablation.** `genima-lite calibrate --cameras front --postures 12`, and again with 60. Compare what it says the pose is
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
# | watchdog, modes, log | `genima_lite/envs/arm/watchdog.py`, `genima_lite/envs/arm/modes.py`, `genima_lite/envs/arm/log.py` |
# | drivers and cameras | `genima_lite/envs/arm/drivers/` |
# | the twin | `genima_lite/envs/arm/twin/` |
#
# **References.** F. C. Park, B. J. Martin, *Robot Sensor Calibration: Solving AX = XB on the Euclidean Group*, 1994. M. Shah, *Solving
# the Robot-World/Hand-Eye Calibration Problem Using the Kronecker Product*, 2013. L. Berscheid, T. Kröger, *Jerk-limited Real-time
# Trajectory Generation with Arbitrary Target States*, 2021. M. Shridhar, Y. L. Lo, S. James, *Generative Image as Action Models*,
# CoRL 2024.
