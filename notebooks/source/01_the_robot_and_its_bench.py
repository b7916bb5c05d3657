# %% [markdown]
# # 01 · The robot and its bench
#
# **An arm is seven numbers, a camera is two matrices, a demonstration is a table of both. Most bugs
# of robot learning live in the conventions between them, and none of those bugs raises an error.**
#
# After this notebook you can
#
# - compute where every joint of a Panda arm is from its seven angles, and say which commands it
#   cannot obey;
# - move a point from the world into any camera's picture and back, whatever axes the camera's
#   author liked;
# - read a demonstration: observations, absolute joint actions, chunks of K = 20 of them;
# - find your way through RLBench's files, and collect a small dataset of your own;
# - recognise a dozen wrong conventions by what they look like.
#
# | | |
# |---|---|
# | time to read and solve | two hours; a good place to pause is before section 5 |
# | time to run | under a minute on two cores; a GPU changes nothing |
# | reads | nothing: the bench makes everything live |
# | writes | a temporary folder, removed at the end |

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast

rng = begin(seed=0)

# %% [markdown]
# ## 1 · A demonstration, first of all as pictures
#
# The *bench* is a small copy of RLBench: a table, a Franka Panda arm, five cameras, eight tasks. A
# *task* comes with a scripted *expert* that knows where everything stands and drives there. Its
# episodes are the demonstrations from which Genima learns. Most tasks have *variations*, such as
# which drawer is meant, each with its own sentences.
#
# Here is one demonstration. It takes two seconds to record: the simulation runs in this process.
# The seed says where the pan stands.

# %%
# NBVAL_CHECK_OUTPUT
import numpy as np

from genima_lite.demos.collect import record_demo
from genima_lite.envs.bench.env import BenchEnv

np.set_printoptions(precision=3, suppress=True)
env = BenchEnv("take_lid_off_saucepan", image_size=256, depth=True, render_mode="rgb_array")
demo = record_demo(env, seed=28, variation=0)
instruction = env.task.instructions(0)[0]
print(f"'{instruction}'")

# %%
from genima_lite.viz import filmstrip

filmstrip(demo, 6, env.task_name, instruction)

# %% [markdown]
# Each picture is four views tiled two by two, as the paper's diffusion model sees them. Below them
# are the seven joint angles over time; angles are in radians throughout, and 1 rad is 57°. The broad
# pale lines are what the arm *did*, the thin dashed ones are what it was *told*. The band at the
# bottom is the gripper.
#
# One step lasts 50 ms. We pick one observation to look at closely: eight steps before the gripper
# closes on the knob.

# %%
closes = next(t for t in range(len(demo)) if demo[t].gripper_open < 0.5)
seen = demo[closes - 8]
print("joint positions (rad)", seen.joint_positions)
print("gripper open         ", seen.gripper_open)
print("tip position (m)     ", seen.gripper_pose[:3])
print("front picture        ", seen.front_rgb.shape, seen.front_rgb.dtype)

# %% [markdown]
# ## 2 · From seven angles to eight frames
#
# Genima never shows angles to its diffusion model. It shows *where joints are*: coloured spheres at
# the joints' places (paper, section 3.1). Whoever wants to draw them must turn angles into places.
# This is *forward kinematics*.
#
# A **frame** is a point with three axes, written as a 4×4 matrix: the first three columns are the
# axes, the fourth is the point. (The last row is always 0 0 0 1.) Joint k turns about the **z
# axis** of frame k, the blue one. The last frame is the *tip*, between the fingers.

# %%
from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.viz.arm_frames import draw_frames


def arm_at(joint_positions: np.ndarray) -> np.ndarray:
    """Return the frames of the seven joints and of the tip, (8, 4, 4) to world, metres."""
    joints, tip = panda.forward_kinematics(joint_positions)
    return np.concatenate([joints, tip[None]])


# %%
ARM = (90, 235, -20, 165)  # the arm in the front view: left, right, top, bottom in pixels
NAMES = ("1", "2", "3", "4", "5", "6", "7", "tip")

front = Camera.from_observation(seen, "front")
arm = arm_at(seen.joint_positions)
growing = {
    "joints 1 and 2": (front, arm[:2]),
    "joints 1 to 4": (front, arm[:4]),
    "all seven, and the tip": (front, arm),
}
draw_frames(seen.front_rgb, growing, axis=0.09, window=ARM, names=NAMES)

# %% [markdown]
# Eight frames, but only six dots: joints 1 and 2 share a point, and so do joints 5 and 6. They turn
# about different axes there, as your shoulder does. And frame 3 sits at the elbow, though joint 3
# twists the upper arm: a frame may stand anywhere on its joint's axis.
#
# ### Two kinds of step
#
# The way from one joint to the next has a part that never changes, the metal **link** $L_k$, and a
# part that does, the **turn** $R_z(q_k)$ about the joint's own z axis. Each is a 4×4 matrix, and
# so is the whole way: their product. From left to right, each step is meant *in the frame that the
# steps before it have reached*. Order matters, as a walk on the floor shows:

# %%
# NBVAL_CHECK_OUTPUT
from genima_lite.transforms import inverse, pose_matrix


