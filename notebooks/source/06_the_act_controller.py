# %% [markdown]
# # 06 · The ACT controller
#
# **The second half of Genima is a translator: from a picture with spheres to twenty joint commands. It
# is a small transformer, most of its bugs are silent, and the best question about any of its weights
# is: did it ever get a gradient?**
#
# After this notebook you can
#
# - cut a demonstration into chunks, and compute a loss that padding does not touch;
# - find weights that nothing teaches, and mend a decoder that answers too early;
# - say what the style variable is for, and what its KL weight does;
# - read a place off a heatmap, and a point in space off four of them;
# - let a sentence steer feature maps, and average what several chunks say;
# - show that the controller looks at the spheres and not at the scene.
#
# | | |
# |---|---|
# | time to read and solve | about 100 minutes |
# | time to run | about a minute on two cores; a GPU is not needed |
# | reads | the shipped controllers in `data/genima` and `data/act` |
# | writes | a short training run in the system's folder for temporary files |
#
# "The paper" is Genima: Shridhar, Lo, James, "Generative Image as Action Models", CoRL 2024; its
# controller is ACT (Zhao et al., 2023), the *action chunking transformer*.

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast, workspace

rng = begin(seed=0)

# %% [markdown]
# ## 1 · What it does
#
# In: four views with spheres, seven joint angles, and whether the gripper is open. Out: the next $K = 20$
# commands, one every 50 ms. We record three demonstrations and draw the *true* targets on one of their
# decisions: the expert stands in for stage 1, the diffusion model.

# %%
import numpy as np

from genima_lite.controller.checkpoint import load_controller
from genima_lite.demos.collect import record_demo
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.policies.controller import predict_actions
from genima_lite.shipped import shipped
from genima_lite.targets import draw_targets
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.playground import views_of

follower = load_controller(shipped("genima/controller"))
env = BenchEnv("take_lid_off_saucepan", TILE_ORDER, 64)
demos = [record_demo(env, seed=1001 + 2 * i, variation=0) for i in range(1 if fast() else 3)]
seen, targets = demos[0][0], draw_targets(demos[0], 0)
actions = predict_actions(follower, targets.views, seen)
print("actions:", actions.shape, "first:", actions[0].round(2))

# %%
from genima_lite.viz.following import tip_after
from genima_lite.viz.method import method_figure

away = 1000 * np.linalg.norm(tip_after(actions) - targets.joints.positions[0])
reached = demos[0][20]
said = env.task.instructions(0)[0]
method_figure(views_of(seen), targets.views, actions, views_of(reached), said).saying(
    "Four views; the same with spheres; seven curves of joint angles; the expert's views a second later"
)

# %%
print(f"the last command brings the tip {away:.1f} mm from the sphere's centre")

# %% [markdown]
# Two words of caution. The paper's controller was trained on what spheres look like in front of random
# textures; ours is shown drawings of the diffusion model as well (`docs/results.md`). And its sizes are
# small: 1.9 million weights, a ResNet of three stages.
#
# ## 2 · Chunks
#
# A *chunk* is the next K actions from a frame. Demonstrations end, so chunks near the end are short, and
# a batch needs one shape. They are padded, and a mask says which actions are real.

# %% [markdown] exercise="chunk" difficulty=1 minutes=8
# ### Exercise 1: Cut a chunk
#
# Row $t$ of `actions` leads from frame $t$ to $t + 1$. Return the K actions from `frame` on, and which
# of them are real. What should the padding be? Zero is the obvious choice, and not a legal angle for
# joint 4 (notebook 01).
#
# <details><summary>Hint 1</summary>
#
# What would you *command* after the episode has ended?
# </details>
# <details><summary>Hint 2</summary>
#
# Compute the row numbers first; `np.minimum` keeps them in range.
# </details>


