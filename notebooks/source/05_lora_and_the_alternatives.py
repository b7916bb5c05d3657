# %% [markdown]
# # 05 · LoRA and the alternatives
#
# **A model can be taught through a narrow door: two thin matrices beside each frozen layer. A hundredth
# of the weights learn, and sometimes that is enough. Here you write LoRA, count it, merge it, and
# judge it against three other ways to teach a base model actions.**
#
# After this notebook you can
#
# - write LoRA in a linear layer, then use peft's, and show that they are the same;
# - count what a rank costs, and say why LoRA alone could not teach our ControlNet;
# - train one row of a table, compare it with the committed one, and say which rows may be compared;
# - turn a model's LoRA up and down, merge it, add two of them, and choose a rank from a spectrum;
# - name what speaks for spheres, for a picture of the future, for a ControlNet and for pix2pix.
#
# | | |
# |---|---|
# | time to read and solve | about 100 minutes |
# | time to run | three minutes on two free cores, most of it training; a GPU is not needed |
# | reads | the shipped models in `data/mini-turbo` and `data/genima`, the table `data/results` |
# | writes | demonstrations and a training run in the system's folder for temporary files |
#
# "The paper" is Genima: Shridhar, Lo, James, "Generative Image as Action Models", CoRL 2024.

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast, workspace

rng = begin(seed=0)

# %% [markdown]
# ## 1 · A narrow door
#
# Fine-tuning changes every weight $W$ of a layer into $W + \Delta W$. **LoRA** (Hu et al., 2022) freezes
# $W$ and learns $\Delta W$ as a product of two thin matrices,
#
# $$\Delta W = \frac{\alpha}{r}\, U D, \qquad D \in \mathbb{R}^{r \times I},\; U \in \mathbb{R}^{O \times r}.$$
#
# $D$ (down) squeezes the $I$ inputs into $r$ numbers, $U$ (up) spreads them over the $O$ outputs. $r$ is
# the **rank**. Here is a layer of our base model, and its door at three ranks, to scale:

# %%
import numpy as np

from genima_lite.viz.lora import low_rank_figure

low_rank_figure(128, 512, ranks=(2, 8, 32))

# %% [markdown] exercise="lora_linear" difficulty=1 minutes=8
# ### Exercise 1: Write it
#
# A linear layer gives `x @ weight.T`. Return what it gives with LoRA, without ever making a matrix as
# large as `weight`.
#
# <details><summary>Hint 1</summary>
#
# Two layers after each other: first from I numbers to r, then from r to O.
# </details>
# <details><summary>Hint 2</summary>
#
# The rank is in the shapes: it is the number of rows of `down`. What is divided by what?
# </details>


# %% solution="lora_linear"
def lora_linear(
    x: np.ndarray, weight: np.ndarray, down: np.ndarray, up: np.ndarray, alpha: float
) -> np.ndarray:
    """Return the layer's output (B, O); x (B, I), weight (O, I), down (r, I), up (O, r)."""
    ### BEGIN SOLUTION
    return x @ weight.T + alpha / len(down) * (x @ down.T @ up.T)
    ### END SOLUTION


# %% check="lora_linear" points=1
from genima_lite.checks.lora import check_lora_linear