def turn_z(angle: float) -> np.ndarray:
    """Return the (4, 4) rotation by an angle in radians about z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


ahead, left = pose_matrix([1, 0, 0]), turn_z(np.pi / 2)
print("one metre ahead, then turn left: ends at", (ahead @ left)[:3, 3].round(6) + 0.0)
print("turn left, then one metre ahead: ends at", (left @ ahead)[:3, 3].round(6) + 0.0)

# %% [markdown]
# Franka publishes its links in *modified Denavit-Hartenberg* form, three numbers per link: twist by
# $\alpha$ about x, then walk $a$ along x and $d$ along z. We put them into seven matrices, `LINKS`.
# Links 2 and 6 walk nowhere: hence the two shared points.

# %%
TWISTS = [0, -90, 90, 90, -90, 90, 90]  # alpha: degrees about x
WALKS_X = [0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088]  # a: metres along x
WALKS_Z = [0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0]  # d: metres along z


def turn_x(angle: float) -> np.ndarray:
    """Return the (4, 4) rotation by an angle in radians about x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]])


numbers = zip(TWISTS, WALKS_X, WALKS_Z, strict=True)
LINKS = np.stack([turn_x(np.deg2rad(alpha)) @ pose_matrix([a, 0, d]) for alpha, a, d in numbers])

# %% [markdown] exercise="joint_frames" difficulty=2 minutes=15
# ### Exercise 1: seven frames
#
# Return the seven joints' frames. Start at the robot's base, `panda.BASE`, and go through the arm.
# Before each turn, keep the frame: RLBench stores joint k's frame $F_k$ **before the joint's own
# rotation**,
#
# $$F_1 = B\,L_1, \qquad F_{k+1} = F_k\,R_z(q_k)\,L_{k+1},$$
#
# with $B$ the base's frame and $q_k$ joint k's angle as *Franka* counts it.
#
# That last word is the trap. The angles in an observation are RLBench's, and the two do not agree
# where joint 4 has its zero: they are four degrees apart. `panda.to_franka` converts.
#
# You have `LINKS` (7, 4, 4), `turn_z(angle)` and `panda.BASE` (4, 4).
#
# <details><summary>Hint 1</summary>
# Keep one variable for where you are. It begins at the base. Two things happen per joint: you walk
# a link and you turn. Between the two you write down where you are.
# </details>
# <details><summary>Hint 2</summary>
# A step that is meant in your own frame is multiplied from the right: <code>frame = frame @
# step</code>.
# </details>
# <details><summary>Hint 3</summary>
# Loop over <code>zip(LINKS, panda.to_franka(joint_positions))</code>; append <code>frame @
# link</code> to a list, go on from there with <code>@ turn_z(angle)</code>, and
# <code>np.stack</code> the list.
# </details>


# %% solution="joint_frames"
def joint_frames(joint_positions: np.ndarray) -> np.ndarray:
    """Return each joint's frame before its own rotation, (7, 4, 4) to world, metres.

    joint_positions: (7,) radians, RLBench's angles.
    """
    ### BEGIN SOLUTION
    frame, frames = panda.BASE, []
    for link, angle in zip(LINKS, panda.to_franka(joint_positions), strict=True):
        frames.append(frame @ link)
        frame = frames[-1] @ turn_z(angle)
    return np.stack(frames)
    ### END SOLUTION


# %% check="joint_frames" points=3
from genima_lite.checks.robot import check_joint_frames