# %% solution="chunk"
def chunk(actions: np.ndarray, frame: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the next actions (K, 8), the last one repeated past the end, and which are real (K,).

    actions: (T, 8). frame: 0 to T - 1.
    """
    ### BEGIN SOLUTION
    rows = frame + np.arange(horizon)
    return actions[np.minimum(rows, len(actions) - 1)], rows < len(actions)
    ### END SOLUTION


# %% check="chunk" points=1
from genima_lite.checks.controller import check_chunk

check_chunk(chunk)
### BEGIN HIDDEN TESTS
check_chunk(chunk, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="chunk"
# **Why.** If the mask works, the padding's values cannot matter, and a mask can be forgotten. Repeating
# the last action makes a forgotten mask harmless: "stay where you are" is what one would want anyway.

# %% [markdown] exercise="masked_l1" difficulty=2 minutes=8
# ### Exercise 2: A loss that padding does not touch
#
# Return the mean absolute error over all joints of all *valid* steps of the whole batch. With nothing
# valid it must not be NaN.
#
# <details><summary>Hint 1</summary>
#
# Multiply by the mask (`valid[..., None]` fits it to seven joints) and sum. What must you divide by so that
# padding does not dilute the mean?
# </details>
# <details><summary>Hint 2</summary>
#
# How many *numbers* are valid? A valid step has seven.
# </details>


# %% solution="masked_l1"
def masked_l1(predicted: np.ndarray, actions: np.ndarray, valid: np.ndarray) -> float:
    """Return the mean error over valid steps; (B, K, 7) twice, and (B, K) bool."""
    ### BEGIN SOLUTION
    error = np.abs(predicted - actions) * valid[..., None]
    return float(error.sum() / max(valid.sum() * predicted.shape[-1], 1))
    ### END SOLUTION


# %% check="masked_l1" points=2
from genima_lite.checks.controller import check_masked_l1

check_masked_l1(masked_l1)
### BEGIN HIDDEN TESTS
check_masked_l1(masked_l1, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="masked_l1"
# **Why.** ACT's first release multiplies by the mask and then takes the mean over *everything*. The loss
# of an episode's last frames shrinks with the padding, so the end of a task, where precision counts,
# weighs least. Nothing crashes; the grasp is just never quite learned.

# %% [markdown]
# ## 3 · The transformer, and who learns in it
#
# A transformer works on *tokens*, vectors of one length, here of 128 numbers. Tokens of all views, of the
# spheres and of the state go through an encoder; what comes out is the *memory*. Then K learned tokens, the
# *queries*, one for each action, read from the memory in a decoder, layer after layer. Here is a small
# decoder of our own, with two bugs that ACT's first release had. Find them before you read on.

# %%
import torch

from genima_lite.controller.act import decoder_layer
from genima_lite.controller.config import ControllerConfig

config = ControllerConfig(decoder_layers=3)


class Planted(torch.nn.Module):
    """Three decoder layers, a head for actions and one that says which actions are padding."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(decoder_layer(config) for _ in range(3))
        self.to_action = torch.nn.Linear(config.hidden, 8)
        self.to_padding = torch.nn.Linear(config.hidden, 1)

    def forward(self, asked: torch.Tensor, memory: torch.Tensor) -> tuple:
        outputs = []
        for layer in self.layers:
            asked = layer(asked, memory)
            outputs.append(asked)
        out = torch.stack(outputs)[0]
        return self.to_action(out), self.to_padding(out)


# %% [markdown]
# One backward pass tells. Every weight that has a part in the loss gets a gradient; what gets none is
# not part of the machine, whatever the drawing in the paper says.

# %% [markdown] exercise="dead" difficulty=1 minutes=6
# ### Exercise 3: Weights that nothing teaches
#
# Given gradients by name after a backward pass, return the names of the dead ones. PyTorch says `None`
# where a weight was never used.
#
# <details><summary>Hint</summary>
#
# Two ways to be dead: `None`, or zero *everywhere*. A sum can be zero by accident.
# </details>


# %% solution="dead"
def dead(gradients: dict[str, np.ndarray | None]) -> set[str]:
    """Return the names of weights without any gradient."""
    ### BEGIN SOLUTION
    return {name for name, found in gradients.items() if found is None or not found.any()}
    ### END SOLUTION


# %% check="dead" points=1
from genima_lite.checks.controller import check_dead

check_dead(dead)
### BEGIN HIDDEN TESTS
check_dead(dead, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="dead"
# **Why.** This is the cheapest test in deep learning: one batch, one backward, a list of names. It finds
# frozen weights, detached tensors, heads that never enter the loss, layers whose output is thrown away.
# Run it on every new model before the first epoch. (Zero convolutions are the honest exception: see
# notebook 04.)

# %%
from genima_lite.viz.following import untaught

planted = Planted()
answer, _ = planted(torch.randn(2, 20, 128), torch.randn(2, 30, 128))
answer.abs().mean().backward()
found = untaught(planted)
print(len(found), "of", len(list(planted.parameters())), "weights learn nothing:")
print(sorted({".".join(name.split(".")[:2]) for name in found}))

# %% [markdown]
# Two thirds of the decoder are dead, since `torch.stack(outputs)[0]` is the *first* layer's answer. In
# ACT's first release a decoder of seven layers was a decoder of one, and worked well enough for nobody
# to notice. And the padding head has no loss. The library has neither bug: `nn.TransformerDecoder` returns
# the last layer, and there is no padding head.

# %% [markdown] exercise="decode" difficulty=1 minutes=5
# ### Exercise 4: Mend the decoder
#
# Return what the decoder should say. `layers` are functions `layer(queries, memory)`, `norm` is a
# function of one argument.
#
# <details><summary>Hint</summary>
#
# Each layer works on what the layer before it has written. The norm comes once, at the end.
# </details>


# %% solution="decode"
def decode(layers: list, norm, queries: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Return the decoder's output, of the queries' shape."""
    ### BEGIN SOLUTION
    for layer in layers:
        queries = layer(queries, memory)
    return norm(queries)
    ### END SOLUTION


# %% check="decode" points=1
from genima_lite.checks.controller import check_decode

check_decode(decode)
### BEGIN HIDDEN TESTS
check_decode(decode, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="decode"
# **Why.** A list of intermediate results is useful for a loss on every layer; taking number 0 of it looks
# like "the batch's first" to a tired reader. A list that is not needed should not be made.

# %% [markdown]
# ## 4 · Style: a conditional VAE
#
# People solve a task in more ways than one. A network that must give *one* answer to one picture gives
# the mean of all ways, and the mean of left and right is the wall. ACT adds a **style** $z$: in training
# an encoder reads the true actions and says in a few numbers *how* they were done; the decoder uses it.
# At inference nobody knows, and $z = 0$. So that 0 is a good guess, a KL term pulls $z$ to a standard
# normal:
#
# $$\mathrm{KL} = \tfrac12 \sum_{j=1}^{Z} \big(\sigma_j^2 + \mu_j^2 - 1 - \log \sigma_j^2\big).$$

# %% [markdown] exercise="kl" difficulty=2 minutes=8
# ### Exercise 5: How far is the style from what inference uses?
#
# Sum over the Z numbers of $z$, mean over the batch. The network gives the *logarithm* of the variance.
#
# <details><summary>Hint</summary>
#
# `np.exp(log_variance)` is $\sigma^2$ itself. What is the result for mean 0 and log variance 0?
# </details>


# %% solution="kl"
def kl(mean: np.ndarray, log_variance: np.ndarray) -> float:
    """Return KL(N(mean, var) || N(0, 1)); both (B, Z)."""
    ### BEGIN SOLUTION
    terms = np.exp(log_variance) + mean**2 - 1 - log_variance
    return float(0.5 * terms.sum(axis=1).mean())
    ### END SOLUTION


# %% check="kl" points=2
from genima_lite.checks.controller import check_kl

check_kl(kl)
### BEGIN HIDDEN TESTS
check_kl(kl, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="kl"
# **Why.** A mean over Z instead of the sum makes the same `kl_weight` Z times weaker, and the number in
# somebody's config means nothing in yours. With the weight too small, $z$ carries the actions in secret:
# training is perfect, and inference with $z = 0$ is lost. With it too large, $z$ says nothing
# (*collapse*), and the style is as good as left out.

# %% [markdown]
# What did the shipped controller make of it? We let its style encoder read true actions, and compare: the
# error with that style, and with $z = 0$ as in use. (You need not read the next cell: it only brings a
# demonstration into the network's form and asks it twice.)

# %%
from genima_lite.controller.normalise import ACTION_SCALE, normalise_actions, normalise_state
from genima_lite.controller.pictures import stack_views, to_input
from genima_lite.controller.sources import chunk as cut
from genima_lite.targets.horizon import decision_frames
from genima_lite.targets.views import demo_targets


def style_of(demo, frame: int) -> tuple[float, float, float]:
    """Return the KL, and the joint error in rad with the demonstration's style and without."""
    views, seen = draw_targets(demo, frame).views, demo[frame]
    end = int(demo_targets(demo, keyframes=True)[frame])
    true, valid = cut(demo.actions(), frame, 20, end)
    state = normalise_state(seen.joint_positions, seen.gripper_open)
    wanted = torch.from_numpy(normalise_actions(true, seen.joint_positions))[None]
    given = to_input(stack_views(follower.config, views))[None], torch.from_numpy(state)[None]
    with torch.no_grad():
        knows = follower(*given, actions=wanted, valid=torch.from_numpy(valid)[None])
        plain = follower(*given)
    errors = [(p.joints - wanted[..., :7]).abs().mean().item() for p in (knows, plain)]
    terms = knows.log_variance.exp() + knows.mean**2 - 1 - knows.log_variance
    return 0.5 * terms.sum().item(), ACTION_SCALE * errors[0], ACTION_SCALE * errors[1]


# %%
decisions = [(d, t) for d in demos for t in decision_frames(demo_targets(d, keyframes=True))[:-1]]
torch.manual_seed(0)
styles = np.array([style_of(*decision) for decision in decisions])
print(f"{len(styles)} decisions: KL {abs(styles[:, 0].mean()):.4f}")
print(
    f"joint error with the style {styles[:, 1].mean():.4f} rad, without {styles[:, 2].mean():.4f}"
)

# %% [markdown]
# A KL near zero is a collapsed style: the encoder says the same about every chunk. That is no failure
# here. The experts are scripts with one way to do a thing, and the spheres say where to; there is little
# style to speak of. With people's demonstrations, ACT's own ablation finds that it matters.
#
# ## 5 · Eyes: a heatmap a sphere
#
# The controller finds each sphere with a heatmap: a coarse grid of scores over the view, one a cell. The
# sphere's place, its *keypoint*, is not the best cell (that would be rough, and has no gradient) but the
# *mean* of all cells, weighted by a softmax: **soft-argmax**. Below, for the gripper's sphere: above a
# cross at the keypoint, below the cells that have weight, left bright. "In view" is how sure the
# controller is that this camera shows the sphere at all.

# %%
from genima_lite.viz.following import find, heat_figure

eyes = find(follower, targets.views, seen)
heat_figure(follower, targets.views, eyes, "gripper")

# %% [markdown] exercise="soft_argmax" difficulty=2 minutes=10
# ### Exercise 6: A place between the cells
#
# Return column and row as shares of the picture's width and height. Cell $i$ of $n$ has its middle at
# $(i + \tfrac12)/n$.
#
# <details><summary>Hint 1</summary>
#
# One softmax over all $h \cdot w$ cells; subtract the largest score first, or `np.exp` overflows. Then sum
# over rows to get weights of columns.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.linspace(0, 1, w)` are not the middles. What is the middle of the only cell of a 1 × 1 heatmap?
# </details>


# %% solution="soft_argmax"
def soft_argmax(heat: np.ndarray) -> np.ndarray:
    """Return (column, row) in [0, 1] of scores (h, w)."""
    ### BEGIN SOLUTION
    weights = np.exp(heat - heat.max())
    weights = weights / weights.sum()
    rows, columns = ((np.arange(n) + 0.5) / n for n in heat.shape)
    return np.array([weights.sum(axis=0) @ columns, weights.sum(axis=1) @ rows])
    ### END SOLUTION


# %% check="soft_argmax" points=2
from genima_lite.checks.controller import check_soft_argmax

check_soft_argmax(soft_argmax)
### BEGIN HIDDEN TESTS
check_soft_argmax(soft_argmax, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="soft_argmax"
# **Why.** Half a cell is one pixel of 64 here, one to three centimetres in the room, and it is a *constant*
# error: the network would learn to undo it as long as resolution stays the same, and be off by it the day
# somebody trains at another size.

# %% [markdown]
# A place in a view is a ray in space, and rays of several cameras meet in a point (notebook 02). How well
# do these eyes see in space?

# %%
from genima_lite.cameras import Camera
from genima_lite.targets.joints import JOINTS
from genima_lite.targets.triangulate import triangulate

lenses = {name: Camera.from_observation(seen, name) for name in TILE_ORDER}
for number, joint in enumerate(JOINTS):
    shows = [i for i in range(4) if eyes.visible[0, i, number] > 0]
    pixels = 64 * eyes.keypoints[0, shows, number].numpy()
    if len(shows) > 1:
        point = triangulate(pixels, [lenses[TILE_ORDER[i]] for i in shows])
        error = 1000 * np.linalg.norm(point - targets.joints.positions[number])
        print(f"{joint:8s} {error:4.1f} mm off, from {len(shows)} views")
    else:
        print(f"{joint:8s} seen by one camera only: a ray, no point")

# %% [markdown]
# The network is never told to triangulate. But it has the numbers to do so, and a shortcut that needs no
# picture: a perceptron (a few dense layers) from these keypoints straight to actions. It trains without a
# single pixel, since where spheres lie follows from kinematics: pose the arm, and project its joints into
# the cameras. That is *keypoint pretraining*, and it is quick enough to do here.

# %%
from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.keypoint_pretraining import (
    KeypointData,
    KeypointPretraining,
    Shortcut,
    detections,
)
from genima_lite.controller.sources import MotionSource
from genima_lite.controller.train import new_controller
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer
from genima_lite.viz.learning import follow, loss_figure

training = TrainingConfig(steps=10 if fast() else 400, batch_size=256, warmup=10, ema=0.0)
pretraining = KeypointPretraining(samples=100 if fast() else 3000, training=training)
motions = MotionSource(follower.config, AugmentConfig(), textures, motions=20 if fast() else 150)
truth = detections([(motions.bare(), 1.0)], pretraining)
pupil = Shortcut(new_controller(follower.config, seed=0))
data, made_from = KeypointData(truth, pretraining), {"notebook": "06"}
losses = follow(Trainer(pupil, data, training, workspace("06-keypoints"), made_from))

# %%
EXPECTED = {10: 0.461, 20: 0.395, 50: 0.297, 100: 0.239, 200: 0.18, 300: 0.158, 400: 0.155}
loss_figure(losses, EXPECTED, "loss, mean of ten steps")

# %% [markdown]
# "Expected" is a run of this very cell (seed 0, two cores, November 2026). The shipped controller had 9000
# such steps from 60,000 samples before it saw a picture, then pictures and keypoints side by side.
#
# ## 6 · Why random backgrounds
#
# A network uses whatever helps. Trained on plain views it would act on the saucepan and ignore the spheres,
# and then every drawing, good or bad, would give the same motion. So the controller was trained on spheres
# in front of textures (notebook 02). Does it really look at the spheres only? We move the same spheres to
# other backgrounds, and take them away.

# %%
from genima_lite.targets import RandomBackdrop
from genima_lite.viz.following import spread_figure


def distance(model, views, demo, frame: int, said: str = "", cut: bool = True) -> float:
    """Return how far from the true target the predicted actions end, in mm.

    cut: at keyframes, as spheres are; else the target lies 20 steps ahead in any case.
    """
    goal = draw_targets(demo, frame, keyframes=cut).joints.positions[0]
    end = tip_after(predict_actions(model, views, demo[frame], said))
    return 1000 * float(np.linalg.norm(end - goal))


def drawn_on(demo, frame: int, blend: float | None) -> dict:
    """Return the views with spheres on a mixture with a random texture; no mixture with `None`."""
    backdrop = None if blend is None else RandomBackdrop(np.random.default_rng(frame), blend)
    return draw_targets(demo, frame, backdrop=backdrop).views


# %%
conditions = {"spheres on the scene": None, "on 0.7 texture": 0.7, "on texture alone": 1.0}
ends = {
    name: [distance(follower, drawn_on(d, t, blend), d, t) for d, t in decisions]
    for name, blend in conditions.items()
}
ends["no spheres at all"] = [distance(follower, views_of(d[t]), d, t) for d, t in decisions]
spread_figure(ends, "controller that follows spheres: tip to target (mm)")

# %% [markdown]
# A mark is a decision, a bar and its number the median. The scene may go, the spheres may not. That is a
# *control* that any policy should be put through: remove
# what it claims to use, and remove what it claims not to use.
#
# The baseline `act` is the same network without spheres: it sees plain views and reads the instruction.
# What does it do when the scene is mixed with texture? (Nobody draws keyframes for it, so it does not wait
# at them: its actions are compared with where the expert is after 20 steps.)

# %%
from genima_lite.textures import random_texture

baseline = load_controller(shipped("act"))


def textured(demo, frame: int, share: float) -> dict:
    """Return plain views mixed with a random texture."""
    random = np.random.default_rng(frame)
    mixed = {
        name: (1 - share) * view + share * random_texture(random, 64, 64)
        for name, view in views_of(demo[frame]).items()
    }
    return {name: np.rint(view).astype(np.uint8) for name, view in mixed.items()}


without = {
    name: [distance(baseline, textured(d, t, share), d, t, said, cut=False) for d, t in decisions]
    for name, share in {"the scene": 0.0, "0.3 texture": 0.3, "0.7 texture": 0.7}.items()
}
spread_figure(without, "baseline without spheres: tip to target (mm)")

# %% [markdown]
# Both controllers are as they should be. The baseline has to look at the scene, for it has nothing else. (Its own state,
# though, it should not rely on: seven joint angles of a demonstration tell where in the episode one is, and
# so what comes next, without any look at the world. That is why a tenth of its training samples had the
# state hidden: `proprio_dropout` in `ControllerConfig`.)
#
# ## 7 · FiLM: a sentence turns feature maps up and down
#
# How does the baseline read the instruction? After each stage of the picture encoder, the sentence's
# features give a scale and a shift for every channel: *feature-wise linear modulation*.

# %% [markdown] exercise="film" difficulty=1 minutes=6
# ### Exercise 7: Modulate
#
# Return $(1 + \text{scale})\,x + \text{shift}$, with one scale and one shift for each channel of each sample.
#
# <details><summary>Hint</summary>
#
# numpy lines shapes up from the *last* axis. Which axes of the maps do scale and shift not have?
# </details>


# %% solution="film"
def film(maps: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return modulated maps (B, C, h, w); scale and shift (B, C)."""
    ### BEGIN SOLUTION
    return (1 + scale[..., None, None]) * maps + shift[..., None, None]
    ### END SOLUTION


# %% check="film" points=1
from genima_lite.checks.controller import check_film

check_film(film)
### BEGIN HIDDEN TESTS
check_film(film, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="film"
# **Why.** The 1 makes a fresh FiLM the identity: its weights start at zero, as zero convolutions do, so
# adding language to a trained encoder breaks nothing at first. And beware of square arrays: with B = C = h
# = w a wrong broadcast raises no error at all.

# %%
from genima_lite.controller.data import encode

sentences = ("pick up the yellow cup", "pick up the magenta cup", "open the top drawer")
with torch.no_grad():
    parts = [
        baseline.pictures.films[0].linear(encode([s], baseline.config.text_features))[0, :32]
        for s in sentences
    ]
from genima_lite.viz.learning import curves_figure

scales = {sentence: part.numpy() for sentence, part in zip(sentences, parts, strict=True)}
curves_figure(scales, range(32), ("channel of the first stage", "scale (0 = unchanged)"))

# %% [markdown]
# The two sentences about cups turn the channels almost alike, the one about a drawer differently. Is the small
# difference enough to tell two cups apart?

# %%
cups = BenchEnv("pick_up_cup", TILE_ORDER, 64)
cups.reset(seed=4007, options={"variation": 6})
tips = [
    tip_after(predict_actions(baseline, views_of(cups.observation), cups.observation, each))
    for each in sentences[:2]
]
print(
    f"two cups, two sentences: the hands end {100 * np.linalg.norm(tips[0] - tips[1]):.1f} cm apart"
)

# %% [markdown]
# ## 8 · When several chunks speak about one step
#
# A policy may decide anew before its chunk has ended. Then several chunks speak about the same step, and
# **temporal ensembling** averages them. Chunk $i$, counted from the *oldest* that still reaches the step
# ($i = 0$), has the weight $e^{-m i}$. The larger the `decay` $m$, the more the oldest decides.

# %% [markdown] exercise="ensemble" difficulty=2 minutes=12
# ### Exercise 8: The mean of all that is said
#
# `chunks` holds pairs of first step and actions `(K, 8)`, oldest first. Return the action at `step`.
#
# <details><summary>Hint 1</summary>
#
# Which row of a chunk that began at step `first` speaks about `step`? Which chunks have ended already?
# </details>
# <details><summary>Hint 2</summary>
#
# ACT's first release asked "is any number of this row zero?" to know whether a chunk speaks. What happens to
# an angle of exactly zero?
# </details>


# %% solution="ensemble"
def ensemble(chunks: list[tuple[int, np.ndarray]], step: int, decay: float) -> np.ndarray:
    """Return the weighted mean (8,) of what chunks say about a step."""
    ### BEGIN SOLUTION
    rows = [chunk[step - first] for first, chunk in chunks if step - first < len(chunk)]
    weights = np.exp(-decay * np.arange(len(rows)))
    return weights @ np.stack(rows) / weights.sum()
    ### END SOLUTION


# %% check="ensemble" points=2
from genima_lite.checks.controller import check_ensemble

check_ensemble(ensemble)
### BEGIN HIDDEN TESTS
check_ensemble(ensemble, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="ensemble"
# **Why.** Old chunks weigh *most*, which surprises: it damps jumps, and makes a policy slow to change its
# mind. A test by zeros confuses a value with its absence, a mistake as old as programming; counting which
# chunks reach the step costs nothing.

# %%
from genima_lite.controller.ensemble import TemporalEnsemble
from genima_lite.viz.following import chunks_figure

together, said_so, mean = TemporalEnsemble(0.1), [], []
for step in range(20):
    if step % 4 == 0:
        here = demos[0][step]
        said_so.append((step, predict_actions(baseline, views_of(here), here, said)))
        together.add(said_so[-1][1])
    mean.append(together.next()[1])
chunks_figure(said_so, np.array(mean), 2, demos[0].actions()[:, 1])

# %% [markdown]
# In the figure the mean does not jump where a new chunk begins, and is nearer to the expert than the newest
# chunk is. Does deciding more often help in closed loop? Not here. Executing 10 instead of 20 actions of each decision
# took genima from 357 to 336 of 400 episodes (15 won, 36 lost, sign test p = 0.005) and act from 362 to 344
# (p = 0.03): `genima-lite eval --policy genima --episodes 50 --seed 1000 --n-action-steps 10`,
# `docs/results.md`. The data show decisions 20 steps apart, and nothing between. An idea that is right
# elsewhere can be wrong for what you trained.
#
# ## 9 · Play
#
# Move the gripper's sphere: the controller says how to get there. Left the views that it gets, right the arm
# after its last command, with the spheres where they were. Where does it stop obeying?

# %%
from genima_lite.viz.playground import Stage
from genima_lite.viz.widgets import lead_by_hand

lead_by_hand(follower, Stage("take_lid_off_saucepan", seed=1001, size=64), start=(0.05, 0.0, -0.1))

# %% [markdown]
# ## Try it yourself
#
# - **A control.** Paint one sphere over in every view (which one is in `JOINTS`). Which joint's error grows
#   most? Does the controller need the base's sphere at all?
# - **An ablation.** Give `KeypointPretraining` no noise (`pixels=0, axis=0, dropped=0`). The loss gets
#   better; is the controller better with the finder's keypoints?
# - **A limitation.** Move all spheres of one view by three pixels and leave the other views. Does the network
#   trust the three that agree, as `triangulate_agreeing` does?
#
# ## Where this lives in the library
#
# | idea | file |
# |---|---|
# | the network | `genima_lite/controller/act.py` |
# | eyes and shortcut | `genima_lite/controller/keypoint_heads.py`, `genima_lite/controller/keypoint_pretraining.py` |
# | losses | `genima_lite/controller/loss.py` |
# | chunks, sources of samples | `genima_lite/controller/sources.py` |
# | corrupted drawings | `genima_lite/controller/augment.py` |
# | ensembling | `genima_lite/controller/ensemble.py` |
#
# **References.** M. Shridhar, Y. L. Lo, S. James, *Generative Image as Action Models*, CoRL 2024, section
# 3.2. T. Zhao et al., *Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware*, 2023 (ACT).
# E. Perez et al., *FiLM*, 2018. X. Sun et al., *Integral Human Pose Regression*, 2018 (soft-argmax).