check_lora_linear(lora_linear)
### BEGIN HIDDEN TESTS
check_lora_linear(lora_linear, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="lora_linear"
# **Why.** `x @ down.T @ up.T` costs $r(I + O)$ products a row; `x @ (up @ down).T` would cost $IO$ and
# build the large matrix after all. And $\alpha$ is divided by the rank so that one can change the rank
# and keep the learning rate: with twice as many pairs, each counts half.

# %% [markdown]
# Does the door suffice? It depends on what has to go through. A teacher layer differs from ours by a
# change of rank 3; we learn it from examples, at several ranks, by gradient descent.

# %%
import torch

from genima_lite.viz.learning import curves_figure

chance = torch.Generator().manual_seed(0)
weight = torch.randn(32, 32, generator=chance)
change = torch.randn(32, 3, generator=chance) @ torch.randn(3, 32, generator=chance) / 6


def learn(rank: int, steps: int = 200) -> list[float]:
    down, up = torch.randn(rank, 32, generator=chance) / 6, torch.zeros(32, rank)
    door = [each.requires_grad_() for each in (down, up)]
    descent, losses = torch.optim.Adam(door, lr=0.02), []
    for _ in range(steps):
        x = torch.randn(64, 32, generator=chance)
        error = x @ (weight + change).T - (x @ weight.T + x @ down.T @ up.T)
        losses.append(float((loss := error.square().mean()).detach()))
        descent.zero_grad()
        loss.backward()
        descent.step()
    return losses


# %%
curves = {f"rank {rank}": learn(rank) for rank in (1, 2, 3, 8)}
curves_figure(curves, range(200), ("step", "mean squared error"))

# %% [markdown]
# From rank 3 on the error goes to zero; below, a part of the change never fits. More rank than needed
# does no harm here. (`up` starts at zero and `down` at random. Exercise 3 shows why not both at zero.)
#
# ### Then peft's
#
# The library leaves LoRA to peft. Put it on one layer of the base model and compare with the formula.

# %%
from peft import LoraConfig

from genima_lite.diffusion.base import load_pipeline
from genima_lite.shipped import shipped

unet = load_pipeline(shipped("mini-turbo")).unet
unet.add_adapter(LoraConfig(r=8, lora_alpha=16, target_modules=["to_q", "to_v"]))
name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
layer = unet.get_submodule(name)
print(layer)

# %%
down, up = (getattr(layer, part)["default"].weight for part in ("lora_A", "lora_B"))
torch.nn.init.normal_(up, std=0.1)  # as if something had been learned
x = torch.randn(4, layer.in_features)
with torch.no_grad():
    theirs = layer(x)
    ours = x @ layer.base_layer.weight.T + 16 / 8 * (x @ down.T) @ up.T
    base = layer.base_layer(x)
for title, other in (("peft's layer and the formula", ours), ("with and without LoRA", base)):
    print(f"{title}: at most {float((theirs - other).abs().max()):.1e} apart")

# %% [markdown]
# ## 2 · What does a rank cost?
#
# Memory in training: what is frozen needs its weights alone, and half precision will do (2 bytes). What
# learns needs its weight, its gradient, and AdamW's two running averages, all in single precision:
# 4 + 4 + 8 = 16 bytes a number. (The activations come on top; they hardly depend on the rank.)

# %% [markdown] exercise="training_bytes" difficulty=1 minutes=8
# ### Exercise 2: Count it
#
# Return the bytes of some frozen layers and their LoRA.
#
# <details><summary>Hint</summary>
#
# How many numbers does `down` have, how many `up`? Add, do not multiply.
# </details>


# %% solution="training_bytes"
def training_bytes(layers: list[tuple[int, int]], rank: int) -> int:
    """Return bytes of weights, gradients and AdamW's averages; layers are pairs (out, in)."""
    ### BEGIN SOLUTION
    return sum(2 * out * inside + 16 * rank * (out + inside) for out, inside in layers)
    ### END SOLUTION


# %% check="training_bytes" points=1
from genima_lite.checks.lora import check_training_bytes

check_training_bytes(training_bytes)
### BEGIN HIDDEN TESTS
check_training_bytes(training_bytes, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="training_bytes"
# **Why.** The weights of a large model are the smaller part of what training it costs: 16 bytes against
# 2. LoRA saves the gradient and the averages of all that is frozen, and that is nearly everything.

# %% [markdown]
# SD-Turbo, the paper's base, is not here, but its *shapes* are enough to count. On the device `meta`
# a network has shapes and no numbers.

# %%
from diffusers import UNet2DConditionModel

with torch.device("meta"):
    large = UNet2DConditionModel(
        attention_head_dim=(5, 10, 20, 20), cross_attention_dim=1024, use_linear_projection=True
    )
shapes = [
    (len(w), w[0].numel())
    for n, w in large.named_parameters()
    if n.endswith("weight") and w.ndim > 1
]
print(
    f"{sum(p.numel() for p in large.parameters()) / 1e6:.0f} million weights, {len(shapes)} layers"
)

# %%
from genima_lite.viz.lora import bars_figure

numbers = sum(out * inside for out, inside in shapes)
gib = {"all weights learn": 16 * numbers / 2**30}
both = sum(out + inside for out, inside in shapes)
gib |= {f"LoRA, rank {r}": (2 * numbers + 16 * r * both) / 2**30 for r in (64, 16, 4)}
gib["frozen, nothing learns"] = 2 * numbers / 2**30
bars_figure(gib, "GiB for SD-Turbo's UNet, without activations")

# %% [markdown]
# A ControlNet on SD-Turbo, as in the paper, has 364 million weights that learn: 5.4 GiB at 16 bytes,
# beside the frozen base. LoRA *instead* of it would fit on a small card. Would it learn, too?
#
# ## 3 · Zero behind zero
#
# A ControlNet speaks through zero convolutions (notebook 04). Put LoRA into a fresh ControlNet, freeze
# the rest, and its zero convolutions are frozen at zero. The whole chain, with a single number for each
# matrix:
#
# $$y = z\,(w + u\,d)\,x$$
#
# $z$ is the zero convolution, $w$ the frozen weight, $u$ and $d$ LoRA's up and down.

# %% [markdown] exercise="who_learns" difficulty=2 minutes=10
# ### Exercise 3: Who learns?
#
# Return the names, of `"z"`, `"up"` and `"down"`, that learn in the next step: those that are not frozen
# and whose gradient is not zero. (The input and the gradient of the loss in y are not zero.)
#
# <details><summary>Hint 1</summary>
#
# Write down the three derivatives of y. Each is a product of all that the number is multiplied by.
# </details>
# <details><summary>Hint 2</summary>
#
# $\partial y / \partial u = z\,d\,x$.
# </details>


# %% solution="who_learns"
def who_learns(z: float, w: float, up: float, down: float, frozen: set[str]) -> set[str]:
    """Return the names whose gradient in y = z (w + up down) x is not zero, without the frozen."""
    ### BEGIN SOLUTION
    gradients = {"z": w + up * down, "up": z * down, "down": z * up}
    return {name for name, gradient in gradients.items() if gradient != 0} - frozen
    ### END SOLUTION


# %% check="who_learns" points=2
from genima_lite.checks.lora import check_who_learns

check_who_learns(who_learns)
### BEGIN HIDDEN TESTS
check_who_learns(who_learns, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="who_learns"
# **Why.** A zero blocks everything behind it. One unfrozen zero is only a delay: it moves in its first
# step. A frozen one is for ever, and so are two factors that both start at zero. No error says so: the
# loss is there, the optimiser steps, nothing changes.

# %% [markdown]
# The real thing: LoRA in a fresh ControlNet on mini-turbo, with the zero convolutions learning along and
# without. We make a few steps and look at the gradient of LoRA's `up`.

# %%
from genima_lite.demos.collect import record_demo
from genima_lite.diffusion.adapters import LoraSettings
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.data import DrawingData, target_pictures
from genima_lite.diffusion.train import AdapterConfig, Drawing
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.tiling import TILE_ORDER
from genima_lite.training.config import TrainingConfig

env = BenchEnv("push_button", TILE_ORDER, 64)
one = [(record_demo(env, 0, 0), env.task.instructions(0))]
pictures = target_pictures(one, frames_each=6, rng=rng, keyframes=True)
data = DrawingData({"demonstrations": pictures}, {"demonstrations": 1.0})

# %%
adapter = AdapterConfig("controlnet-lora", LoraSettings(rank=4))


def gradients(zero_learns: bool, steps: int = 3) -> list[float]:
    """Return the size of the gradient of all LoRA `up` in each step."""
    parts = Components.of(load_pipeline(shipped("mini-turbo")))
    pupil = Drawing(parts, data.prompts, adapter, TrainingConfig())
    groups = {name: weights for name, (weights, _) in pupil.parameter_groups().items()}
    learns = groups["main"] + (groups["zero"] if zero_learns else [])
    descent, sizes = torch.optim.SGD(learns, lr=1e-2), []
    ups = [w for n, w in parts.controlnet.named_parameters() if "lora_B" in n]
    for step in range(steps):
        descent.zero_grad()
        loss, _ = pupil(data.batch(rng, 2), torch.Generator().manual_seed(step))
        loss.backward()
        sizes.append(float(sum(w.grad.square().sum() for w in ups) ** 0.5))
        descent.step()
    return sizes


# %%
found = {"learn": gradients(True), "frozen": gradients(False)}
shown = {
    f"zero convolutions {how}, step {i + 1}": size
    for how, sizes in found.items()
    for i, size in enumerate(sizes)
}
bars_figure(shown, "gradient of LoRA's up in the ControlNet", ".1e")

# %% [markdown]
# Frozen zero convolutions: exactly 0, in every step. So the library's adapter `controlnet-lora` frees
# them along with LoRA. Even then it learns slowly: everything must first come through.
#
# ## 4 · Four ways in, two targets
#
# | way | the picture enters through | what learns | target |
# |---|---|---|---|
# | ControlNet (the paper) | a copy of the base's encoder | the copy | spheres |
# | ControlNet and LoRA | the same | the copy, and LoRA in the base | spheres |
# | ControlNet and up-blocks (ours) | the same | the copy, and half of the base | spheres |
# | pix2pix (Brooks et al., 2023) | more input channels | the whole UNet | spheres |
# | future picture (SuSIE, Black et al., 2023) | any of these | the same | the views K steps ahead |
#
# The last row has another *target*: not where the joints should be, but everything that the robot will
# see there. On a demonstration:

# %%
from genima_lite.checks.alternatives import DEMOS, HELD_OUT, STEPS, committed, measured, short_run
from genima_lite.datasets.demonstrations import recorded
from genima_lite.demos.collect import collect
from genima_lite.diffusion.data import demo_pictures
from genima_lite.viz.target_pictures import picture_grid

place = workspace("05")
for folder, what in (("demos", DEMOS), ("held_out", HELD_OUT)):
    list(collect(place / folder, what.tasks, 1 if fast() else what.episodes, what.settings))

# %%
few = recorded([place / "demos"])[:1]
both = {
    target: demo_pictures(few, 4, np.random.default_rng(0), target=target)
    for target in ("spheres", "future")
}
shown = {"seen": both["spheres"].conditions[1]}
shown |= {target: each.pictures[1] for target, each in both.items()}
picture_grid(shown, each=2.8).saying("Four views; with spheres on them; as they are at the target")

# %% [markdown]
# The future picture needs no joints and no calibrated cameras, so it can learn from videos of anybody.
# But the controller must read a posture off an arm of a few blurred pixels, where spheres say it in
# four colours; and it hallucinates whatever it cannot know, such as where a pushed thing rolls.
#
# How good is a drawn future? There is no sphere to find, so compare pixels. Most of them never change,
# and a network that hands the present picture back has most of them right.

# %% [markdown] exercise="change_left" difficulty=2 minutes=10
# ### Exercise 4: A number that a copy cannot win
#
# A pixel *changes* if one of its three colours differs by 24 levels or more between `now` and `later`.
# Return the mean difference between `drawn` and `later` over all colours of the pixels that change,
# divided by the same of `now` and `later`.
#
# <details><summary>Hint 1</summary>
#
# `np.uint8(3) - np.uint8(5)` is 254. The paper's reference code computes its validation error so.
# </details>
# <details><summary>Hint 2</summary>
#
# `away.max(axis=-1) >= 24` is an (H, W) mask; `away[mask]` keeps all three colours of its pixels.
# </details>


# %% solution="change_left"
def change_left(drawn: np.ndarray, now: np.ndarray, later: np.ndarray) -> float:
    """Return what is left of the change, 1 for a copy; three pictures (H, W, 3) uint8."""
    ### BEGIN SOLUTION
    left, change = (np.abs(each.astype(float) - later) for each in (drawn, now))
    changes = change.max(axis=-1) >= 24
    return float(left[changes].mean() / change[changes].mean())
    ### END SOLUTION


# %% check="change_left" points=2
from genima_lite.checks.lora import check_change_left

check_change_left(change_left)
### BEGIN HIDDEN TESTS
check_change_left(change_left, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="change_left"
# **Why.** A metric is worth what its laziest winner is worth. The mean error over all pixels is won by a
# copy, the one answer that is of no use. And integers wrap around silently: the same picture, one level
# darker, would be 255 levels off.

# %% [markdown]
# ## 5 · A table, and one of its rows again
#
# Each row below was trained once, on the same eight demonstrations, for 960 samples, and measured on six
# held-out ones. It is short: enough to see who starts fast, not who ends well. (The seconds tell little,
# since other work ran beside.)

# %%
from genima_lite.viz.lora import rows_figure

table = committed()
print(table.command)
for row in table.rows:
    print(f"{row.name:25s} {row.trained / 1e6:.2f} million weights learn, {row.seconds:.0f} s")
rows_figure(table.rows)

# %% [markdown]
# Never believe a table of which you cannot make a row. We train the second one again: ControlNet and
# LoRA, about a minute and a half of a free core. Stopped and run again, it is not begun anew.

# %%
from genima_lite.diffusion.finetune import finetune
from genima_lite.viz.learning import loss_figure

config = short_run("ControlNet and LoRA", place / "demos", 4 if fast() else STEPS)
result = finetune(place / "lora", config)
print(f"{result.steps} steps, {result.weights / 1e6:.2f} million weights learned")

# %%
from genima_lite.training.curves import curve

EXPECTED = {
    10: 0.326,
    20: 0.272,
    30: 0.254,
    40: 0.242,
    60: 0.222,
    80: 0.207,
    100: 0.199,
    120: 0.198,
}
_, losses = curve(place / "lora/logs", "train/loss")
loss_figure(losses, EXPECTED, "loss, mean of ten steps")

# %%
again = measured("ControlNet and LoRA", place / "lora", place / "held_out", config)
before = next(row for row in table.rows if row.name == again.name)
for title, row in (("committed", before), ("yours", again)):
    low, high = row.missed_interval
    print(f"{title:10s} {row.missed:.1%} missed ({low:.1%} to {high:.1%}), {row.left:.3f} left")

# %% [markdown] exercise="fair_winner" difficulty=2 minutes=10
# ### Exercise 5: Who won, if anybody?
#
# Given two rows as dictionaries with `missed` (a share, or `None`), `missed_interval` (low, high),
# `samples` and `decisions`, return `"one"` or `"other"` for the better row, or `None` where that cannot
# be said: other budgets, other decisions, nothing measured, or intervals that overlap.
#
# <details><summary>Hint 1</summary>
#
# First the reasons for `None`, then the comparison.
# </details>
# <details><summary>Hint 2</summary>
#
# Two intervals are apart if the higher end of one lies below the lower end of the other.
# </details>


# %% solution="fair_winner"
def fair_winner(one: dict, other: dict) -> str | None:
    """Return which row misses fewer spheres, "one" or "other"; `None` where nobody can say."""
    ### BEGIN SOLUTION
    if one["missed"] is None or other["missed"] is None:
        return None
    if any(one[name] != other[name] for name in ("samples", "decisions")):
        return None
    if one["missed_interval"][1] < other["missed_interval"][0]:
        return "one"
    return "other" if other["missed_interval"][1] < one["missed_interval"][0] else None
    ### END SOLUTION


# %% check="fair_winner" points=2
from genima_lite.checks.lora import check_fair_winner

check_fair_winner(fair_winner)
### BEGIN HIDDEN TESTS
check_fair_winner(fair_winner, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="fair_winner"
# **Why.** A budget is part of a result. Still not all is fair here: every row has one seed, and one
# learning rate, chosen for `up-blocks`; LoRA usually wants a higher one. And equal samples are not equal
# seconds or bytes, which is what LoRA is for.

# %% [markdown]
# In this short race nobody can say whether LoRA helped the ControlNet, or whether up-blocks or pix2pix is
# better. But both of these, in which half or all of the base learns, beat a base that stays frozen: ours
# is small and must change to draw spheres at all. A longer race gives the same order (three tasks, 180
# demonstrations, four times the samples, `docs/results.md`): 55.9 % missed with up-blocks, 61.7 with pix2pix,
# 76.4 with LoRA beside the ControlNet, 77.7 without, and 91.5 with LoRA *in* the ControlNet. With a base
# as strong as SD-Turbo the paper's frozen ControlNet is enough.
#
# The future picture has no spheres, so the left panel says nothing; and the right one compares it with
# nobody, since there the change is four small spheres, here it is the arm's own motion. What would be
# fair is closed loop, each target with a controller that was trained to follow it.
#
# ## 6 · Turn it up and down
#
# The run wrote two things: a folder with LoRA added to the weights, for whoever just wants to draw, and
# `pytorch_lora_weights.safetensors`, LoRA alone, for whoever has the base.

# %%
sizes = {
    name: (place / "lora" / name).stat().st_size / 2**20
    for name in ("unet/diffusion_pytorch_model.safetensors", "pytorch_lora_weights.safetensors")
}
for name, size in sizes.items():
    print(f"{size:5.1f} MiB  {name}")

# %% [markdown] exercise="merged" difficulty=1 minutes=6
# ### Exercise 6: Merge
#
# Return the weight with `share` of the LoRA in it: 0 is the base, 1 the fine-tuned layer. Leave the
# given weight as it is.
#
# <details><summary>Hint</summary>
#
# Which of the two products, `up @ down` or `down @ up`, has the weight's shape?
# </details>


# %% solution="merged"
def merged(
    weight: np.ndarray, down: np.ndarray, up: np.ndarray, alpha: float, share: float
) -> np.ndarray:
    """Return the layer's new weight (O, I); weight (O, I), down (r, I), up (O, r)."""
    ### BEGIN SOLUTION
    return weight + share * alpha / len(down) * (up @ down)
    ### END SOLUTION


# %% check="merged" points=1
from genima_lite.checks.lora import check_merged

check_merged(merged)
### BEGIN HIDDEN TESTS
check_merged(merged, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="merged"
# **Why.** Merged, LoRA costs nothing when the model is used: the same layers, other numbers. What one
# loses is the way back. In half precision `W + s U D - s U D` is not `W`; keep the base, or the LoRA
# file. A model whose LoRA is merged twice draws too much of what it learned, and no error says so.

# %% [markdown]
# The model that you trained, with its LoRA from nothing to one and a half times. The ControlNet stays.

# %%
from genima_lite.datasets.demonstrations import read_demos
from genima_lite.diffusion.validate import decision_examples
from genima_lite.tiling import tile
from genima_lite.viz.lora_scale import ScaledLora

chosen = decision_examples(read_demos(place / "held_out"))[1]
model = ScaledLora(shipped("mini-turbo"), place / "lora")
shown = {"seen": tile(chosen.views)}
shown |= {f"LoRA times {share}": model.draw(chosen, share) for share in (0, 1, 3)}
picture_grid(shown, each=2.3).saying("The seen views, and drawings with LoRA at 0, 1 and 3 times")

# %% [markdown]
# The ControlNet has learned more than the LoRA: without LoRA the picture is nearly the same. Three times
# as much of it goes on in the same direction, into colours that nobody asked for. Two minutes of training
# do not draw well; section 7 turns the change of a model that does.
#
# ## 7 · Two LoRAs, and the right rank
#
# Say one LoRA learned to push buttons, another one to open drawers, on the same base. May one have
# both? Their changes add up. Is the sum a LoRA again?

# %% [markdown] exercise="added" difficulty=2 minutes=12
# ### Exercise 7: Add two
#
# Each LoRA is a triple of `down`, `up` and its scale $\alpha / r$. Return one `down` and one `up` whose
# product `up @ down` is the sum of both scaled changes, for any two ranks.
#
# <details><summary>Hint 1</summary>
#
# $(B + D)(A + C) = BA + DC + BC + DA$. The last two are nobody's.
# </details>
# <details><summary>Hint 2</summary>
#
# A product of matrices is a sum over the inner index. Make that index run over both LoRAs' pairs.
# </details>


# %% solution="added"
def added(one: tuple, other: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return `down` (r, I) and `up` (O, r) of the sum; each given is (down, up, scale)."""
    ### BEGIN SOLUTION
    (down_1, up_1, scale_1), (down_2, up_2, scale_2) = one, other
    return np.vstack([down_1, down_2]), np.hstack([scale_1 * up_1, scale_2 * up_2])
    ### END SOLUTION


# %% check="added" points=2
from genima_lite.checks.lora import check_added

check_added(added)
### BEGIN HIDDEN TESTS
check_added(added, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="added"
# **Why.** Averaging the *factors* of two LoRAs, as one averages weights, is a common mistake, and where
# people train together (federated learning) an open question: what should be averaged is the product.
# The exact sum has the sum of the ranks.

# %% [markdown]
# Last, the rank. How many pairs does a change need? Its singular values tell: the best approximation of
# rank $r$ keeps the $r$ largest, and the share of squares that it keeps is a fair measure of how much of
# the change is there.

# %% [markdown] exercise="smallest_rank" difficulty=2 minutes=10
# ### Exercise 8: Choose it
#
# Return the smallest rank whose best approximation keeps at least `share` of the sum of squares of
# `change`.
#
# <details><summary>Hint 1</summary>
#
# `np.linalg.svd(change, compute_uv=False)`; the squares of these sum to the squares of the matrix.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.cumsum`, and count how many ranks do not reach the share. One more does.
# </details>


# %% solution="smallest_rank"
def smallest_rank(change: np.ndarray, share: float) -> int:
    """Return the rank, at least 1; change (O, I), share in (0, 1)."""
    ### BEGIN SOLUTION
    squares = np.linalg.svd(change, compute_uv=False) ** 2
    return int((np.cumsum(squares) / squares.sum() < share).sum()) + 1
    ### END SOLUTION


# %% check="smallest_rank" points=2
from genima_lite.checks.lora import check_smallest_rank

check_smallest_rank(smallest_rank)
### BEGIN HIDDEN TESTS
check_smallest_rank(smallest_rank, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="smallest_rank"
# **Why.** The share of squares is the share of what the layer's output changes by, for inputs of equal
# strength in all directions. Real inputs are not like that, so the number is a guide, not a proof: the
# last word has a training run at two ranks.

# %% [markdown]
# How low is the rank of a change that was *not* forced through a door? Genima's UNet and mini-turbo's
# are two trained networks of one shape, hours of training apart (Genima's began from an earlier base).
# For one layer, beside the LoRA that you trained:

# %%
from genima_lite.viz.lora import share_kept

name = "up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q"
wholes = [
    load_pipeline(shipped(each)).unet.get_submodule(name).weight.detach().numpy()
    for each in ("mini-turbo", "genima/diffusion")
]
changes = {"all weights learned": wholes[1] - wholes[0], "LoRA of rank 8": model.change(name)}
curves = {title: share_kept(matrix)[:64] for title, matrix in changes.items()}
curves_figure(curves, range(1, 65), ("rank", "share of the change that is kept"))

# %% [markdown]
# Two minutes of training through a door of 8 use two or three of the 8: there was not more to say yet. A
# change that was free to use all ranks uses many: 90 % of it take nearly 30. So is low rank a myth? Cut Genima's change down, matrix
# by matrix, and look at what it draws:

# %%
from genima_lite.viz.lora_scale import LowRankChange, turn_change

cut = LowRankChange(shipped("mini-turbo"), shipped("genima/diffusion"))
shown = {f"rank {rank}": cut.draw(chosen, 1, rank) for rank in (2, 8, 32, 64)}
shown["true"] = tile(chosen.expert_targets.views)
picture_grid(shown, each=2.0).saying(
    "Genima's drawings with its UNet's change cut to rank 2, 8, 32 and 64, and the true targets: noise "
    "at 2 and 8, spheres at 32, clean ones at 64"
)

# %% [markdown]
# At rank 32 the spheres stand where they should, at 64 of 128 nothing seems to be missing. But a rank of
# 8, a usual choice, is far too little *for this change*. That does not say that LoRA of rank 8 must fail:
# training through the door finds another change, one that fits. It says that a change which was learned
# freely does not fit afterwards. And our base is small, so it must change a lot.
#
# Turn it yourself: `share` goes from mini-turbo's UNet to Genima's.

# %%
turn_change(cut, chosen)

# %% [markdown]
# ## Try it yourself
#
# - **A control.** Train the row "ControlNet and LoRA" with another seed (`short_run(..., seed=1)`, in
#   another folder). How far apart are two seeds, beside the intervals of the table?
# - **An ablation.** Rank 2 and rank 64 (`dataclasses.replace` on `config.adapter.lora`). Predict the
#   misses and the file's size first.
# - **A fairer race.** Give LoRA a learning rate five times as high. Was the table fair to it?
# - **A limitation.** `genima-lite train susie` trains the future picture and the controller that follows
#   it. What must be recorded anew, of what Genima needs? What could it learn from that Genima cannot?
#
# ## Where this lives in the library
#
# | idea | file |
# |---|---|
# | ControlNet, LoRA, concatenation | `genima_lite/diffusion/adapters.py` |
# | LoRA in files, diffusers' and peft's | `genima_lite/diffusion/lora.py` |
# | spheres or the future picture | `genima_lite/diffusion/data.py`, `genima_lite/recipes/susie.py` |
# | pixels that change | `genima_lite/diffusion/pixels.py` |
# | the table | `benchmarks/compare_alternatives.py`, `genima_lite/checks/alternatives.py` |
#
# **References.** E. Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, 2022. T. Brooks et al.,
# *InstructPix2Pix*, 2023. K. Black et al., *Zero-Shot Robotic Manipulation with Pretrained Image-Editing
# Diffusion Models* (SuSIE), 2023. L. Zhang et al., *Adding Conditional Control to Text-to-Image Diffusion
# Models*, 2023.
