# %% [markdown]
# # 02 · Rendering joint targets
#
# **An action can be a drawing. Four striped spheres in every camera's view say where the arm shall
# be a second from now, and a few lines of geometry read it back to millimetres.**
#
# After this notebook you can
#
# - project points into a camera and intersect rays with spheres,
# - draw stripes that show how a joint is turned, and decide which sphere hides which,
# - recognise by eye a flipped axis, a pose that was not inverted and three more silent mistakes,
# - choose the future frame that is drawn, and say where this library leaves the paper's rule,
# - tile four views, put random backgrounds behind the spheres, find the spheres again and
#   triangulate them.
#
# | | |
# |---|---|
# | time to read and solve | 2 hours: 75 minutes for the exercises, the rest to read |
# | time to run | 20 seconds on two cores; a GPU changes nothing |
# | reads | nothing: it records one demonstration on the bench |
# | writes | nothing |

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast

rng = begin(seed=0)

# %% [markdown]
# ## 1 · What is drawn
#
# The expert takes the lid off a saucepan. We keep every step of it, with the pictures of the four
# cameras that Genima uses. One step lasts 0.05 s.

# %%
import numpy as np

from genima_lite.demos.collect import record_demo
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.tiling import TILE_ORDER, tile, untile

env = BenchEnv("take_lid_off_saucepan", cameras=TILE_ORDER, image_size=160)
demo = record_demo(env, seed=0, variation=0)
print(len(demo), "frames,", TILE_ORDER)

# %%
from genima_lite.targets import draw_targets
from genima_lite.viz.target_pictures import picture_grid

seen = demo[24]  # the hand has just arrived above the lid
now = tile({camera: seen.image(camera) for camera in TILE_ORDER})
picture_grid(
    {"what the robot sees": now, "what to do": tile(draw_targets(demo, 24).views)}, each=3.8
)

# %% [markdown]
# On the left is what the four cameras see. On the right is the same picture with four spheres on
# it: **this right-hand picture is what Genima's diffusion model learns to produce** (paper,
# section 3.1). The spheres sit where the arm's joints *will* be:
#
# | sphere | sits at | colour |
# |---|---|---|
# | base | joint 2, which never leaves its place | dark red |
# | elbow | joint 4 | green |
# | wrist | joint 6 | purple |
# | gripper | the tip, between the fingers | cyan: open, yellow: closed |
#
# Read the right picture: the gripper shall be down at the knob, and closed. No number is written
# anywhere, and yet the action is in it: the spheres' places and the turn of their stripes fix the
# arm's joint angles. The rest of this notebook builds that picture from nothing, and then reads it
# back.

# %% [markdown]
# ## 2 · From the world to a pixel
#
# First the same arm with its joints marked in all four views. One set of points in space, four
# cameras, four different pictures. All places are given in **world** coordinates: metres, z up,
# the table top at z = 0.75.

# %%
from genima_lite.viz.target_pictures import arm_on_views

arm_on_views(seen, TILE_ORDER)

# %% [markdown]
# The orange line runs through all seven joints. The dots are the four places that get a sphere. A
# camera need not see all of them.
#
# A **pinhole camera** is two matrices:
#
# $$\text{pose} = \begin{pmatrix} R & \mathbf o \\ 0 & 1 \end{pmatrix}, \qquad
# \text{intrinsics} = \begin{pmatrix} f_x & 0 & c_x \\ 0 & f_y & c_y \\ 0 & 0 & 1 \end{pmatrix}.$$
#
# The **pose** takes a point from the camera's own axes to the world:
# $\mathbf p_\text{world} = R \mathbf p_\text{camera} + \mathbf o$. The columns of $R$ are the
# camera's x, y and z axis, and $\mathbf o$ is where it stands. This library's cameras have OpenCV's
# axes: **x right, y down, z forward.** The **intrinsics** are in pixels: how strongly the camera
# magnifies (focal lengths $f_x, f_y$), and the pixel straight ahead (principal point $c_x, c_y$).

# %%
from genima_lite.viz.target_sketches import pinhole

pinhole()

# %% [markdown]
# A cut along the camera's x and z axes; for y it looks the same. All points of a ray fall on one
# pixel, so only the ratio $X/Z$ counts.
#
# Projecting takes two steps. Bring the point into camera axes, where it is $(X, Y, Z)$. Then
#
# $$\text{column} = f_x\,\frac{X}{Z} + c_x, \qquad \text{row} = f_y\,\frac{Y}{Z} + c_y, \qquad
# \text{depth} = Z.$$
#
# Pixel coordinates are continuous: the first pixel's centre is at (0.5, 0.5). Here are the numbers
# of the front camera.

# %%
# NBVAL_CHECK_OUTPUT
from genima_lite.cameras import Camera

camera = Camera.from_observation(seen, "front")
print("stands at", np.round(camera.pose[:3, 3], 2) + 0.0, "m")
print("looks along", np.round(camera.pose[:3, 2], 2) + 0.0)
print("focal length", round(camera.intrinsics[0, 0]), "pixels")

