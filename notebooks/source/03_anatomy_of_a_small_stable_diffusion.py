# %% [markdown]
# # 03 · Anatomy of a small Stable Diffusion
#
# **A text-to-image model is four small machines: one packs pixels, one reads words, one guesses the
# clean picture behind noise, and one keeps account of how much noise is left. Each fits into a few
# lines, and you will write those lines.**
#
# After this notebook you can
#
# - take a Stable Diffusion apart into VAE, text encoder, UNet and scheduler, and say what each does;
# - noise a picture by hand, and turn one kind of prediction into another;
# - sample in one step and in four, and say why one step draws an average;
# - say what "turbo" means, and why the last timestep must be *pure* noise;
# - look where in the picture the network reads the word "blue".
#
# | | |
# |---|---|
# | time to read and solve | about 100 minutes |
# | time to run | under a minute on two cores; a GPU makes no difference here |
# | reads | the shipped models in `data/mini-turbo` and `data/genima` |
# | writes | nothing |
#
# Genima ("Generative Image as Action Models", CoRL 2024, "the paper") fine-tunes SD-Turbo, of 866
# million weights in the UNet. Here we look at `mini-turbo`, of 4.6 million: the same classes of the
# same library (diffusers), only smaller. What you learn about one holds for the other.

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast

rng = begin(seed=0)

# %% [markdown]
# ## 1 · What it does
#
# First a picture. `mini-turbo` has seen 16,384 scenes of the robot's bench with captions that name
# the things on the table. No spheres: of actions it knows nothing. Here it invents four scenes.

# %%
import numpy as np
import torch

from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.prompts import scene_caption
from genima_lite.shipped import shipped
from genima_lite.viz.denoising import sample
from genima_lite.viz.target_pictures import picture_grid

base = Components.of(load_pipeline(shipped("mini-turbo")))
things = {"red cup": 3, "blue cup": 1, "green button": 2, "magenta block": 4}
captions = {thing: scene_caption([thing]) for thing in things}
invented = {t: sample(base, captions[t], steps=4, seed=seed).picture for t, seed in things.items()}
picture_grid(invented).saying("Four tiled scenes that the base model invented, each for a caption")

# %% [markdown]
# Soft and small, but there is a table, an arm in each view, and something of the colour that was
# asked for. Each picture is four camera views tiled two by two, 128 × 128 pixels in all.
#
# Now open the box. Five parts: the four machines, and a tokenizer that cuts captions into words.
# (VAE means *variational autoencoder*; it packs pixels. UNet is the name of a network that shrinks
# a grid in stages and enlarges it again. The scheduler keeps account of the noise.)

# %%
# NBVAL_CHECK_OUTPUT
print(captions["red cup"])
for name, part in base.parts().items():
    weights = sum(p.numel() for p in part.parameters()) if isinstance(part, torch.nn.Module) else 0
    print(f"{name:13s} {type(part).__name__:22s} {weights / 1e6:4.1f} million weights")

# %% [markdown]
# ## 2 · The autoencoder: pixels into latents
#
# Diffusion works on *latents*: a smaller grid with more channels. Stable Diffusion's autoencoder
# packs 8 × 8 pixels of three colours into one latent pixel of 4 channels. 192 numbers become 4, so
# something gets lost, and small things are what gets lost first. For a photograph that is fine. For
# a sphere of six pixels whose centre means a joint angle it is not.
#
# Ours therefore loses nothing: one latent pixel has all 192 numbers. It is a rearrangement, no
# compression. Yet it does what the UNet needs: a grid that is 8 times smaller along each side.

# %%
from genima_lite.viz.anatomy import latent_figure

latent_figure(invented["red cup"], row=5, column=12)

# %% [markdown] exercise="to_latents" difficulty=2 minutes=12
# ### Exercise 1: A lossless latent
#
# Write the encoder: from a picture `(H, W, 3)` in uint8 to latents `(192, H/8, W/8)` with values from
# -1 (level 0) to 1 (level 255). Channel $64c + 8i + j$ of a latent pixel is colour $c$ of the pixel
# in row $i$, column $j$ of its patch.
#
# <details><summary>Hint 1</summary>
#
# A single `reshape` keeps the order in memory, and in memory a picture's first row comes before
# its second. A patch holds pieces of eight rows.
# </details>
# <details><summary>Hint 2</summary>
#
# Split both sides first: a `reshape` to five axes, (patch row, row within, patch column, column
# within, colour). Then order the axes as the channels want them.
# </details>