check_joint_frames(joint_frames)
### BEGIN HIDDEN TESTS
check_joint_frames(joint_frames, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="joint_frames"
# **Why.** Each factor is a step taken in the frame that was reached before it, so new factors go to
# the right. Keeping $F_k$ before the turn makes its axes independent of $q_k$ itself: joint 1's
# frame never moves at all. And the four degrees are no rounding matter. They move everything behind
# joint 4 by several centimetres, as the next picture shows.

# %% [markdown]
# The library's `panda.forward_kinematics` is the same loop. Two lines changed: `turn_z` is written
# for whole arrays of angles, so that a thousand postures cost hardly more than one; and after the
# seventh turn it walks on to the tip.
#
# Now let us get it wrong on purpose. The dashed line is where the arm really is.

# %%
q = seen.joint_positions
turned = arm.copy()
turned[:7] = arm[:7] @ np.stack([turn_z(angle) for angle in panda.to_franka(q)])
mistakes = {
    "right": arm,
    "four degrees forgotten": arm_at(panda.from_franka(q)),
    "kept after the turn": turned,
}
tip_off = np.linalg.norm(mistakes["four degrees forgotten"][-1, :3, 3] - arm[-1, :3, 3])
print(f"four degrees move the tip by {100 * tip_off:.1f} cm")
panels = {name: (front, chain) for name, chain in mistakes.items()}
draw_frames(seen.front_rgb, panels, axis=0.09, window=ARM, truth=arm)

# %% [markdown]
# The middle one is the nasty sort of bug: the arm looks plausible, and every sphere from the wrist
# on sits a few centimetres off, in training and in evaluation alike. The rightmost one hides even
# better. All dots are where they should be; only axes are turned (look at the elbow). Genima's
# spheres carry **stripes** across their x axis, so there it would be the stripes that lie.
#
# ## 3 · What the arm cannot do
#
# Each joint has a lower and an upper limit. Genima commands absolute joint angles, and nothing
# stops a network from asking for a posture outside them. Somebody has to notice. As examples, two
# postures that a bug easily asks for: all zeros, as in a fresh array, and the *home* posture, in
# which every episode starts, with its signs flipped.

# %%
from genima_lite.viz.joint_ranges import joint_ranges

measured = np.stack([observation.joint_positions for observation in demo])
postures = {"all zeros": np.zeros(7), "home with its signs flipped": -panda.HOME}
joint_ranges(panda.LOWER, panda.UPPER, measured, postures)

# %% [markdown]
# Pale bars: what is allowed. Coloured bars: where the demonstration went. Red marks: commands
# outside. Look at joint 4. **Zero is not a legal angle for it**, a fact that will come back when we
# pad a sequence of actions.
#
# Move the joints yourself, each within its limits. The spheres sit on the arm's own joints: the base
# (joint 2, red), the elbow (4, green), the wrist (6, purple) and the gripper (the tip, cyan). Which
# joint moves no sphere from its place, and what does it move? (Without a running kernel you see the
# home posture only.)
#
# <details><summary>Answer</summary>
# Joint 7. Its axis goes through the tip, so it turns the gripper's sphere on the spot: only the
# stripes move, and what the wrist camera sees. Stripes are not decoration, then. Without them nobody
# could read joint 7 off the spheres.
# </details>

# %%
from genima_lite.viz.widgets import move_joints

move_joints("take_lid_off_saucepan")

# %% [markdown] exercise="excess" difficulty=1 minutes=6
# ### Exercise 2: beyond the limits, and by how much
#
# For joint angles in RLBench's convention, return by how many radians each is beyond its limit: 0
# inside, **positive above** the upper limit, **negative below** the lower one. One posture (7,) must
# work, and so must an array of many, (N, 7).
#
# The arm's limits are `panda.FRANKA_LOWER` and `panda.FRANKA_UPPER`, both (7,), and as the names say
# they are in *Franka's* angles. (`panda.LOWER` and `panda.UPPER`, the pale bars above, are a little
# narrower: they are legal in both conventions.)
#
# <details><summary>Hint 1</summary>
# How far is a number from the nearest number that is allowed?
# </details>
# <details><summary>Hint 2</summary>
# <code>np.clip</code> gives that nearest number. Both sides of the subtraction must be in the same
# convention.
# </details>


# %% solution="excess"
def excess(joint_positions: np.ndarray) -> np.ndarray:
    """Return by how much joints are beyond their limits, (..., 7) radians with a sign.

    joint_positions: (..., 7) radians, RLBench's angles; must not be changed.
    """
    ### BEGIN SOLUTION
    angles = panda.to_franka(joint_positions)
    return angles - np.clip(angles, panda.FRANKA_LOWER, panda.FRANKA_UPPER)
    ### END SOLUTION


# %% check="excess" points=2
from genima_lite.checks.robot import check_excess

check_excess(excess)
### BEGIN HIDDEN TESTS
check_excess(excess, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="excess"
# **Why.** `clip` is the projection onto the allowed box, so the difference is exactly what is too
# much, sign included. The conversion matters here because Genima's reference code applies Franka's
# numbers to RLBench's angles, four degrees off at joint 4. The library's `panda.LOWER` and
# `panda.UPPER` allow only what both readings allow.

# %% [markdown]
# The bench clips such a command and warns once per episode and joint; `out_of_limits="raise"` makes
# it an error. Ask it for the posture zero. (`execute` runs a chunk of actions and takes no pictures.)

# %%
# NBVAL_CHECK_OUTPUT
import warnings

env.reset(seed=28)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    env.execute(np.append(np.zeros(7), 1.0)[None])
print(caught[0].message)

# %% [markdown]
# ## 4 · Cameras: a pose and a pinhole
#
# RLBench has five cameras. Four are bolted to the room, the fifth rides on the wrist, so its pose
# differs at every step. Thick lines show where each looks, thin ones the edges of its view. (From
# the side, the left shoulder camera hides behind the right one.)

# %%
from genima_lite.observation import CAMERAS
from genima_lite.viz.arm_frames import camera_map

camera_map({name: Camera.from_observation(seen, name) for name in CAMERAS}, arm)

# %% [markdown]
# How does such a camera see a point? Here is one from above, $x$ to its right and $z$ straight ahead:

# %%
from genima_lite.viz.arm_frames import pinhole_from_above

pinhole_from_above()

# %% [markdown]
# The small triangle is in pixels, the large one in metres. They are similar, so
# $(u - c_x) / f_x = x / z$, and that is all there is to a **pinhole camera**. It takes two matrices
# to write it down for any camera.
#
# - Its **pose** $P$ (4×4) is a frame like the arm's: the columns are the camera's axes and its
#   place, in the world. It maps *camera coordinates to world coordinates*, hence "camera-to-world".
#   RLBench calls it `extrinsics`. Beware: many computer-vision texts give that name to the inverse.
# - Its **intrinsics** $A$ (3×3) hold two focal lengths and the picture's centre, all in pixels.
#   (Books say $K$; here $K$ is the paper's number of actions.) The front camera has
#   $f_x = f_y = 352$ and $c_x = c_y = 128$ for its 256 pixels.
#
# $$A = \begin{pmatrix} f_x & 0 & c_x \\ 0 & f_y & c_y \\ 0 & 0 & 1 \end{pmatrix}$$
#
# To find the pixel of a world point $X$, take it into the camera's coordinates, where it is
# $(x, y, z)$, then divide by the depth $z$. The result is $u$, counted in columns, and $v$, counted
# in rows. (The 1 below each point lets one matrix both turn and move it.)
#
# $$\begin{pmatrix} x \\ y \\ z \\ 1 \end{pmatrix} = P^{-1} \begin{pmatrix} X \\ 1 \end{pmatrix},
# \qquad u = f_x \frac{x}{z} + c_x, \qquad v = f_y \frac{y}{z} + c_y.$$
#
# The last two equations together are $(u, v, 1) = A\,(x, y, z) / z$. The first thing needed is
# $P^{-1}$.

# %% [markdown] exercise="world_to_camera" difficulty=1 minutes=7
# ### Exercise 3: turn a pose round
#
# A pose consists of a rotation $R$ (3×3), its first three columns, and a position $p$, its fourth.
# It maps a point $a$ to $b = Ra + p$. Return the inverse, again as a 4×4 matrix, without
# `np.linalg.inv`. A rotation's inverse is its transpose, $R^{-1} = R^\top$.
#
# <details><summary>Hint 1</summary>
# Solve b = R a + p for a. What stands in front of b, and what is the constant?
# </details>
# <details><summary>Hint 2</summary>
# a = Rᵀ b − Rᵀ p. The constant is not −p: it is −p seen with the camera's axes.
# </details>


# %% solution="world_to_camera"
def world_to_camera(pose: np.ndarray) -> np.ndarray:
    """Return the inverse of a rigid transform.

    pose: (4, 4) camera to world, metres. Returns (4, 4) world to camera.
    """
    ### BEGIN SOLUTION
    result = np.eye(4)
    result[:3, :3] = pose[:3, :3].T
    result[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return result
    ### END SOLUTION


# %% check="world_to_camera" points=2
from genima_lite.checks.robot import check_world_to_camera

check_world_to_camera(world_to_camera)
### BEGIN HIDDEN TESTS
check_world_to_camera(world_to_camera, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="world_to_camera"
# **Why.** $b = Ra + p$ gives $a = R^\top b - R^\top p$. The position of the inverse answers another
# question: where is the *world's* origin, seen from the camera? That is why $p$ has to be turned.
# `transforms.inverse` does the same for arrays of poses; it is exact where a general matrix
# inversion would only be close.

# %% [markdown]
# With it, projection is four lines. First by hand (`inverse` is the library's
# version of your function), then the library's:

# %%
# NBVAL_CHECK_OUTPUT
tip_point = arm[-1, :3, 3]
local = inverse(front.pose) @ np.append(tip_point, 1.0)
image = front.intrinsics @ local[:3]
pixel = image[:2] / image[2]

theirs, depth = front.project(tip_point)
print("the same pixel:", np.allclose(pixel, theirs))
print("the same depth:", np.isclose(local[2], depth))

# %% [markdown]
# ### Three families of axes
#
# "Camera axes" are a matter of taste, and there are three tastes in this project. The pictures show
# each family's axes from behind the camera; it looks into the page, along the grey box. A family is
# a diagonal matrix: its columns say where x, y and z point, in OpenCV's axes.

# %%
from genima_lite.viz.arm_frames import axes_conventions

OPENGL_IN_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])  # x the same, y up, z backward
RLBENCH_IN_OPENCV = np.diag([-1.0, -1.0, 1.0, 1.0])  # x left, y up, z the same
families = {
    "OpenCV, and this library": np.eye(3),
    "OpenGL and MuJoCo": OPENGL_IN_OPENCV[:3, :3],
    "RLBench": RLBENCH_IN_OPENCV[:3, :3],
}
axes_conventions(families)

# %% [markdown]
# RLBench's x points left and its y up. To make up for it, RLBench stores **negative focal
# lengths**: two minus signs that cancel. Used together, its two matrices are right. The trouble
# begins when you combine one of them with another program's other.

# %% [markdown] exercise="from_rlbench" difficulty=2 minutes=10
# ### Exercise 4: from RLBench's axes to OpenCV's
#
# Convert RLBench's pair of matrices into a pose with OpenCV's axes (x right, y down, z forward) and
# intrinsics with positive focal lengths. The camera must not move, and the picture's centre stays.
# `RLBENCH_IN_OPENCV` helps. Does it belong on the left of the pose or on its right?
#
# <details><summary>Hint 1</summary>
# The axes are the <em>columns</em> of the pose. Two of them must change their sign; the position
# must not.
# </details>
# <details><summary>Hint 2</summary>
# A diagonal matrix on the left scales rows, on the right it scales columns.
# </details>
# <details><summary>Hint 3</summary>
# <code>extrinsics @ RLBENCH_IN_OPENCV</code> for the pose (the matrix is its own inverse). In the
# intrinsics the focal lengths are the entries [0, 0] and [1, 1].
# </details>


# %% solution="from_rlbench"
def from_rlbench(extrinsics: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pose (4, 4), camera (OpenCV axes) to world, and intrinsics (3, 3), focal lengths > 0.

    extrinsics: (4, 4) camera (RLBench's axes) to world.
    intrinsics: (3, 3) pixels, with negative focal lengths.
    """
    ### BEGIN SOLUTION
    return extrinsics @ RLBENCH_IN_OPENCV, intrinsics @ np.diag([-1.0, -1.0, 1.0])
    ### END SOLUTION


# %% check="from_rlbench" points=2
from genima_lite.checks.robot import check_from_rlbench

check_from_rlbench(from_rlbench)
### BEGIN HIDDEN TESTS
check_from_rlbench(from_rlbench, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="from_rlbench"
# **Why.** We re-name the axes of the camera's own frame, before anything moves it into the world.
# So the change happens on the right, next to the camera's coordinates, and the fourth column, its
# place, stays. On the left it would mirror the *world*. The same diagonal matrix has to be taken
# out of the intrinsics, or the picture is turned upside down: $A' P'^{-1} = (A S)(S P^{-1})$ with
# $S S = 1$.

# %% [markdown]
# ### What wrong conventions look like
#
# The arm again, drawn with the right camera and with five wrong ones. None of them raises an error.
# Guess from the titles what you will see.

# %%
extrinsics, negative = front.to_rlbench()
cameras = {
    "right": front,
    "RLBench's axes taken as they are": Camera(front.intrinsics, extrinsics),
    "its negative focal length kept": Camera(negative, front.pose),
    "OpenGL's axes taken as they are": Camera(front.intrinsics, front.to_opengl()),
    "multiplied from the left": Camera(front.intrinsics, RLBENCH_IN_OPENCV @ extrinsics),
    "pose not inverted": Camera(front.intrinsics, inverse(front.pose)),
}
draw_frames(seen.front_rgb, {title: (camera, arm) for title, camera in cameras.items()})

# %% [markdown]
# Learn to read them, row by row.
#
# - Panels 2 and 3: the arm is turned by 180° about the picture's middle. One of the two minus signs
#   is missing.
# - Panel 4: **mirrored** left to right, and all points lie *behind* the camera. The formula does
#   not notice a negative $z$; a renderer that does shows nothing at all.
# - Panels 5 and 6: nothing fits. The camera stands somewhere else.
#
# A good habit: draw something you know, such as the arm, before you train on what you drew.
#
# ## 5 · From a pixel back into the world
#
# A depth picture makes a camera a measuring device: each pixel with its depth is a point in the
# room. Three conventions decide whether it is the right one.
#
# - **Stored depth is a fraction** $\delta$ in [0, 1] between a near and a far plane. In metres it
#   is $z = \text{near} + \delta\,(\text{far} - \text{near})$.
# - **It is measured along the optical axis**, not along the ray. It is the $z$ of the formula
#   above.
# - **A pixel has a centre.** Coordinates (0, 0) are the outer corner of the first pixel, whose
#   centre is (0.5, 0.5).

# %% [markdown] exercise="world_point" difficulty=2 minutes=12
# ### Exercise 5: the point behind a pixel
#
# Return the world point seen in the middle of pixel `[row, column]` of a depth picture. `camera`
# has `.intrinsics` (3, 3), `.pose` (4, 4) camera to world, `.near` and `.far` in metres. Do not use
# `camera.unproject`: it is the answer.
#
# <details><summary>Hint 1</summary>
# Solve the two formulas for u and v above for x and y. You know z.
# </details>
# <details><summary>Hint 2</summary>
# A picture is indexed <code>[row, column]</code>, but u counts columns and v counts rows.
# </details>
# <details><summary>Hint 3</summary>
# <code>ray = np.linalg.inv(camera.intrinsics) @ [column + 0.5, row + 0.5, 1]</code> has z = 1.
# Scale it by the depth in metres, append a 1, and apply the pose.
# </details>


# %% solution="world_point"
def world_point(camera: Camera, row: int, column: int, fraction: float) -> np.ndarray:
    """Return the point (3,) in metres, world frame, behind the centre of a pixel.

    fraction: stored depth in [0, 1] between camera.near and camera.far.
    """
    ### BEGIN SOLUTION
    metres = camera.near + fraction * (camera.far - camera.near)
    ray = np.linalg.inv(camera.intrinsics) @ [column + 0.5, row + 0.5, 1.0]
    return (camera.pose @ np.append(ray * metres, 1.0))[:3]
    ### END SOLUTION


# %% check="world_point" points=3
from genima_lite.checks.robot import check_world_point

check_world_point(world_point)
### BEGIN HIDDEN TESTS
check_world_point(world_point, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="world_point"
# **Why.** $A^{-1}$ undoes the pinhole and leaves a ray with $z = 1$; depth along the axis is then
# simply the factor. The half pixel looks pedantic until you see its size: half a pixel times depth
# over focal length. RLBench's own point clouds leave it out, and a network that learns from them
# learns the shift as well.

# %% [markdown]
# The library does it for all pixels at once: `camera.point_cloud`. A level table is a wonderful
# test, because everyone knows what it should look like from the side: a line, at a height of 0.75
# metres. Here are the right way and five wrong ones.

# %%
from genima_lite.cameras import depth_in_metres

metres = depth_in_metres(seen.front_depth, front.near, front.far)
rows, columns = np.indices(metres.shape)
corners = np.stack([columns, rows], axis=-1)
rays = front.unproject(corners + 0.5, np.ones(metres.shape)) - front.pose[:3, 3]  # of depth 1
clouds = {
    "right": front.point_cloud(metres),
    "half a pixel forgotten": front.unproject(corners, metres),
    "fraction times far": front.point_cloud(seen.front_depth * front.far),
    "row and column swapped": front.unproject(corners[..., ::-1] + 0.5, metres),
    "depth taken along the ray": front.point_cloud(metres / np.linalg.norm(rays, axis=-1)),
    "fraction taken for metres": front.point_cloud(seen.front_depth),
}

# %%
from genima_lite.viz.point_clouds import side_views

side_views(clouds, seen.front_rgb)

# %% [markdown]
# The numbers say how far a point is off, the median. In the lower row are the big mistakes: a table
# on end, a table bent upwards, a doll's house. They are harmless, because you see them. In the upper
# row are the two that survive a glance. Half a pixel is only 0.3 cm here, with 256 pixels; with 64
# it is 1.2 cm, and the knob's radius is 1.8 cm.
#
# ## 6 · Four numbers for a rotation
#
# RLBench stores poses as seven numbers: position, then a *unit quaternion*. Every rotation is a turn
# by one angle $\theta$ about one axis. The quaternion holds the cosine of half the angle,
# $w = \cos(\theta/2)$, and the axis times the sine of half the angle, $(x, y, z)$. Nobody agrees
# where $w$ stands: RLBench and SciPy write `xyzw`, MuJoCo writes `wxyz`. The tip's orientation in
# both:

# %%
from scipy.spatial.transform import Rotation

turn = Rotation.from_matrix(seen.gripper_matrix[:3, :3])
simulator = turn.as_quat(canonical=True, scalar_first=True)
print("MuJoCo  w x y z ", simulator)
print("RLBench x y z w ", seen.gripper_pose[3:])

# %% [markdown]
# Both are four numbers with length 1, so no check of shape or norm can tell them apart. The picture
# can:

# %%
position = seen.gripper_pose[:3]
tips = {
    "order respected": pose_matrix(position, seen.gripper_pose[3:]),
    "wxyz read as xyzw": pose_matrix(position, simulator),
    "xyzw read as wxyz": pose_matrix(position, np.roll(seen.gripper_pose[3:], -1)),
}
panels = {name: (front, tip[None]) for name, tip in tips.items()}
draw_frames(seen.front_rgb, panels, axis=0.2, window=(120, 256, 95, 231))

# %% [markdown]
# The blue axis is where the gripper points. On the left it goes down to the pan. In the middle it
# points at the ceiling. On the right it points down again, turned by 180°: only the fingers have
# changed places, and with two equal fingers nobody would notice. That is luck of this one posture,
# and a good reason to test with others.
#
# How far are two orientations apart? One asks that often, for example to tell whether a robot has
# reached its goal.

# %% [markdown] exercise="turn_between" difficulty=2 minutes=9
# ### Exercise 6: the angle between two orientations
#
# For two unit quaternions of the *same order*, the scalar product $q \cdot q'$ is the cosine of half
# the angle between them. So they are $2 \arccos(q \cdot q')$ apart. Almost. Three traps:
#
# 1. The two you get here are **not** of the same order.
# 2. $q$ and $-q$ are the same rotation, so the product's sign means nothing.
# 3. Rounding can make the product of two equal quaternions 1.0000000000000002, and the arc cosine
#    of that is NaN.
#
# <details><summary>Hint 1</summary>
# First bring w to the same end. <code>np.roll</code> moves the numbers of an array round in a
# circle.
# </details>
# <details><summary>Hint 2</summary>
# <code>np.roll(q, -1)</code> takes the first number to the end. <code>abs</code> helps against
# trap 2, and <code>min(..., 1.0)</code> against trap 3.
# </details>


# %% solution="turn_between"
def turn_between(simulator: np.ndarray, rlbench: np.ndarray) -> float:
    """Return the smallest angle, 0 to pi rad, that turns one orientation into the other.

    simulator: (4,) unit quaternion wxyz; rlbench: (4,) unit quaternion xyzw.
    """
    ### BEGIN SOLUTION
    product = abs(np.roll(simulator, -1) @ rlbench)
    return 2 * np.arccos(min(product, 1.0))
    ### END SOLUTION


# %% check="turn_between" points=2
from genima_lite.checks.robot import check_turn_between

check_turn_between(turn_between)
### BEGIN HIDDEN TESTS
check_turn_between(turn_between, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="turn_between"
# **Why.** Two quaternions stand for each rotation. Without the absolute value, one orientation in
# two looks almost a full turn away from its neighbour, and a loss computed that way pulls a network
# the long way round. The clip costs nothing and saves you from a NaN that appears exactly when
# everything is right.

# %% [markdown]
# ## 7 · Actions, and chunks of them
#
# An **action** is eight numbers: seven *absolute* joint angles to be reached within 50 ms, then the
# gripper, 1 open or 0 closed. For T observations `demo.actions()` has T − 1 rows. Row t leads from
# observation t to t + 1.
#
# The controller does not predict one action, it predicts a **chunk** of the next $K = 20$ (paper,
# section 3.2). Near the end of a demonstration fewer than $K$ are left. What to put there? Two
# answers come to mind: the last action again, or zeros. First look at what they *do*. We run the
# whole demonstration, then 20 more actions.

# %%
from genima_lite.viz.target_pictures import picture_grid


def view_after(extra: np.ndarray) -> np.ndarray:
    """Run the demonstration and then `extra` actions (n, 8); return the front view."""
    env.reset(seed=28)
    for action in [*demo.actions(), *extra]:  # `execute` of all would end at success
        env.execute(action[None])
    return env.render()


# %%
actions = demo.actions()
with warnings.catch_warnings():  # zero is outside joint 4's limits, as we know by now
    warnings.simplefilter("ignore")
    endings = {
        "the demonstration's end": view_after(actions[:0]),
        "20 times the last action": view_after(np.repeat(actions[-1:], 20, axis=0)),
        "20 zeros, as padding": view_after(np.zeros((20, 8))),
    }
picture_grid(endings, each=3.1)

# %% [markdown]
# The last action repeated holds the arm where it is. Zeros are not "nothing": they are the command
# to stretch the arm straight up, out of the picture. The eighth zero keeps the gripper closed, so
# the lid goes along.
#
# Zero padding is fine as long as everything behind it masks it, but a mask is soon forgotten. In a
# well-known implementation of ACT the loss masks the padded rows, and then its average still counts
# them. So we do both: repeat the last action, *and* mark what is real.

# %% [markdown] exercise="action_chunk" difficulty=1 minutes=7
# ### Exercise 7: K actions from any frame
#
# Return actions t, t + 1, ..., t + K − 1, the last one repeated where there are no more, and a mask
# that is `True` where the action is real. `frame` is t, from 0 to T − 2; `horizon` is K.
#
# <details><summary>Hint 1</summary>
# Make the K row numbers first. Some are too large; the mask is a comparison, and the repeating is a
# minimum.
# </details>
# <details><summary>Hint 2</summary>
# <code>rows = frame + np.arange(horizon)</code>, and index with <code>np.minimum(rows, len(actions)
# - 1)</code>.
# </details>


# %% solution="action_chunk"
def action_chunk(
    actions: np.ndarray, frame: int, horizon: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Return the next actions (K, 8) and which of them are real, (K,) bool.

    actions: (T - 1, 8), row t leads from frame t to frame t + 1. horizon: K.
    """
    ### BEGIN SOLUTION
    rows = frame + np.arange(horizon)
    return actions[np.minimum(rows, len(actions) - 1)], rows < len(actions)
    ### END SOLUTION


# %% check="action_chunk" points=2
from genima_lite.checks.robot import check_action_chunk

check_action_chunk(action_chunk)
### BEGIN HIDDEN TESTS
check_action_chunk(action_chunk, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="action_chunk"
# **Why.** Clamping the row numbers keeps the shape at (K, 8) everywhere, which batches need, and
# makes the padding a sensible command should it ever be executed. The mask then keeps "stand still
# at the end" from being learned as if the expert had shown it. Row t is the first to use: an offset
# of one would teach the controller to be a step ahead of what it sees.

# %% [markdown]
# The library's version is `genima_lite.controller.sources.chunk`. One line was added: it can also
# stop at a keypoint in the middle of an episode, for reasons that belong to a later notebook.
#
# ## 8 · The same on disk
#
# RLBench has its own layout for demonstrations, and many programs read it. We collect two short
# episodes in it into a temporary folder. `collect` deals episodes over a task's variations; we ask
# for one of them. It records one episode each time it is asked for the next, hence the `list`.

# %%
# NBVAL_CHECK_OUTPUT
from pathlib import Path
from tempfile import TemporaryDirectory

from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.layout import episode_folder

temporary = TemporaryDirectory()
root = Path(temporary.name)
list(collect(root, ["push_button"], 2, CollectSettings(seed=0, image_size=64, variations=(0,))))
folder = episode_folder(root, "push_button", 0, 1)
print(folder.relative_to(root), "holds", len(list(folder.iterdir())), "things, among them")
print(*sorted(path.name for path in folder.iterdir() if path.suffix or "front" in path.name))

# %% [markdown]
# States and actions of all frames are in one file, `low_dim_obs.pkl`. Pictures are one PNG per
# frame, in a folder for each of the five cameras and three kinds. All that is named like RLBench's;
# only `scene_state.json` is ours, and makes replays possible.
#
# Now the frames of one camera, in order. Or not:

# %%
# NBVAL_CHECK_OUTPUT
print([path.name for path in sorted((folder / "front_rgb").iterdir())][:6])

# %% [markdown] exercise="image_files" difficulty=1 minutes=6
# ### Exercise 8: a camera's pictures in the order of time
#
# Return the paths of all pictures of one camera and kind, such that entry t is frame t. The folder
# is `<root>/<task>/variation<V>/episodes/episode<E>/<camera>_<kind>/`. A kind is rgb, depth or mask.
#
# <details><summary>Hint 1</summary>
# The output above is sorted as text. What should it be sorted by?
# </details>
# <details><summary>Hint 2</summary>
# <code>sorted</code> takes a <code>key</code>, a function of one path. <code>path.stem</code> is
# the name without ".png", still a text.
# </details>


# %% solution="image_files"
def image_files(
    root: Path, task: str, variation: int, episode: int, camera: str, kind: str = "rgb"
) -> list[Path]:
    """Return a camera's picture files in the order of time: entry t is frame t."""
    ### BEGIN SOLUTION
    folder = root / task / f"variation{variation}" / "episodes" / f"episode{episode}"
    files = (folder / f"{camera}_{kind}").glob("*.png")
    return sorted(files, key=lambda path: int(path.stem))
    ### END SOLUTION


# %% check="image_files" points=2
from genima_lite.checks.robot import check_image_files

check_image_files(image_files)
### BEGIN HIDDEN TESTS
check_image_files(image_files, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="image_files"
# **Why.** As text, "10" comes before "2". A loader that sorts so pairs pictures with the states of
# other frames, and nothing fails: the shapes fit, the loss falls, only the policy is bad. An
# episode of at most ten frames would hide it, so test with more. The library goes the other way and
# never sorts: `layout.image_path` makes the name from the frame's number, and `read_episode`
# insists on exactly 0.png to T−1.png.

# %% [markdown]
# ### A picture that is none
#
# One more trap of this layout. Depth is stored as PNG too: a 24-bit number, its high byte in red,
# its low byte in blue. It looks like a picture, so people resize it like one. How wrong is that,
# compared with decoding first and resizing then?

# %%
from PIL import Image

from genima_lite.demos.images import decode_image
from genima_lite.demos.layout import image_path

half = ((32, 32), Image.Resampling.BILINEAR)
stored = Image.open(image_path(folder, "front", "depth", 0))
decoded = decode_image(np.asarray(stored), "depth")
good = np.asarray(Image.fromarray(decoded).resize(*half))
bad = decode_image(np.asarray(stored.resize(*half)), "depth")
error = 100 * (bad - good) * (front.far - front.near)
shown = {"stored bytes, as colours": np.asarray(stored), "decoded: 0 near, 1 far": decoded}
picture_grid(shown | {"error in cm if resized first": error}, each=3.0)

# %% [markdown]
# Wrong by about a centimetre, in stripes and spots where the scene has none. Resizing rounds each
# byte to a whole number, and half a step of the *high* byte is 0.9 cm. Nobody would find that by
# looking at the resized depth. So decode first. (The object masks have their low byte in red, the
# other way round. They hold the objects' numbers, which must not be averaged at all.)
#
# ### Is the dataset sound?
#
# `inspect_dataset` reads every file and says what is wrong with it.

# %%
from genima_lite.demos import inspect_dataset, render_report

report = render_report(inspect_dataset(root))
print(report.split("\n", 1)[1])

# %% [markdown]
# `replay` executes the stored actions once more and compares the joint angles with the stored ones.
# It is the strongest test there is: it exercises scene, actions, order and conventions at once.

# %%
# NBVAL_CHECK_OUTPUT
from genima_lite.demos.replay import replay

for replayed in replay(root):
    same = replayed.deviation < 1e-3
    print(replayed.episode.path.name, "solved:", replayed.success, "· within 1 mrad:", same)

# %% [markdown]
# And a replay that should fail: the saucepan's actions again, with joint 4 off by more and more.


# %%
def solves(commands: np.ndarray) -> bool:
    """Run commands (n, 8) from the start of the demonstration; return whether they solve it."""
    env.reset(seed=28)
    return [env.execute(command[None]).success for command in commands][-1]


joint_4 = np.eye(8)[3]
for degrees in (0, 4) if fast() else (0, 1, 2, 3, 4):
    solved = solves(actions + np.deg2rad(degrees) * joint_4)
    print(f"{degrees} degrees off: {'solved' if solved else 'failed'}")

# %% [markdown]
# With three degrees the tip is three centimetres off, and the lid still comes off the pan: open
# fingers around a knob forgive a lot. (With the other sign even four degrees do no harm.) So success
# alone is a coarse judge, which is why `replay` compares angles too.
#
# ## What all this is for
#
# One last picture. Take the joints as they will be 20 steps later, and draw them as spheres into
# the four views of *now*, with forward kinematics, gripper state and cameras as above. (The bench's
# episodes are quick, so the library stops at the next rest of the arm if that comes sooner.) This
# is what Genima's diffusion model learns to draw, and what notebook 02 is about.

# %%
from genima_lite.targets.views import draw_targets
from genima_lite.tiling import TILE_ORDER, tile

now = 25
views = {name: demo[now].image(name) for name in TILE_ORDER}
drawn = draw_targets(demo, now)
titles = (f"frame {now}", f"with the joints of frame {drawn.target}")
picture_grid(dict(zip(titles, (tile(views), tile(drawn.views)), strict=True)), each=4.2)

# %%
env.close()
temporary.cleanup()

# %% [markdown]
# ## Try it yourself
#
# `env` is closed but wakes up when you reset it.
#
# - **A control.** Execute the *measured* joint positions (`measured[1:]`, with the gripper's state
#   as the eighth column) instead of the commanded ones. Does the arm still solve the task? Where do
#   the two differ most?
# - **An ablation.** How many degrees of error at joint 4 do the other seven tasks forgive? Guess
#   first which forgives most.
# - **Other data.** `CollectSettings(recovery=1.0, lead=NoiseLeads())` makes episodes that start with the
#   arm somewhere beside the expert's path (`genima_lite/datasets/recovery_starts.py`). Collect some into a new folder and draw them with `filmstrip`. What do
#   they show that no other demonstration shows, and when does a trained policy need it?
# - **A limitation.** Draw the arm into the *wrist* camera's view of frame t, with that camera's
#   pose of frame 0. Which line of a careless loader would do that? Then think about what a moving
#   camera means for Genima: in whose picture are the joints of frame t + 20 drawn?
#
# ## Where this lives in the library
#
# | here | there |
# |---|---|
# | joint frames, limits, four degrees | `genima_lite/panda.py` |
# | rigid inverse, seven-number poses | `genima_lite/transforms.py` |
# | pinhole, axes, depth | `genima_lite/cameras.py` |
# | observation, action, demonstration | `genima_lite/observation.py` |
# | the environment, the expert | `genima_lite/envs/bench/env.py`, `genima_lite/planner.py` |
# | chunks and their mask | `genima_lite/controller/sources.py` |
# | files | `genima_lite/demos/layout.py`, `images.py`, `read.py`, `inspection.py`, `replay.py` |
#
# **In the paper** ("Generative Image as Action Models", CoRL 2024): section 3.1 says what is drawn
# at the joints, section 3.2 what the controller predicts, section 4 which tasks of RLBench are
# used. The next notebook draws the spheres.