# %% [markdown] exercise="project" difficulty=1 minutes=10
# ### Exercise 1: a point becomes a pixel
#
# Write `project`. Mind which way the pose takes points; this is the most common mistake in code
# that draws onto camera views. (`np.linalg.inv` is allowed.)
#
# <details><summary>Hint 1</summary>
#
# The pose is camera-to-world. You have world points and want camera coordinates.
# </details>
#
# <details><summary>Hint 2</summary>
#
# With `M = np.linalg.inv(pose)`, all points at once: `points @ M[:3, :3].T + M[:3, 3]`.
# </details>
#
# <details><summary>Hint 3</summary>
#
# The intrinsics times $(X, Y, Z)$ are $(f_x X + c_x Z,\; f_y Y + c_y Z,\; Z)$. Divide the first
# two by the third.
# </details>


# %% solution="project"
def project(
    points: np.ndarray, pose: np.ndarray, intrinsics: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Project world points into a camera with OpenCV's axes.

    Args:
        points: (N, 3) metres, world frame.
        pose: (4, 4), camera to world.
        intrinsics: (3, 3), pixels.

    Returns:
        pixels (N, 2), column then row; depth (N,) in metres along the optical axis.
    """
    ### BEGIN SOLUTION
    to_camera = np.linalg.inv(pose)
    local = points @ to_camera[:3, :3].T + to_camera[:3, 3]
    image = local @ intrinsics.T
    return image[:, :2] / image[:, 2:], local[:, 2]
    ### END SOLUTION


# %% check="project" points=2
from genima_lite.checks.targets import check_project

check_project(project)
### BEGIN HIDDEN TESTS
check_project(project, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="project"
# **Why.** Everything in this notebook hangs on this one function, and its mistakes are silent: a
# pose that was not inverted still gives numbers, often even inside the picture.

# %% [markdown]
# The library's `Camera.project` is this function with one line changed: it inverts by
# transposing, because the inverse of a rotation is its transpose.
#
# RLBench's files hold cameras differently: x *left*, y *up*, and **negative** focal lengths. Turned
# axes and negative lengths cancel, so the pixels are the same as ours. They no longer are when
# somebody "repairs" one of the two. `Camera.from_rlbench` converts both, in one place. Section 6
# shows the picture that you get if only half is converted.

# %%
# NBVAL_CHECK_OUTPUT
extrinsics, intrinsics = camera.to_rlbench()
print("RLBench's focal lengths:", np.round(np.diag(intrinsics))[:2])
print("ours:                   ", np.round(np.diag(camera.intrinsics))[:2])

# %% [markdown]
# ## 3 · Where a ray meets a sphere
#
# A renderer asks the question backwards: not "which pixel does this point hit?" but "what does
# this pixel see?". Through every pixel goes a ray. In camera axes its points are $z\,\mathbf d$
# with $\mathbf d = (x, y, 1)$, where $x = (\text{column} - c_x)/f_x$ and
# $y = (\text{row} - c_y)/f_y$. The arrow $\mathbf d$ ends at depth 1, so **$z$ is the depth.**

# %%
from genima_lite.viz.target_sketches import ray_and_sphere

ray_and_sphere()

# %% [markdown]
# The point $z\,\mathbf d$ lies on the sphere with centre $\mathbf c$ and radius $r$ if
# $|z\,\mathbf d - \mathbf c|^2 = r^2$. Written out, this is a quadratic in $z$:
#
# $$z^2\,(\mathbf d\cdot\mathbf d) - 2z\,(\mathbf c\cdot\mathbf d)
# + (\mathbf c\cdot\mathbf c - r^2) = 0.$$
#
# Two roots, near and far; none where the ray misses.

# %% [markdown] exercise="ray_depth" difficulty=2 minutes=12
# ### Exercise 2: how deep does the ray hit?
#
# Write `ray_depth` for many rays at once: the depth of the *near* hit, and infinity where a ray
# misses. The whole sphere is in front of the camera.
#
# <details><summary>Hint 1</summary>
#
# Is $\mathbf d\cdot\mathbf d = 1$? Only for the ray through the principal point. The rays may come
# as a whole picture, (H, W, 3): `(directions**2).sum(-1)` sums over the last axis.
# </details>
#
# <details><summary>Hint 2</summary>
#
# With $a = \mathbf d\cdot\mathbf d$, $b = \mathbf c\cdot\mathbf d$ and
# $q = b^2 - a\,(\mathbf c\cdot\mathbf c - r^2)$ the roots are $(b \pm \sqrt q)/a$.
# </details>
#
# <details><summary>Hint 3</summary>
#
# A miss has $q < 0$. `np.sqrt(np.maximum(q, 0))` stays finite, and
# `np.where(q >= 0, ..., np.inf)` chooses.
# </details>


# %% solution="ray_depth"
def ray_depth(directions: np.ndarray, center: np.ndarray, radius: float) -> np.ndarray:
    """Return how deep rays from the camera meet a sphere.

    Args:
        directions: (..., 3), camera axes, last entry 1.
        center: (3,) metres, camera axes.
        radius: metres.

    Returns:
        (...) metres along the optical axis, of the near hit; infinity for a miss.
    """
    ### BEGIN SOLUTION
    a = (directions**2).sum(-1)
    b = directions @ center
    q = b**2 - a * (center @ center - radius**2)
    return np.where(q >= 0, (b - np.sqrt(np.maximum(q, 0))) / a, np.inf)
    ### END SOLUTION


# %% check="ray_depth" points=2
from genima_lite.checks.targets import check_ray_depth

check_ray_depth(ray_depth)
### BEGIN HIDDEN TESTS
check_ray_depth(ray_depth, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="ray_depth"
# **Why.** Taking the far root draws the *inside* of the back of every sphere: the outline is
# right, the stripes run the wrong way, and nobody notices for weeks. Leaving the rays
# unnormalised is a choice: it makes $z$ the same depth that cameras and depth pictures mean.

# %% [markdown]
# Here is what the library computes for the elbow's sphere in the front view, pixel by pixel. It
# solves your quadratic, but only inside a box around the outline, and rewritten around the
# outline's middle so that 32-bit floats suffice (`targets/trace.py` has the formula).

# %%
from genima_lite.targets import Spheres, joint_targets, spheres_in_view
from genima_lite.viz.target_pictures import cut_out, sphere_layers

arm = spheres_in_view(joint_targets(seen), "front")
elbow = Spheres(arm.poses[[2]], arm.colors[[2]], arm.radii[[2]])  # gripper, base, elbow, wrist
middle = camera.project(elbow.poses[0, :3, 3])[0]
layers = sphere_layers(camera, elbow, 160)
picture_grid({name: cut_out(layer, middle, 32) for name, layer in layers.items()})

# %% [markdown]
# Left: the sphere bulges towards the camera. The least depth is not in the middle: depth counts
# along the optical axis, and the elbow is above it. Right: pixels at the rim are only partly
# covered. The library counts that in quarters, as graphics hardware with four samples a pixel
# does, and mixes them with the view behind. The stripes are next.

# %% [markdown]
# ## 4 · Stripes: how far a joint has turned
#
# A plain sphere looks the same however it is turned. Genima's spheres carry **graduations**, rings
# like circles of latitude on a globe. The globe's axis is the sphere's own x axis. Each sphere is
# fixed to its joint's own axes, so its rings show how the joints before it have turned it. One
# number says on which latitude a surface point is: $s$, from 0 at one pole to 1 at the other.

# %%
from genima_lite.viz.target_sketches import ring_scale

ring_scale()

# %%
from genima_lite.viz.target_pictures import turned_spheres

turn = np.pi / 4
turns = {"x up, y right": [0, 0, 0], "45° about x": [turn, 0, 0], "45° about y": [0, turn, 0]}
turns |= {"45° about z": [0, 0, turn], "180° about z": [0, 0, 4 * turn]}
picture_grid(turned_spheres(turns), each=1.7)

# %% [markdown]
# Five coloured rings with four black ones between them, each 3/32 wide. The first is a coloured
# cap, and a wider black cap ends the scale. Because the two poles differ, "upside down" does not
# look like "upright". A turn about the sphere's own x does not show at all: that is the price of
# rings. (The small dot on each pole comes from the paper's renderer, whose pattern is a texture
# that repeats.)

# %% [markdown] exercise="is_coloured" difficulty=2 minutes=10
# ### Exercise 3: rings that turn with the joint
#
# For points on a sphere's surface say which are coloured. The sphere's pose is sphere-to-world,
# as for cameras. First compute $s$: how far along the sphere's x axis a point lies, scaled so
# that $x=-r$ gives 0 and $x=+r$ gives 1.
#
# <details><summary>Hint 1</summary>
#
# The sphere's x axis, written in world coordinates, is one column of its pose. Which point must
# be subtracted before you measure along it?
# </details>
#
# <details><summary>Hint 2</summary>
#
# `along = (points - pose[:3, 3]) @ pose[:3, 0]` runs from -r to +r.
# </details>
#
# <details><summary>Hint 3</summary>
#
# `s % (6 / 32) < 3 / 32` repeats for ever. Where does the fifth ring end, at the latest?
# </details>


# %% solution="is_coloured"
def is_coloured(points: np.ndarray, pose: np.ndarray, radius: float) -> np.ndarray:
    """Return which points of a sphere's surface are coloured; the others are black.

    Args:
        points: (N, 3) metres, world frame.
        pose: (4, 4), sphere to world.
        radius: metres.

    Returns:
        (N,) bool.
    """
    ### BEGIN SOLUTION
    s = 0.5 + (points - pose[:3, 3]) @ pose[:3, 0] / (2 * radius)
    return (s % (6 / 32) < 3 / 32) & (s < 27 / 32)
    ### END SOLUTION


# %% check="is_coloured" points=2
from genima_lite.checks.targets import check_is_coloured

check_is_coloured(is_coloured)
### BEGIN HIDDEN TESTS
check_is_coloured(is_coloured, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="is_coloured"
# **Why.** The positions of four spheres do not fix seven joint angles: the hand can roll about
# its own axis without moving any of them. The rings carry the rest, so a mistake here does not
# look wrong, it only makes the controller worse. A column of a pose is a body axis in the world;
# a row is a world axis in the body.

# %% [markdown]
# One line changed in the library: your answer is yes or no, and a far sphere whose rings are
# narrower than a pixel would flicker. `stripe_intensity` returns the pattern's *mean* over what a
# pixel spans.

# %%
from genima_lite.targets.stripes import RING, stripe_intensity

s = np.float32([0.5 * RING, 1.0 * RING, 1.5 * RING])  # in a ring, on its edge, in the black
for span in (0.01, 0.1, 1.0):
    print(f"pixel spans {span}:", np.round(stripe_intensity(s, np.full(3, span, np.float32)), 2))

# %% [markdown]
# ## 5 · Which sphere is in front
#
# Spheres hide one another. The **robot hides none of them**: the paper draws over it, since a
# target behind the arm must still be seen. Now look at two spheres that cross.

# %%
from genima_lite.viz.target_pictures import crossing_pair, drawn_on, one_after_another

eye, pair = crossing_pair()
paper = np.full((128, 128, 3), 255, np.uint8)
pictures = {
    "purple, then green": one_after_another(paper, eye, pair, (0, 1)),
    "green, then purple": one_after_another(paper, eye, pair, (1, 0)),
    "the nearest, pixel by pixel": drawn_on(paper, eye, pair),
}
picture_grid(pictures, each=2.3)

# %% [markdown]
# Whole spheres painted far to near are right as long as they do not touch. Real targets do: wrist
# and gripper come close, and the spheres are much larger than the joints. Then only a comparison
# at every pixel is right.

# %% [markdown] exercise="nearest" difficulty=1 minutes=6
# ### Exercise 4: who owns the pixel?
#
# Given the depth at which each of S spheres is hit in every pixel, return the number of the
# sphere that shows, and -1 where none is hit.
#
# <details><summary>Hint 1</summary>
#
# `argmin` along which axis? And what does it answer where all depths are infinite?
# </details>
#
# <details><summary>Hint 2</summary>
#
# `np.where(np.isfinite(depths).any(0), ..., -1)`.
# </details>


# %% solution="nearest"
def nearest(depths: np.ndarray) -> np.ndarray:
    """Return which sphere shows in each pixel.

    Args:
        depths: (S, H, W) metres, infinity where the pixel's ray misses the sphere.

    Returns:
        (H, W) int, from 0 to S - 1, or -1 for none.
    """
    ### BEGIN SOLUTION
    return np.where(np.isfinite(depths).any(axis=0), depths.argmin(axis=0), -1)
    ### END SOLUTION


# %% check="nearest" points=1
from genima_lite.checks.targets import check_nearest

check_nearest(nearest)
### BEGIN HIDDEN TESTS
check_nearest(nearest, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="nearest"
# **Why.** This is a z-buffer, all of it. The library sorts spheres by distance while they stay
# apart, because that is quicker, and switches to the z-buffer once two come within the sum of
# their radii.

# %% [markdown]
# With these three functions you have a renderer. Below, yours (once exercises 2 to 4 are solved)
# beside the library's, with the arm's own spheres at this very frame. Look closely at the rims,
# at the narrow rings and at the poles: that is all that differs.

# %%
from genima_lite.viz.own_renderer import yours_beside_ours

both = yours_beside_ours(seen, "front", ray_depth, is_coloured, nearest)
picture_grid({name: cut_out(picture, (70, 60), 110) for name, picture in both.items()}, each=3.4)

# %% [markdown]
# ### How large is a sphere?
#
# All spheres have radius 1 cm times a factor of the *camera*: 3 for the wrist camera, 8 for the
# front, 6.5 for both shoulders. Here are two views with 1 cm, and with the factors. In the second
# picture, look for four dots.

# %%
from genima_lite.targets.joints import RADIUS, RADIUS_SCALE

views = {}
for name in ("1 cm", "scaled"):
    for view in ("wrist", "front"):
        lens, targets = Camera.from_observation(seen, view), joint_targets(demo[35])  # the grasp
        spheres = spheres_in_view(targets, view)
        radii = spheres.radii if name == "scaled" else np.full(4, RADIUS)
        spheres = Spheres(spheres.poses, spheres.colors, radii)
        views[f"{view}, {name}"] = drawn_on(seen.image(view), lens, spheres)
picture_grid(views, each=2.3)

# %% [markdown]
# A sphere of radius $r$ at depth $Z$ is about $2\,f_x\,r / Z$ pixels wide. The front camera stands
# 1.3 m away, the wrist camera sits nine centimetres behind the tip. Without the factors the front
# view's spheres are three pixels wide: too few for rings, and too few for a diffusion model whose
# autoencoder squeezes 8×8 pixels into one. Note what the factors cost: the same sphere has a radius
# of 8 cm in one view and of 3 cm in another. **It is a marker, not a thing in the room;** only its
# centre and its turn mean something.

# %%
# NBVAL_CHECK_OUTPUT
for name, factor in RADIUS_SCALE.items():
    print(f"{name:15s}{100 * RADIUS * factor:4.1f} cm")

# %% [markdown]
# ## 6 · What wrong conventions look like
#
# Each of the five mistakes below runs without an error. The first picture is right. Look at A to
# E: **which convention was broken in each?** Write your guesses down, then open the answers.

# %%
from genima_lite.viz.wrong_conventions import wrong_conventions

gallery = wrong_conventions(demo[20], joint_targets(demo[35]))
titles = ("right", "A", "B", "C", "D", "E")
picture_grid(dict(zip(titles, gallery.values(), strict=True)), columns=3, each=2.8)

# %% [markdown]
# <details><summary>A</summary>
#
# **y axis up.** Everything is mirrored at the picture's middle row: what should be high is low.
# Spheres near the middle row look almost right, so look at the gripper.
# </details>
#
# <details><summary>B</summary>
#
# **The camera-to-world pose was used as world-to-camera.** The spheres keep some order but ignore
# the arm. In the wrist view, not shown here, they are simply gone: behind the camera. "No spheres
# at all" usually means this.
# </details>
#
# <details><summary>C</summary>
#
# **Half converted from RLBench:** the focal lengths were made positive, but the axes are still x
# left, y up. The picture is turned by 180° about its middle.
# </details>
#
# <details><summary>D</summary>
#
# **A quaternion stored as x y z w was read as w x y z.** Every sphere is in the right *place*;
# only the rings lie wrong. This is the most dangerous one: every test of positions passes.
# </details>
#
# <details><summary>E</summary>
#
# **BGR.** The dark red base is dark blue, the wrist is pink, and above all: yellow has become
# cyan. The picture says *open* where it should say *closed*. OpenCV's `imread` and `imwrite` are
# BGR; Pillow, matplotlib and this library are RGB.
# </details>

# %% [markdown]
# ## 7 · Which future is drawn
#
# At frame $t$ Genima draws the joints of frame $t + K$ with $K = 20$, one second ahead (paper,
# section 3.1). Simple, until one asks two questions. What happens at the end of an episode? And
# what if the arm stops in between? Here is our demonstration: the height of the tip, and for
# every frame $t$ the frame that is drawn.

# %%
from genima_lite.viz.target_sketches import target_timeline

target_timeline(demo)

# %% [markdown]
# **The end.** With $T$ frames the target is frame $\min(t + K,\; T - 1)$. The last 20 frames all
# say "go there and stay" (orange circles on the right). The paper's reference code stops one frame
# earlier, at $T - 2$. So it never draws the last frame, and a gripper that opens only there never
# shows.
#
# **The keyframes.** This library leaves the paper here. The bench's experts are quick: within 20
# steps lies a whole grasp. Look at frame 24, above the lid. By the paper's rule its target is 44,
# *after* the grasp: closed, and lifted. Where to grasp is no longer in the picture. So we cut:
# the target is $t + K$ or the **next keyframe**, whichever comes sooner. A keyframe is a frame at which
# the gripper changes or the arm rests (grey lines in the figure).
#
# One detail: frames 21 to 23 already aim past the rest at 24, and 43 to 45 past the one at 46. The
# last 1 % of a smooth motion shows in no picture, so a rest that is less than four frames away
# counts as reached.

# %%
views = {}
for name, keyframes in (("t + 20", False), ("cut at the keyframe", True)):
    drawn = draw_targets(demo, 24, keyframes=keyframes)
    for view in ("wrist", "front"):
        views[f"{view}: frame {drawn.target}, {name}"] = drawn.views[view]
picture_grid(views, each=2.3)

# %% [markdown] exercise="target_of" difficulty=2 minutes=10
# ### Exercise 5: the frame that is drawn
#
# Write `target_of`: $t + K$, but never later than the next keyframe, and never later than the last
# frame. Take all keyframes alike, without the detail about rests that are near.
#
# <details><summary>Hint 1</summary>
#
# Think of a frame that *is* a keyframe. What should its target be, if the arm is ever to move on?
# </details>
#
# <details><summary>Hint 2</summary>
#
# The smallest of three kinds of numbers: `t + horizon`, `length - 1`, and all keyframes later than
# `t`. There may be none of the last kind: `min([a, b, *stops_to_come])` does not mind.
# </details>


# %% solution="target_of"
def target_of(t: int, length: int, keyframes: list[int], horizon: int = 20) -> int:
    """Return the frame whose joints are drawn at frame t.

    Args:
        t: from 0 to length - 1.
        length: T, frames in the episode.
        keyframes: frames at which the arm stops or the gripper changes, increasing.
        horizon: K.
    """
    ### BEGIN SOLUTION
    later = [frame for frame in keyframes if frame > t]
    return min([t + horizon, length - 1, *later])
    ### END SOLUTION


# %% check="target_of" points=2
from genima_lite.checks.targets import check_target_of

check_target_of(target_of)
### BEGIN HIDDEN TESTS
check_target_of(target_of, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="target_of"
# **Why.** `frame >= t` instead of `frame > t` is a deadlock: at the keyframe the picture says "be where
# you are", the arm obeys, and sees the same picture again. The library's `target_frames` also
# skips rests that are near (`NEAR` in `targets/horizon.py`).

# %% [markdown]
# Does the cut matter? We can measure that without any network. Take the expert's plan, jump from
# target to target, and drive *straight* to the exact joints of each. This is what the targets alone
# are worth. A controller does better only if it knows from elsewhere what lies between them.

# %%
from genima_lite.targets import HORIZON, target_frames


def expert_rows(env: BenchEnv) -> np.ndarray:
    """Return where the expert would be at every step from here, (T, 8): joints, gripper."""
    start = env.observation.joint_positions
    return np.vstack([np.append(start, 1.0), *env.expert_stretches()])


# %%
def drive(env: BenchEnv, keyframes: bool) -> bool:
    """Go straight to each target in K steps, gripper last; return whether the task succeeds."""
    rows, frame = expert_rows(env), 0
    targets = target_frames(rows[:, :7], rows[:, 7], keyframes=keyframes)
    while True:
        goal, here = rows[targets[frame]], env.observation.joint_positions
        for k in range(1, HORIZON + 1):
            opening = goal[7] if k == HORIZON else rows[frame, 7]
            action = np.append(here + k / HORIZON * (goal[:7] - here), opening)
            *_, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                return info["success"]
        frame = targets[frame]


# %%
blind = BenchEnv("take_lid_off_saucepan", cameras=())
n = 2 if fast() else 8
for name, keyframes in (("t + 20", False), ("cut at keyframes", True)):
    solved = 0
    for episode in range(n):
        blind.reset(seed=1001 + 2 * episode)
        solved += drive(blind, keyframes)
    print(f"{name:13s}{solved} of {n}")

# %% [markdown]
# Over all eight tasks, ten episodes each, `python benchmarks/drive_to_targets.py` counts 33 of 80
# for $t + 20$ and **80 of 80** with the cut. That says something about these quick
# demonstrations, not about the paper's results: where motions are slower, less fits into 20
# steps. `draw_targets(..., keyframes=False)` brings the paper's rule back.

# %% [markdown]
# ## 8 · Four views, one picture
#
# A diffusion model that draws four views one by one may put the elbow in four places that do not
# fit together. Genima draws all four at once, as tiles of one picture. Attention then sees all of
# them (paper, section 3.1). Left: the paper's order. Right: a bug with the right shape.

# %%
views = draw_targets(demo, 24).views
stacked = np.stack([views[camera] for camera in TILE_ORDER])  # (4, 160, 160, 3)
wrong = stacked.reshape(320, 320, 3)
picture_grid({"tiled": tile(views), "stacked, then reshaped": wrong}, each=3)

# %% [markdown] exercise="tile_views" difficulty=1 minutes=6
# ### Exercise 6: lay the tiles
#
# Write `tile_views` in the paper's order: wrist and front above, right and left shoulder below.
# The dictionary may be in any order and hold more cameras than these four.
#
# <details><summary>Hint 1</summary>
#
# Why does `reshape` scramble? In memory, the second row of pixels of view 0 comes before the
# first row of view 1; in the tiled picture it comes after.
# </details>
#
# <details><summary>Hint 2</summary>
#
# `np.concatenate` twice: along axis 1 within a row of tiles, along axis 0 for the two rows.
# </details>


# %% solution="tile_views"
def tile_views(views: dict[str, np.ndarray]) -> np.ndarray:
    """Lay four views out two by two.

    Args:
        views: by camera name, each (H, W, 3) uint8.

    Returns:
        (2H, 2W, 3) uint8.
    """
    ### BEGIN SOLUTION
    above = np.concatenate([views["wrist"], views["front"]], axis=1)
    below = np.concatenate([views["right_shoulder"], views["left_shoulder"]], axis=1)
    return np.concatenate([above, below], axis=0)
    ### END SOLUTION


# %% check="tile_views" points=1
from genima_lite.checks.targets import check_tile_views

check_tile_views(tile_views)
### BEGIN HIDDEN TESTS
check_tile_views(tile_views, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="tile_views"
# **Why.** A model trained with one order and evaluated with another fails without any error
# message: both pictures have four views of a robot. Training, evaluation and figures of this
# library all call the same `tile`, and `TILE_ORDER` is written down once.

# %% [markdown]
# The library's `tile` adds one thing: it refuses views that differ in size or dtype. `untile`
# cuts the picture into views again, for the controller and for finding spheres.

# %%
# NBVAL_CHECK_OUTPUT
again = untile(tile(views))
print(list(again))
print("round trip exact:", all((again[camera] == views[camera]).all() for camera in TILE_ORDER))

# %% [markdown]
# ## 9 · Random backgrounds: make the controller look at the spheres
#
# Stage 2 turns the drawn picture into 20 joint actions. A network that is given a picture uses
# whatever helps, and the scene itself helps: it could ignore the spheres and act on the saucepan.
# Then every drawing, good or bad, would give the same motion. So the controller is trained on
# views that are mostly painted over (paper, section 3.2): 0.7 of a random texture, 0.3 of the
# view, and the spheres, opaque, on top.

# %%
from genima_lite.targets import RandomBackdrop

views = {}
for blend in (0.0, 0.3, 0.7, 1.0):
    backdrop = RandomBackdrop(np.random.default_rng(3), blend)
    views[f"blend {blend}"] = draw_targets(demo, 24, ["front"], backdrop=backdrop).views["front"]
picture_grid(views, each=2.3)

# %% [markdown] exercise="controller_picture" difficulty=1 minutes=8
# ### Exercise 7: a picture for the controller
#
# Write `controller_picture`. `draw` is a function that takes a uint8 picture and returns it with
# spheres on it. Two traps: the order of the steps, and numbers beyond 255.
#
# <details><summary>Hint 1</summary>
#
# Should the spheres be mixed with the texture?
# </details>
#
# <details><summary>Hint 2</summary>
#
# `0.7 * texture` is float and safe; `texture * 7 // 10` stays uint8 and wraps around at 256.
# `np.rint(...)`, then `.astype(np.uint8)`.
# </details>


# %% solution="controller_picture"
from collections.abc import Callable


def controller_picture(
    view: np.ndarray, texture: np.ndarray, draw: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return 0.7 of the texture and 0.3 of the view, with opaque spheres.

    Args:
        view: (H, W, 3) uint8.
        texture: (H, W, 3) uint8.
        draw: puts the spheres on a uint8 picture.

    Returns:
        (H, W, 3) uint8.
    """
    ### BEGIN SOLUTION
    mixed = 0.7 * texture + 0.3 * view
    return draw(np.rint(mixed).astype(np.uint8))
    ### END SOLUTION


# %% check="controller_picture" points=1
from genima_lite.checks.targets import check_controller_picture

check_controller_picture(controller_picture)
### BEGIN HIDDEN TESTS
check_controller_picture(controller_picture, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="controller_picture"
# **Why.** Blend after drawing and the spheres become pale exactly where they must be read best.
# The wrap-around is no invention either: the reference code once computed a validation error on
# uint8 pictures, and it wrapped too.

# %% [markdown]
# The library's textures are made by a program, so nothing is downloaded; a folder of your own
# pictures works too (`PictureFolder`). Each view gets a new one.

# %%
backdrop = RandomBackdrop(rng)
random = {f"sample {i}": tile(draw_targets(demo, 24, backdrop=backdrop).views) for i in range(2)}
picture_grid(random, each=3)

# %% [markdown]
# ## 10 · Read the drawing back
#
# Once a diffusion model draws, we need to know how well. So we find the spheres again. Every
# pixel of a sphere mixes its colour, black, and at the rim some background. `find_spheres` lets
# such pixels vote for discs, then fits each outline to a fraction of a pixel. `plausible_radii`
# tells it how many pixels a sphere's radius can have in that camera.

# %%
from genima_lite.targets import find_spheres, plausible_radii
from genima_lite.viz.target_pictures import found_on_views

drawn = draw_targets(demo, 24)
lenses = {camera: Camera.from_observation(seen, camera) for camera in TILE_ORDER}
found = {}
for name, lens in lenses.items():
    sizes = plausible_radii(name, lens.intrinsics)
    found[name] = find_spheres(drawn.views[name], lens.intrinsics, sizes)
found_on_views(drawn.views, found)

# %% [markdown]
# One view gives a ray for each sphere, not a point. Two or more views give the point: where their
# rays meet. They never meet exactly, so we take the point that is nearest to all of them. Below:
# the gripper's rays across the room, and the last millimetres of them.

# %%
from genima_lite.targets import triangulate
from genima_lite.viz.target_sketches import meeting_rays

names = [name for name in TILE_ORDER if "gripper" in found[name]]
pixels = np.array([found[name]["gripper"].pixel for name in names])
point = triangulate(pixels, [lenses[name] for name in names])
meeting_rays(pixels, [lenses[name] for name in names], names, point)

# %% [markdown]
# A ray starts at the camera, $\mathbf o$, and runs along the unit vector $\mathbf u$. How far is a
# point $\mathbf p$ from it? The part of $\mathbf p - \mathbf o$ *along* the ray is
# $\mathbf u\mathbf u^T(\mathbf p - \mathbf o)$. What remains is *across* it,
# $(I - \mathbf u\mathbf u^T)(\mathbf p - \mathbf o)$, and its length is the distance.
#
# Squared and summed over all rays $i$, these distances are least where the gradient in $\mathbf p$
# vanishes. (Taking the part across twice changes nothing, so the matrix is its own square.)
#
# $$\Big[\sum_i (I - \mathbf u_i\mathbf u_i^T)\Big]\,\mathbf p \;=\;
# \sum_i (I - \mathbf u_i\mathbf u_i^T)\,\mathbf o_i.$$

# %% [markdown] exercise="nearest_point" difficulty=3 minutes=15
# ### Exercise 8: the point nearest to all rays
#
# Write `nearest_point`. It is three equations in three unknowns, whatever the number of rays.
#
# <details><summary>Hint 1</summary>
#
# Build the (3, 3) matrix $I - \mathbf u\mathbf u^T$ of one ray first:
# `np.eye(3) - np.outer(u, u)`. It stands on both sides of the equation.
# </details>
#
# <details><summary>Hint 2</summary>
#
# A loop over rays that adds to `A` (3, 3) and `b` (3,) is fine; `np.linalg.solve(A, b)` ends it.
# </details>


# %% solution="nearest_point"
def nearest_point(origins: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return the point with the least sum of squared distances to rays.

    Args:
        origins: (V, 3) metres, where the rays start.
        rays: (V, 3), unit length.

    Returns:
        (3,) metres.
    """
    ### BEGIN SOLUTION
    A, b = np.zeros((3, 3)), np.zeros(3)
    for origin, ray in zip(origins, rays, strict=True):
        across = np.eye(3) - np.outer(ray, ray)
        A, b = A + across, b + across @ origin
    return np.linalg.solve(A, b)
    ### END SOLUTION


# %% check="nearest_point" points=3
from genima_lite.checks.targets import check_nearest_point

check_nearest_point(nearest_point)
### BEGIN HIDDEN TESTS
check_nearest_point(nearest_point, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="nearest_point"
# **Why.** The matrix $I - \mathbf u\mathbf u^T$ says what a view knows: everything across its
# ray, nothing along it. Add two views and the gaps fill. The library's `triangulate` adds weights
# and solves a second time with distances measured in pixels rather than metres, since a pixel is
# wider farther away.

# %% [markdown]
# From demonstration to picture and back: how far are the spheres that we read from those that we
# drew?

# %%
from genima_lite.targets import JOINTS, position_errors

for joint, error in zip(JOINTS, position_errors(found, lenses, drawn.joints), strict=True):
    seen_by = [name for name in TILE_ORDER if joint in found[name]]
    print(f"{joint:8s} {1000 * error:5.1f} mm, found in {', '.join(seen_by)}")

# %% [markdown]
# Millimetres, from 160-pixel views. The base is `nan`: only the front camera sees it, and one ray
# is no point. Spheres that overlap are the least exact: in both shoulder views the gripper looks
# out from behind the wrist, and the wrist's outline is one to two pixels off. This is the ruler with
# which the drawings of the trained model are measured later in the course.

# %% [markdown]
# ## 11 · Play
#
# Move through the episode and change $K$. Watch three things: at a keyframe the spheres jump to the
# next one; near the end they stay; and with a small $K$ they sit on the arm itself and say
# nothing. (Without a running kernel you see the first frame only.)

# %%
from genima_lite.viz.widgets import scrub_episode

scrub_episode(demo)

# %% [markdown]
# ## Try it yourself
#
# - **Control.** What does the ruler itself do? Draw, find and triangulate all frames of `demo`
#   and plot the errors. Then find spheres in views *without* targets: how many does it invent?
# - **Ablation.** Give `drive` another K: `target_frames(..., horizon=K)`, and `K` in place of
#   `HORIZON`. Try 5, 10 and 40, with and without keyframes. Which K needs no cut on this bench, and
#   what does a small K cost a slow diffusion model?
# - **Limitation.** Record the demonstration with `image_size=64`, the size of the shipped models.
#   How many millimetres is a pixel now, and which joint suffers first? Then turn the hand about
#   its own axis (`genima_lite.panda.forward_kinematics`): which spheres show it?
#
# ## Where this lives in the library
#
# | idea | file |
# |---|---|
# | cameras, RLBench's and OpenGL's axes | `cameras.py`, `transforms.py` |
# | joints, colours, sizes | `targets/joints.py` |
# | outline, rays, stripes, drawing | `targets/outline.py`, `trace.py`, `stripes.py`, `draw.py` |
# | t + K and keyframes | `targets/horizon.py` |
# | from a demonstration to pictures | `targets/views.py`, `tiling.py` |
# | random backgrounds | `targets/backgrounds.py`, `textures.py` |
# | finding, triangulating, scoring | `targets/find.py`, `triangulate.py`, `score.py` |
#
# **References.** M. Shridhar, Y. L. Lo, S. James, *Generative Image as Action Models*, CoRL 2024:
# section 3.1 for targets and tiles, 3.2 for the controller and its random backgrounds. Stops as
# keypoints: S. James and A. J. Davison, *Q-attention*, 2022.