# %% solution="to_latents"
def to_latents(picture: np.ndarray) -> np.ndarray:
    """Return latents (192, H / 8, W / 8) in [-1, 1] of a picture (H, W, 3) uint8."""
    ### BEGIN SOLUTION
    height, width, _ = picture.shape
    patches = (picture / 127.5 - 1).reshape(height // 8, 8, width // 8, 8, 3)
    return patches.transpose(4, 1, 3, 0, 2).reshape(192, height // 8, width // 8)
    ### END SOLUTION


# %% check="to_latents" points=2
from genima_lite.checks.anatomy import check_to_latents

check_to_latents(to_latents)
### BEGIN HIDDEN TESTS
check_to_latents(to_latents, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="to_latents"
# **Why.** The arithmetic is exact, so a sphere that is drawn into the latents is a sphere in the
# picture, to the last level. The price is a latent with 48 times as many channels as Stable
# Diffusion's: the network must get the fine texture right by itself, where a learned decoder would
# paint it. That is one reason why our samples look soft.

# %% [markdown]
# The library's autoencoder is a stock diffusers class whose 1.1 million weights were set by hand to
# do just that (`genima_lite/diffusion/autoencoder.py`). Does it really lose nothing? There and back,
# compared level by level. (Scaled latents: Stable Diffusion multiplies by 0.18 to give them unit
# variance, ours by 1.)

# %%
# NBVAL_CHECK_OUTPUT
from genima_lite.diffusion.components import encode_pictures
from genima_lite.viz.denoising import as_picture

latents = encode_pictures(base, invented["red cup"][None])
again = as_picture(base, latents)
print("latents:", tuple(latents.shape), " scaled by", base.vae.config.scaling_factor)
print("levels that differ:", int((again != invented["red cup"]).sum()), "of", again.size)

# %% [markdown]
# ## 3 · The text encoder: words into features
#
# A tokenizer cuts the caption into tokens, here a word each; the text encoder turns each into a
# vector of 128 numbers that also knows its neighbours. The UNet never sees letters, only these.
#
# Two words are as different for the model as their vectors are. Below: distances between the
# vectors of some words, each put into the same caption.

# %%
from genima_lite.diffusion.components import encode_prompts
from genima_lite.viz.anatomy import likeness_figure
from genima_lite.viz.attention import words_of

words = ("red", "maroon", "blue", "navy", "cup", "button")
features = []
for word in words:
    caption = scene_caption([word])
    features.append(encode_prompts(base, [caption])[0, words_of(base, caption)[word]].numpy())
likeness_figure(np.stack(features), words)

# %% [markdown]
# Red is no nearer to maroon than to a button. That is right here: this text encoder is *random*. It
# was never trained. It only has to keep words apart, since the bench has some 150 of them and the
# UNet learns what each means. SD-Turbo's text encoder was trained on millions of captions, and there
# red is near maroon: that is what it means to bring knowledge along, and what a small model lacks.

# %% [markdown]
# ## 4 · Noise, and how much of it
#
# Training needs noisy pictures whose clean originals are known. At timestep $t$ the share
# $\bar\alpha_t$ of the signal's power is *kept* and the rest is noise $\varepsilon$, of variance 1:
#
# $$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1 - \bar\alpha_t}\,\varepsilon$$

# %%
from genima_lite.viz.denoising import kept_share, noised

kept = kept_share(base)
levels = (0, 100, 200, 400, 999)
noisy = {
    f"t = {t}: {100 * kept[t]:.2g} % kept": as_picture(base, noised(base, invented["blue cup"], t))
    for t in levels
}
picture_grid(noisy, each=2.3).saying("One scene under more and more noise; at t = 999 only noise")

# %% [markdown] exercise="add_noise" difficulty=1 minutes=5
# ### Exercise 2: Forward noising by hand
#
# Write the formula above. `kept` is $\bar\alpha_t$.
#
# <details><summary>Hint</summary>
#
# What is the variance of $a x + b \varepsilon$ if both have variance 1? It should be 1 again.
# </details>


# %% solution="add_noise"
def add_noise(clean: np.ndarray, noise: np.ndarray, kept: float) -> np.ndarray:
    """Return noisy latents; both arrays have one shape, `kept` lies in [0, 1]."""
    ### BEGIN SOLUTION
    return kept**0.5 * clean + (1 - kept) ** 0.5 * noise
    ### END SOLUTION


# %% check="add_noise" points=1
from genima_lite.checks.anatomy import check_add_noise

check_add_noise(add_noise)
### BEGIN HIDDEN TESTS
check_add_noise(add_noise, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="add_noise"
# **Why.** Powers add up, amplitudes do not. With the roots, latents of variance 1 have variance 1 at
# every timestep, so the network's input never changes its size, only its content. Without them the
# middle of the schedule would be too quiet, and the network would tell $t$ by the volume.

# %% [markdown]
# ### The last timestep
#
# Sampling starts with *pure* noise. Has training ever seen pure noise? Stable Diffusion's schedule
# ends with $\sqrt{\bar\alpha} = 0.07$: at the last timestep the picture is still there
# with 7 % of its strength, above all its mean brightness. The network learns to rely on it, and in
# sampling it is not there. With fifty steps one gets away with it, at the price of pictures of medium brightness (Lin et al.,
# 2023). With *one* step everything rests on the last timestep.
#
# The cure is **zero terminal SNR**, a signal-to-noise ratio that ends at zero: shift
# $\sqrt{\bar\alpha_t}$ so that it ends at 0, and stretch it so that it begins where it began.

# %% [markdown] exercise="zero_terminal" difficulty=2 minutes=10
# ### Exercise 3: End in pure noise
#
# Return a schedule whose last $\bar\alpha$ is exactly 0 and whose first is unchanged. Shift and
# stretch the *roots* $\sqrt{\bar\alpha_t}$.
#
# <details><summary>Hint 1</summary>
#
# A straight line maps the last root to 0 and the first root to itself. Which?
# </details>
# <details><summary>Hint 2</summary>
#
# Subtract the last root from all. What must the first one be multiplied by to get back to where it
# was? And do not forget to leave the world of roots.
# </details>


# %% solution="zero_terminal"
def zero_terminal(kept: np.ndarray) -> np.ndarray:
    """Return a schedule (T,) that ends at 0 and begins as before; `kept` (T,) falls."""
    ### BEGIN SOLUTION
    root = kept**0.5
    shifted = root - root[-1]
    return (shifted * root[0] / shifted[0]) ** 2
    ### END SOLUTION


# %% check="zero_terminal" points=2
from genima_lite.checks.anatomy import check_zero_terminal

check_zero_terminal(zero_terminal)
### BEGIN HIDDEN TESTS
check_zero_terminal(zero_terminal, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="zero_terminal"
# **Why.** Setting only the last number to 0 would be a cliff: from 7 % signal to none in one
# timestep. Spread over all timesteps nobody notices. The library says it in one argument,
# `rescale_betas_zero_snr=True`.

# %%
from diffusers import DDIMScheduler

from genima_lite.viz.anatomy import schedule_figure

sd = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
schedules = {
    "Stable Diffusion": DDIMScheduler(**sd),
    "the same, zero at the end": DDIMScheduler(**sd, rescale_betas_zero_snr=True),
    "mini-turbo": base.scheduler,
}
schedule_figure({name: s.alphas_cumprod.double().numpy() for name, s in schedules.items()})

# %% [markdown]
# A point above the line has more noise than signal. Two curves lack their last point: at timestep
# 999 there is no signal left, and noise divided by nothing is infinite. (`mini-turbo` jumps there from
# 100.) `mini-turbo` also begins with much *more* noise than Stable Diffusion: in the pictures above a
# fifth is noise at t = 0. Its latents are pixels, of which a table has thousands that agree, and a
# thing that large shows through a lot of noise.
#
# ## 5 · What should the network predict?
#
# From $x_t$ the network shall find out what is picture and what is noise. It may say either, since
# one follows from the other:
#
# | `prediction_type` | the network says | who |
# |---|---|---|
# | `epsilon` | the noise $\varepsilon$ | Stable Diffusion 1, 2 base, SD-Turbo |
# | `sample` | the clean latents $x_0$ | mini-turbo |
# | `v_prediction` | $v = \sqrt{\bar\alpha}\,\varepsilon - \sqrt{1 - \bar\alpha}\,x_0$ | Stable Diffusion 2.1 |

# %% [markdown] exercise="clean_from" difficulty=2 minutes=12
# ### Exercise 4: One picture, three languages
#
# Return the clean latents, whatever the network's language. All three follow from the formula of
# section 4.
#
# <details><summary>Hint 1</summary>
#
# `epsilon`: solve $x_t = \sqrt{\bar\alpha}\,x_0 + \sqrt{1 - \bar\alpha}\,\varepsilon$ for $x_0$.
# </details>
# <details><summary>Hint 2</summary>
#
# `v_prediction`: picture and noise are the two sides of a right angle, $x_t$ and $v$ are the same
# two, turned. To turn back, put the formulas of $x_t$ and $v$ into
# $\sqrt{\bar\alpha}\,x_t - \sqrt{1-\bar\alpha}\,v$ and see what is left.
# </details>


# %% solution="clean_from"
def clean_from(kind: str, prediction: np.ndarray, noisy: np.ndarray, kept: float) -> np.ndarray:
    """Return the clean latents that a prediction amounts to.

    kind: "sample", "epsilon" or "v_prediction". prediction, noisy: one shape. kept: in (0, 1].
    """
    ### BEGIN SOLUTION
    if kind == "sample":
        return prediction
    if kind == "epsilon":
        return (noisy - (1 - kept) ** 0.5 * prediction) / kept**0.5
    return kept**0.5 * noisy - (1 - kept) ** 0.5 * prediction
    ### END SOLUTION


# %% check="clean_from" points=3
from genima_lite.checks.anatomy import check_clean_from

check_clean_from(clean_from)
### BEGIN HIDDEN TESTS
check_clean_from(clean_from, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="clean_from"
# **Why.** Look at the division in `epsilon`. At the last timestep of a schedule with zero terminal
# SNR, $\bar\alpha = 0$: the network is shown noise and asked for that noise, says it perfectly, and
# has said *nothing* about the picture. So zero terminal SNR forbids `epsilon`; `sample` and `v` are
# fine. With few training steps `sample` was also simply better here: in a first experiment the
# spheres were drawn 3 pixels off instead of 26 (`genima_lite/diffusion/base.py`).

# %% [markdown]
# Small errors of the network, in the three languages: how large are they in the picture? Below, each
# prediction is off by 0.01, and your formulas carry the error over to the clean latents.

# %%
# NBVAL_CHECK_OUTPUT
print("error of the clean picture if the prediction is off by 0.01")
for t in (100, 600, 900, 998):
    signal, loud = kept[t] ** 0.5, (1 - kept[t]) ** 0.5
    factors = {"sample": 1.0, "epsilon": loud / signal, "v_prediction": loud}
    print(f"t = {t}:", ", ".join(f"{kind} {0.01 * f:.4f}" for kind, f in factors.items()))

# %% [markdown]
# Near the end, the noise fills all of $x_t$, and the picture is what is left when the guessed noise is
# taken away: divided by next to nothing, a small error becomes a hundred times as large. One-step
# drawing starts at that end. So `mini-turbo` predicts the picture itself.
#
# ## 6 · Cross-attention: how a word gets into the picture
#
# The UNet's convolutions look at the picture. Words get in by **cross-attention**: each place of the
# grid asks a question, $q$; each word has a key, $k$, and a value. The place takes a mean of the
# values, with weights that say how well each word's key answers its question. With $N$ places, $L$
# words, and questions and keys of $D$ numbers each, a row of $Q$ or $K$:
#
# $$W = \mathrm{softmax}\big(Q K^T / \sqrt D\big), \qquad
# Q \in \mathbb R^{N \times D},\; K \in \mathbb R^{L \times D}.$$

# %% [markdown] exercise="attention" difficulty=2 minutes=10
# ### Exercise 5: Who listens to which word?
#
# Return the weights, $(N, L)$: a row a place, a column a word.
#
# <details><summary>Hint 1</summary>
#
# Every place has one unit of attention to give away. Along which axis do the weights sum to 1?
# </details>
# <details><summary>Hint 2</summary>
#
# `np.exp` of a score of 1000 is infinite, and infinity by infinity is no number. What can you
# subtract from a row of scores without changing its softmax?
# </details>


# %% solution="attention"
def attention(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return attention weights (N, L) of queries (N, D) and keys (L, D)."""
    ### BEGIN SOLUTION
    scores = queries @ keys.T / queries.shape[1] ** 0.5
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
    ### END SOLUTION


# %% check="attention" points=2
from genima_lite.checks.anatomy import check_attention

check_attention(attention)
### BEGIN HIDDEN TESTS
check_attention(attention, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="attention"
# **Why.** The softmax runs over the *words*. Were it over places, each word would spread one unit
# over the picture, and "the" would have as much say as "red". The root of $D$ keeps the scores of
# long vectors at size 1; without it the softmax is a hard choice from the first step on, and passes
# no gradient to the words that lost.

# %% [markdown]
# Now the network's own weights, taken while it samples: means over heads (attentions side by side) and
# over the layers with the finest grid, 16 × 16 places. The base is told of a red and a blue cup. A map
# shows the picture bright where a word is heard and dark where it is not; "at most 32 %" is the share
# of its attention that the brightest place gives to the word.

# %%
from genima_lite.viz.anatomy import attention_figure
from genima_lite.viz.attention import recorded_attention, word_maps

caption = scene_caption(["red cup", "blue cup"])
with recorded_attention(base.unet) as weights:
    drawn = sample(base, caption, steps=4, seed=1).picture
maps = word_maps(weights, words_of(base, caption), side=16)
attention_figure(drawn, {word: maps[word] for word in ("arm", "red", "blue", "cup")})

# %% [markdown]
# (There are two tokens "cup"; the map is the second one's.) "blue" is heard where the blue things are.
# "red" is spread over the table, and this picture has hardly any red: it heard the word everywhere and
# obeyed it nowhere. A map tells where a word was *heard*, not what it did.
#
# The same in the fine-tuned model that draws actions. Two cups, one instruction:

# %%
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.viz.attention import drawing_maps
from genima_lite.viz.playground import views_of

agent = DiffusionAgent.load(shipped("genima/diffusion"))
cups = BenchEnv("pick_up_cup", TILE_ORDER, 64)
_, info = cups.reset(seed=4007, options={"variation": 6})
seen = views_of(cups.observation)
drawn, maps = drawing_maps(agent, seen, info["instruction"])
color = info["instruction"].split()[-2]
attention_figure(tile(drawn), {word: maps[word] for word in ("robot", color, "cup")})

# %% [markdown]
# The colour is heard at the cup of that colour, in the three views that show it, and "cup" above all where
# the gripper's cyan target is drawn.
#
# Choose a word. Which words does the network listen to at all, and where? (Without a running kernel
# you see one word, "cup": left the drawing, right the map.)

# %%
from genima_lite.viz.model_widgets import look_at_word

look_at_word(agent, seen, info["instruction"], "cup")

# %% [markdown]
# ## 7 · Sampling: from noise to a picture
#
# Two small formulas are left. The first is **classifier-free guidance**. In training, captions are
# now and then left out, so one network can predict with and without text. The difference is what
# the text adds. Guidance exaggerates it.

# %% [markdown] exercise="guide" difficulty=1 minutes=4
# ### Exercise 6: Exaggerate
#
# Start at the prediction without text and go `scale` times the way to the one with text.
#
# <details><summary>Hint</summary>
#
# Try the scales 0 and 1 on your formula: which of the two predictions should each give?
# </details>


# %% solution="guide"
def guide(without: np.ndarray, given: np.ndarray, scale: float) -> np.ndarray:
    """Return the guided prediction from those without and with text."""
    ### BEGIN SOLUTION
    return without + scale * (given - without)
    ### END SOLUTION


# %% check="guide" points=1
from genima_lite.checks.anatomy import check_guide

check_guide(guide)
### BEGIN HIDDEN TESTS
check_guide(guide, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="guide"
# **Why.** With the order wrong, scale 1 is already a guidance of 2, and papers' numbers no longer
# mean the same. Note the price: two predictions a step. SD-Turbo is used *without* guidance; its
# training has built it in. Our agent that draws actions needs none either: it is conditioned on the
# views, which leave little open.

# %% [markdown]
# The second is the step itself. The network's guess of the clean picture is blurred at first, so one
# does not jump there. **DDIM** computes which noise the guess implies, and mixes guess and noise
# again, at the next, lower noise level.

# %% [markdown] exercise="ddim_step" difficulty=2 minutes=12
# ### Exercise 7: One step of DDIM
#
# Given the noisy latents and the clean guess, find the noise that would explain the difference, and
# return the latents of the next level. `kept_next` is 1 in the last step.
#
# <details><summary>Hint 1</summary>
#
# It is exercise 2 twice: once solved for the noise, at `kept_now`; once as it stands, at `kept_next`.
# </details>
# <details><summary>Hint 2</summary>
#
# No new random numbers: DDIM keeps the noise that is there. That is why a seed gives a picture.
# </details>


# %% solution="ddim_step"
def ddim_step(
    noisy: np.ndarray, clean: np.ndarray, kept_now: float, kept_next: float
) -> np.ndarray:
    """Return the latents at the next noise level; shares in [0, 1), the next one up to 1."""
    ### BEGIN SOLUTION
    noise = (noisy - kept_now**0.5 * clean) / (1 - kept_now) ** 0.5
    return kept_next**0.5 * clean + (1 - kept_next) ** 0.5 * noise
    ### END SOLUTION


# %% check="ddim_step" points=3
from genima_lite.checks.anatomy import check_ddim_step

check_ddim_step(ddim_step)
### BEGIN HIDDEN TESTS
check_ddim_step(ddim_step, seed=1)
### END HIDDEN TESTS

# %% [markdown] why="ddim_step"
# **Why.** With *one* step the formula collapses: from $\bar\alpha = 0$ to $\bar\alpha = 1$ it returns
# the clean guess, and the noise plays no part but to break ties. All that sampling can do in one step
# is what the network guesses in one look.

# %% [markdown]
# Here are four steps from above: what goes in, and what the network takes for the clean picture.

# %%
way = sample(base, captions["blue cup"], steps=4, seed=1)
rows = {}
for t, noisy_latents in zip(way.timesteps, way.noisy, strict=True):
    rows[f"noisy, t = {t}"] = as_picture(base, noisy_latents)
for t, clean_latents in zip(way.timesteps, way.clean, strict=True):
    rows[f"guess at t = {t}"] = as_picture(base, clean_latents)
picture_grid(rows, columns=4, each=2.2).saying(
    "Above: latents from noise to picture in four steps; below: the guess of the clean picture at "
    "each, blurred at first"
)

# %% [markdown]
# ## 8 · One step, and what "turbo" means
#
# Pure noise says nothing about the picture. A network that is trained with squared error then does
# best by guessing the **mean** of all pictures that fit the caption. Let us test that: left one step, in
# the middle the mean of many four-step samples of the same caption, right one of these.

# %%
n = 4 if fast() else 32
plain = scene_caption(["blue cup"])
one = sample(base, plain, steps=1, guidance=1, seed=0).picture
many = [sample(base, plain, steps=4, guidance=1, seed=seed).picture for seed in range(n)]
mean = np.mean(many, axis=0)
pictures = {"one step": one, f"mean of {n} samples": np.rint(mean).astype(np.uint8)}
picture_grid({**pictures, "one of the samples": many[0]}).saying(
    "One step beside the mean of many samples: both are smooth, the single sample is not"
)

# %%
print(f"one step to mean of {n}: {np.abs(one - mean).mean():.0f} levels")
apart = [np.abs(one - each.astype(float)).mean() for each in many]
print(f"one step to a sample: {np.mean(apart):.0f} levels, to the nearest {min(apart):.0f}")

# %% [markdown]
# The one-step picture is nearer to the mean than to any sample. So what is a *turbo*?
#
# - **SD-Turbo** is Stable Diffusion 2.1, trained further with *adversarial diffusion distillation*
#   (Sauer et al., 2023): after one step a discriminator asks "is this a real picture?", and a
#   teacher with many steps says what it would have drawn. A mean is not a real picture, so the
#   network learns to choose one.
# - **mini-turbo** has no discriminator. It is "turbo" only in what one-step drawing *needs*: zero
#   terminal SNR, clean-sample prediction, training mostly at the noisiest timesteps. As a base for
#   drawing *actions* that is enough: given views and instruction there is mostly one right picture,
#   and the mean of one picture is that picture. Where more than one is right, it smears. You saw it
#   in notebook 00, and will train it in notebook 04.
#
# More steps help the base and not the agent. Take two pictures of the base at guidance 3, of which only
# one has a caption that names a colour. Which of them has more of that hue? The right one in 69 % of
# 11,933 pairs with four steps, and in 54 % with one (chance 50;
# `python benchmarks/score_base.py --captions 96`). The agent that draws actions solved 52 of 96
# episodes with four steps and 65 with one (`genima-lite eval --policy genima --episodes 24 --seed
# 1000`, an earlier model). Both are in `docs/results.md`.
#
# Play: the slider says how much noise is put on four real views before the model cleans them. With
# little noise it only cleans up; with much it invents. Where does the caption win over the picture?
# (Left the noisy picture, right what the model makes of it.)

# %%
from genima_lite.viz.model_widgets import denoise

denoise(base, tile(seen), scene_caption(["blue cup", "red cup"]))

# %% [markdown]
# ### The same with SD-Turbo
#
# Its weights are not shipped. Where you have them, name the folder in the environment variable
# `SD_TURBO`; all of this notebook's functions take it.

# %%
import os

if folder := os.environ.get("SD_TURBO"):
    turbo = load_pipeline(folder)
    print(sum(p.numel() for p in turbo.unet.parameters()) // 10**6, "million weights in the UNet")
    asked = {"num_inference_steps": 1, "guidance_scale": 0.0, "output_type": "np"}
    shown = turbo("a robot arm on a wooden table", **asked).images[0]
    turbo_picture = picture_grid({"SD-Turbo, one step": (255 * shown).astype(np.uint8)})
else:
    turbo_picture = None
    print("no SD_TURBO: this cell would count its weights and draw a robot arm in one step")
turbo_picture

# %% [markdown]
# ## Try it yourself
#
# - **A control.** Is the text really used? Sample the same seed with the captions "red cup" and "blue
#   cup" at guidance 1 and 3, and compare the pictures pixel by pixel. `benchmarks/score_base.py`
#   makes a number of it.
# - **An ablation.** Give `base.scheduler` Stable Diffusion's schedule
#   (`DDIMScheduler.from_config(base.scheduler.config, trained_betas=None, **sd)`) and sample in four
#   steps. The network was not trained for it: what breaks first, table, arm or cup?
# - **A limitation.** The four views of a sample often show different scenes. Which part of the network
#   could make them agree, and why does a ControlNet on real views not have this problem?
#
# ## Where this lives in the library
#
# | idea | file |
# |---|---|
# | the five parts, and one call that predicts | `genima_lite/diffusion/components.py` |
# | lossless latents | `genima_lite/diffusion/autoencoder.py` |
# | words, one token each | `genima_lite/diffusion/tokenizer.py` |
# | the base and its schedule | `genima_lite/diffusion/base.py` |
# | one training step | `genima_lite/diffusion/step.py` |
# | sampling, attention | `genima_lite/viz/denoising.py`, `genima_lite/viz/attention.py` |
#
# **References.** M. Shridhar, Y. L. Lo, S. James, *Generative Image as Action Models*, CoRL 2024,
# section 3.1. R. Rombach et al., *High-Resolution Image Synthesis with Latent Diffusion Models*, 2022.
# J. Song et al., *Denoising Diffusion Implicit Models*, 2021. J. Ho, T. Salimans, *Classifier-Free
# Diffusion Guidance*, 2022. S. Lin et al., *Common Diffusion Noise Schedules and Sample Steps are
# Flawed*, 2023. A. Sauer et al., *Adversarial Diffusion Distillation*, 2023.
