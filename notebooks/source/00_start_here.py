# %% [markdown]
# # 00 Start here: a robot that obeys drawings
#
# **Claim.** Robot control can be drawing: one network *draws* where the arm's joints will be a
# second from now. A second network, which is never told the task, *follows* the drawing.
#
# After this notebook you can
#
# - watch the shipped agent draw and act, and write the loop that does it;
# - change the instruction and see the drawing change;
# - watch it fail, and say whether the *drawing* or the *following* failed;
# - put an honest interval around a success rate;
# - find your way through the course.
#
# | | |
# |---|---|
# | time to read and solve | about 70 minutes |
# | time to run | about 90 seconds on two laptop cores; a GPU makes no difference here |
# | reads | the shipped models in `data/genima` |
# | writes | nothing |
#
# Genima is the work of Shridhar, Lo and James, "Generative Image as Action Models", CoRL 2024:
# "the paper" from here on.

# %% tags=["setup"]
from genima_lite.checks.course import begin, fast

rng = begin(seed=0)

# %% [markdown]
# ## The idea, as a picture
#
# A robot arm has seven joints. Somebody says "push the maroon button". What should each joint do
# in the next second?
#
# Networks that are good at pictures know nothing about joint angles. But they can draw. So let
# them draw the answer *into the picture*: a coloured sphere where the arm's base, elbow, wrist and
# gripper shall be.
#
# Below is a table with a button, as four cameras see it. One camera sits on the arm's wrist, one
# stands in front of the arm, and two look over its shoulders. Each view is small, 64 by 64
# pixels. The four are put together as one picture.
#
# The `seed` decides where things lie. The `variation` decides which of a task's instructions is
# given: here, the button's colour.

# %%
from genima_lite.policies.api import PolicyFactory

env, genima = PolicyFactory("genima")("push_button")
_, info = env.reset(seed=2001, options={"variation": 0})
instruction = info["instruction"]
print(instruction)

# %%
from genima_lite.viz.playground import views_of
from genima_lite.viz.tiles import show_views

seen = views_of(env.observation)
show_views(seen)

# %% [markdown]
# ### Stage 1 draws
#
# The first network is a *diffusion model*: the kind that makes pictures from text. It gets the
# picture above and the instruction. It draws the same picture with four striped spheres in it, the
# **joint targets**: where the joints should be $K = 20$ steps later. A step is 50 ms, so that is
# one second. (If the arm stops sooner, to grasp for example, the target is that keyframe.)
#
# | sphere | joint |
# |---|---|
# | red | base (joint 2) |
# | green | elbow (joint 4) |
# | violet | wrist (joint 6) |
# | cyan or yellow | gripper: cyan open, yellow closed |
#
# The stripes show how a joint is turned: a sphere without stripes would look the same from every
# side.
#
# On the left are the *true* targets: the bench has a scripted **expert** that knows where
# everything is, and the program draws the expert's next second. The network was trained on such
# pictures. On the right is what the network draws. It sees the four views and the instruction,
# nothing else.

# %%
from genima_lite.targets.expert_targets import ExpertTargets
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.tiles import show_side_by_side

expert = ExpertTargets(env)
true = expert.draw(env.observation, expert.follow(env.observation), TILE_ORDER)
drawn = genima.agent.draw(seen, instruction, seed=0)
show_side_by_side({"true targets": true, "drawn by stage 1": drawn})

# %% [markdown]
# A view shows only the spheres that lie within it. At 64 pixels a small sphere may be little more
# than one dark stripe with a coloured rim.
#
# The right picture is softer than the left one. It was drawn in one step, from pure noise, by a
# model of ten million weights that was trained on two laptop cores. SD-Turbo, which the paper
# uses, has a hundred times as many.
#
# ### Stage 2 follows
#
# The second network is called the *controller*. It gets the drawn picture, the present joint
# angles and whether the gripper is open. It returns the next $K$ actions, an array of shape
# $(K, 8)$. Seven columns are joint angles in radians; the eighth says how far to open the gripper,
# from 0 to 1.
#
# The controller never gets the instruction. The paper trains it on spheres in front of *random
# textures*, so that only the spheres can tell it where to go. Ours learned that way too. At the end
# it also practised on pictures drawn by stage 1, to get used to their blur. So what it knows about
# the task, it must read from the drawing. That makes the drawing a *plan that you can look at*.

# %%
# NBVAL_CHECK_OUTPUT
from genima_lite.controller.follow import predict_actions

actions = predict_actions(genima.model, drawn, env.observation)
print("actions:", actions.shape, "gripper open at the end:", actions[-1, 7] > 0.5)

# %%
from genima_lite.viz.method import method_figure

for action in actions:
    env.step(action)
method_figure(seen, drawn, actions, views_of(env.observation), instruction)

# %% [markdown]
# That is the whole method. Third panel: a curve a joint, and how far it turns from the
# first action on. Compare the last panel with the second: is the arm where the spheres were drawn?
# Now look again, draw again, act again.

# %% [markdown] exercise="loop" difficulty=1 minutes=10
# ### Exercise 1: Close the loop
#
# A **decision** is one drawing and the $K$ actions that follow from it. Write the loop: look,
# draw, control, execute **all** $K$ actions, look again, until the episode ends. Stop at once when
# it ends, even in the middle of a decision. The episode has begun already: do not reset it.
#
# - `env.observation` is what the robot sees now.
# - `draw(observation)` returns a picture, `control(picture, observation)` the actions.
# - `env.step(action)` returns five things. The third, `terminated`, says that the episode was
#   solved; the fourth, `truncated`, that time is up.
#
# <details><summary>Hint 1</summary>
#
# Two loops, one in the other. Which of the two calls `draw`?
# </details>
# <details><summary>Hint 2</summary>
#
# The inner loop goes over the actions. Return from within it when the episode is over: `break`
# leaves only one of the two loops.
# </details>


# %% solution="loop"
def run_loop(env, draw, control) -> int:
    """Act until the episode ends; return how many decisions (drawn pictures) it took."""
    ### BEGIN SOLUTION
    decisions = 0
    while True:
        picture = draw(env.observation)
        decisions += 1
        for action in control(picture, env.observation):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                return decisions
    ### END SOLUTION


# %% check="loop" points=2
from genima_lite.checks.start_here import check_loop

check_loop(run_loop)
### BEGIN HIDDEN TESTS
check_loop(run_loop, seed=7)
### END HIDDEN TESTS

# %% [markdown] why="loop"
# **Why this matters.** Twenty actions are executed without looking: *open loop*. Between two
# pictures nothing can be corrected, so $K$ trades speed (one drawing a second) against the
# distance that a mistake can travel. The paper executes all $K$ actions too. Returning from the
# inner loop matters in real runs: an episode that is over must not be stepped further, and
# success may come in the middle of a decision.

# %% [markdown]
# ## Watch a whole episode
#
# The library's loop is `run_episode` in `genima_lite/evaluation/rollout.py`. It is yours, with a clock and
# with somebody who watches. In the film, the front camera is on the left, and on the right is
# the drawing that the controller follows just then. (Some pages, GitHub's for example, play no
# film. The strip below it shows the same.)

# %%
from genima_lite.evaluation.recording import Recorder
from genima_lite.evaluation.rollout import run_episode
from genima_lite.viz.drawn_strip import drawn_strip

watcher = Recorder("genima", each=1)
result = run_episode(env, genima, seed=2001, variation=0, recorder=watcher)
print("solved:", result.success, "after", result.steps, "steps and", result.decisions, "drawings")

# %%
from IPython.display import Video

episode = watcher.recordings[-1]
Video(
    data=episode.film,
    embed=True,
    mimetype="video/mp4",
    html_attributes='controls loop autoplay muted aria-label="the whole episode as a film"',
)

# %% [markdown]
# The same episode, a column a decision. Rows: what the cameras saw, what stage 1 drew, and the
# true targets.

# %%
drawn_strip(episode.steps, "push_button", episode.instruction)

# %% [markdown]
# Compare the last two rows, column by column. Where a sphere is smeared, the model is not sure: a
# network that is trained with squared error draws the *average* of what it thinks possible. As a
# rule that is where the arm still has a long way to go, most of all in the first column. Close to
# its goal little is left open, and the spheres become crisp.

# %% [markdown] exercise="prompt" difficulty=1 minutes=5
# ### Exercise 2: Does the prompt hold the instruction?
#
# The reference code of the paper built its training captions like this:
#
# ```python
# caption = "tiled perspectives of a robot arm "
# f"executing '{instruction}'"
# ```
#
# Find what is wrong. Then write a function that does what was meant: for the instruction `open
# the top drawer`, the prompt is `tiled perspectives of a robot arm executing 'open the top
# drawer'`.
#
# <details><summary>Hint 1</summary>
#
# What is the value of `caption` after the second line? Try it.
# </details>
# <details><summary>Hint 2</summary>
#
# Python joins neighbouring strings only within one expression: within brackets, for example.
# </details>


# %% solution="prompt"
def prompt_of(instruction: str) -> str:
    """Return the prompt that asks the diffusion model for an instruction's joint targets."""
    ### BEGIN SOLUTION
    return f"tiled perspectives of a robot arm executing '{instruction}'"
    ### END SOLUTION


# %% check="prompt" points=2
from genima_lite.checks.start_here import check_prompt

check_prompt(prompt_of)
### BEGIN HIDDEN TESTS
check_prompt(prompt_of, seed=7)
### END HIDDEN TESTS

# %% [markdown] why="prompt"
# **Why this matters.** The second line is a statement of its own: Python computes the string and
# throws it away. Training then saw *one* caption for all tasks, while evaluation sent the
# instruction: words that the model had never seen. Nothing crashed. Such mistakes are found by a
# test that asks for a property, "two instructions give two prompts", and avoided by building the
# prompt in **one** function for training and evaluation: `task_prompt` in
# `genima_lite/diffusion/prompts.py`.

# %% [markdown]
# ## Change the instruction
#
# Where two things can be done, the instruction must decide. Here is a scene with two cups, and
# one drawing for each. Only the words differ; the noise is the same.

# %%
from genima_lite.envs.bench.env import BenchEnv

cups = BenchEnv("pick_up_cup", TILE_ORDER, 64)
_, info = cups.reset(seed=4007, options={"variation": 6})
asked = [info["instruction"], "pick up the magenta cup"]
pictures = {sentence: genima.agent.draw(views_of(cups.observation), sentence) for sentence in asked}
show_side_by_side({"seen": views_of(cups.observation), **pictures})

# %% [markdown]
# Look at the gripper's sphere, the cyan one. Does it go to the cup that was asked for? It may only
# be on its way there: one second is short.
#
# One pair of pictures proves little. The card beside the model, `data/genima/diffusion/README.md`,
# says in how many of fifty such pairs both drawings go where they should. Try other words below,
# and another noise seed.

# %%
from genima_lite.viz.widgets import instruct

instruct(genima.agent, cups.observation, info["instruction"])

# %% [markdown]
# ## Watch it fail, and find out why
#
# A drawing is a plan that one can look at. So when an episode fails, one can ask *which half*
# failed. Two stand-ins answer that:
#
# - the **expert** is the script that reads the simulator's state. If it fails, the scene is at
#   fault;
# - the **oracle** is our controller with *true* targets, drawn from the expert's plan. If the
#   expert succeeds and the oracle fails, *following* is at fault. If both succeed and genima
#   fails, the *drawing* is.

# %% [markdown] exercise="verdict" difficulty=1 minutes=5
# ### Exercise 3: Whom to blame
#
# Given whether each of the three solved the same episode, return the verdict on genima:
# `"success"`, `"scene"`, `"following"` or `"drawing"`. Think of all eight cases: sometimes a less
# informed one succeeds where a better informed one fails.
#
# <details><summary>Hint 1</summary>
#
# Begin with the case in which there is nothing to blame anybody for.
# </details>
# <details><summary>Hint 2</summary>
#
# Then ask from the best informed to the least: expert, oracle, genima. The first who fails
# decides.
# </details>


# %% solution="verdict"
def verdict(expert: bool, oracle: bool, genima: bool) -> str:
    """Return "success", or what failed: "scene", "following" or "drawing"."""
    ### BEGIN SOLUTION
    if genima:
        return "success"
    if not expert:
        return "scene"
    return "drawing" if oracle else "following"
    ### END SOLUTION


# %% check="verdict" points=2
from genima_lite.checks.start_here import check_verdict

check_verdict(verdict)
### BEGIN HIDDEN TESTS
check_verdict(verdict, seed=7)
### END HIDDEN TESTS

# %% [markdown] why="verdict"
# **Why this matters.** A success rate says *that* something is wrong, this says *where*. It works
# because the two halves talk through a picture that a human, and a script, can also make. Try
# that with a network that maps pixels to joint angles in one go. The verdict is a simplification.
# The oracle may succeed with a drawing just as bad, or fail because the controller knows the
# model's drawings better than true ones. And "drawing" hides **drift**: the
# model may draw well on every view that an expert would have, and badly only where the arm's own
# small errors have led. `benchmarks/drift.py` tells the two apart. The cure is to show the way
# back: `collect --recovery` starts demonstrations beside the expert's path, and
# `train-diffusion --perturbed-states` sets the arm down there for single decisions.

# %% [markdown]
# Let us run it: the same episodes, three policies. There are few episodes, so that the notebook
# stays quick. Of the tasks, the button is the easiest; the lamp's button is smaller; in the last
# one a brick must be pulled out of a tower. Seeds for evaluation are odd numbers and those for
# training even, so no scene below was in the training data.

# %%
from genima_lite.evaluation.rollout import evaluate

n = 2 if fast() else 5
tasks = ("push_button", "lamp_on", "play_jenga")
results = {
    policy: {(r.task, r.seed): r for r in evaluate(PolicyFactory(policy), tasks, n, seed=1000)}
    for policy in ("expert", "oracle", "genima")
}
for policy, episodes in results.items():
    print(f"{policy:7s} solved {sum(r.success for r in episodes.values())} of {len(episodes)}")

# %%
from genima_lite.viz.outcomes import outcome_figure

outcomes = {
    policy: {episode: r.success for episode, r in episodes.items()}
    for policy, episodes in results.items()
}
outcome_figure(outcomes)

# %% [markdown]
# Read it by column and give each your verdict. You may also find a column in which genima
# succeeds and the oracle fails. On the lamp that is no luck: of fifty episodes the oracle solves 39
# and genima 49 (`docs/results.md`). The controller was trained last on what stage 1 draws, and it
# knows those drawings better than true targets; trained further on other data, it solved 49 lamps
# with true targets too, but fewer bricks. So the oracle is *not* an upper bound of genima, and
# "following" is a verdict with a reservation: the controller may fail on true targets and still
# follow the model's.
#
# Now look into a failure. We take the first episode that genima fails and the oracle solves; if
# there is none, the first that genima fails.

# %%
failed = [episode for episode, solved in outcomes["genima"].items() if not solved]
blamed = [episode for episode in failed if outcomes["oracle"][episode]]
chosen = next(iter(blamed + failed), None)
if chosen is None:
    print("genima solved every episode: nothing to look into. A larger n will find a failure.")
else:
    print(*chosen, {policy: solved[chosen] for policy, solved in outcomes.items()})

# %%
strip = None
if chosen is not None:
    failure = results["genima"][chosen]
    scene, policy = PolicyFactory("genima")(failure.task)
    watcher = Recorder("genima", each=1)
    run_episode(scene, policy, failure.seed, failure.variation, watcher)
    episode = watcher.recordings[-1]
    strip = drawn_strip(episode.steps, failure.task, episode.instruction)
strip

# %% [markdown]
# The strip holds six of the decisions at most. The true targets are those of the moment in the
# expert's plan that is nearest to the arm, wherever the arm has gone by then.
#
# - Find the first column in which a drawn sphere lies elsewhere than the true one, is missing, or
#   has the wrong colour (cyan: open, yellow: closed). The wrist's view is the sharpest.
# - What does the arm see one column later? A small error leads to a view beside the
#   demonstrations. Where the model has not learned to come back from there, errors grow.
# - If drawn and true agree in all columns, the error is too small for these views: a few
#   millimetres beside a small button. Exercise 5 says how much a pixel is.
#
# The table in the repository's `docs/results.md` has all eight tasks with fifty episodes each.

# %% [markdown] exercise="interval" difficulty=2 minutes=10
# ### Exercise 4: How sure are you?
#
# Four of five episodes solved: is the success rate 80 %? Another five episodes would give another
# number. With $k$ successes in $n$ episodes and $\hat p = k/n$, **Wilson's interval** is
#
# $$\frac{\hat p + \frac{z^2}{2n} \pm z\sqrt{\frac{\hat p(1-\hat p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}$$
#
# with $z = 1.96$, the number of standard deviations that leaves out 5 % of a normal distribution.
# Repeat such an experiment a hundred times: about 95 of the hundred intervals hold the true rate.
# Write it; rates are between 0 and 1, not in percent.
#
# <details><summary>Hint 1</summary>
#
# Compute the centre and the half width, then divide both by $1 + z^2/n$.
# </details>
# <details><summary>Hint 2</summary>
#
# At $k = n$ the naive interval $\hat p \pm z\sqrt{\hat p (1 - \hat p)/n}$ has width zero. Yours
# must not.
# </details>


# %% solution="interval"
def interval(successes: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval (low, high) of a success rate, within [0, 1]."""
    ### BEGIN SOLUTION
    z, p = 1.96, successes / n
    centre = p + z**2 / (2 * n)
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)
    ### END SOLUTION


# %% check="interval" points=3
from genima_lite.checks.start_here import check_interval

check_interval(interval)
### BEGIN HIDDEN TESTS
check_interval(interval, seed=7)
### END HIDDEN TESTS

# %% [markdown] why="interval"
# **Why this matters.** Robot papers often run 10 or 25 episodes a task. With 25, a rate of 60 %
# may be anything from 41 to 77 %: two methods that differ by 15 points have not been told apart.
# The naive interval is worst where we like to look most, near 0 and 1: five of five gives it "100
# %, for sure". Every rate in this project comes with its $n$ and this interval.

# %%
# NBVAL_CHECK_OUTPUT
from genima_lite.evaluation.statistics import wilson_interval

for n_episodes in (5, 20, 50, 400):
    low, high = wilson_interval(round(0.8 * n_episodes), n_episodes)
    print(f"80 % of {n_episodes:3d} episodes: {100 * low:.0f} to {100 * high:.0f} %")

# %% [markdown] exercise="millimetres" difficulty=1 minutes=5
# ### Exercise 5: How sharp must a drawing be?
#
# The lamp's button is four centimetres wide, and a view has 64 by 64 pixels. By how many metres is
# the gripper off if its sphere is drawn one pixel off, to the side?
#
# A camera's focal length $f$, in pixels, says how strongly it magnifies: a thing $s$ metres wide
# at a distance of $d$ metres covers $f s / d$ pixels. Return how many metres one pixel covers at
# distance $d$.
#
# <details><summary>Hint 1</summary>
#
# Set the number of pixels to 1 and solve for $s$.
# </details>
# <details><summary>Hint 2</summary>
#
# Things far away cover fewer pixels, so one pixel covers *more* of the world there.
# </details>


# %% solution="millimetres"
def metres_per_pixel(focal: float, distance: float) -> float:
    """Return the metres that one pixel covers; `focal` in pixels, `distance` in metres."""
    ### BEGIN SOLUTION
    return distance / focal
    ### END SOLUTION


# %% check="millimetres" points=1
from genima_lite.checks.start_here import check_millimetres

check_millimetres(metres_per_pixel)
### BEGIN HIDDEN TESTS
check_millimetres(metres_per_pixel, seed=7)
### END HIDDEN TESTS

# %% [markdown] why="millimetres"
# **Why this matters.** It explains most of what this small agent can and cannot do. One pixel of
# the front camera is more than a centimetre at the table (the next cell computes it). Spheres drawn
# a fraction of a pixel off, seen by several cameras, leave about a centimetre: enough for a
# large button, not for pulling a brick out of a tower. The paper draws at 256 pixels a
# view, four times finer.

# %%
import numpy as np

from genima_lite.cameras import Camera

env.reset(seed=2001)
tip = np.asarray(env.observation.gripper_pose)[:3]
for name in ("front", "left_shoulder", "wrist"):
    camera = Camera.from_observation(env.observation, name)
    distance = np.linalg.norm(camera.pose[:3, 3] - tip)
    print(
        f"{name:13s} one pixel at the gripper: {1000 * distance / camera.intrinsics[0, 0]:.0f} mm"
    )

# %% [markdown]
# ## Lead it by hand
#
# The controller follows spheres, whoever draws them. Here *you* move the gripper's sphere by metres
# along x (forwards), y (to the arm's left) and z (up). The other spheres follow, as the arm's
# geometry demands. Left: the views from the start, with the spheres. Right: where the controller's
# twenty actions bring the arm, with the same spheres. The wrist's camera moves with the arm, so its
# view changes too. The printed line says how far the tip ends from its sphere: where does it no
# longer get there?

# %%
from genima_lite.viz.playground import Stage
from genima_lite.viz.widgets import lead_by_hand

stage = Stage("push_button", seed=2001, size=64)
hand = lead_by_hand(genima.model, stage, start=(0.05, -0.05, -0.1))
print(hand.text.value)
hand

# %% [markdown]
# ## Change the scene
#
# Does it still draw where the arm should go if the room is another one? Each box is a perturbation
# of the bench: other colours, textures, light, cameras, things that have nothing to do with the
# task, a thing of another shape. The pieces stay where they are. Nothing of this was in its
# training. Left: what it sees; right: what it draws. Which of them hurt it most, and which not at
# all? And which would you expect to hurt a policy without drawings?

# %%
from genima_lite.viz.widgets import change_scene

change_scene(genima.agent, "take_lid_off_saucepan", seed=2001, shown="distractors")

# %% [markdown]
# ## Map of the course
#
# | notebook | question | what runs |
# |---|---|---|
# | [00 Start here](00_start_here.ipynb) | what does it do, and where does it fail? | the shipped agent |
# | [01 The robot and its bench](01_the_robot_and_its_bench.ipynb) | what is an arm, a camera, a demonstration? | simulator |
# | [02 Rendering joint targets](02_rendering_joint_targets.ipynb) | how do joints become spheres, and spheres joints? | NumPy |
# | [03 Anatomy of a small Stable Diffusion](03_anatomy_of_a_small_stable_diffusion.ipynb) | what is in a diffusion model, and what is "turbo"? | mini-turbo |
# | [04 ControlNet](04_controlnet.ipynb) | how does it learn to draw actions? | a short fine-tuning |
# | [05 LoRA and the alternatives](05_lora_and_the_alternatives.ipynb) | what else could teach it, and when is a comparison fair? | a short fine-tuning |
# | [06 The ACT controller](06_the_act_controller.ipynb) | how does a drawing become joint commands? | the shipped controllers |
# | [07 Closing the loop](07_closing_the_loop.ipynb) | which of two policies is better, and which half fails? | all of it |
# | [08 Robustness and RLBench](08_robustness_and_rlbench.ipynb) | who survives a changed scene, and does it carry over? | all of it |
# | [09 A real arm](09_a_real_arm.ipynb) | what does a robot on a table need besides a policy? | the twin of an arm |
#
# What stands behind the same interfaces:
#
# | part | here, on a laptop | the paper |
# |---|---|---|
# | world | MuJoCo bench, 25 RLBench tasks | RLBench in CoppeliaSim, 25 tasks; a Franka arm, 9 tasks |
# | stage 1 | mini-turbo, 10 million weights, 64 pixels a view | SD-Turbo, 256 pixels a view |
# | stage 2 | ACT, 2 million weights | ACT with ResNet-18 |
# | demonstrations | scripted experts | RLBench's planner; people |
#
# ## Try it yourself
#
# - **A control.** Give the controller the views *without* any spheres:
#   `predict_actions(genima.model, seen, env.observation)`. What does it do, and what does that
#   say about where the task's knowledge is?
# - **An ablation.** Execute only five actions of each decision:
#   `PolicyFactory("genima", PolicySettings(n_action_steps=5))`. Better or worse? Use `evaluate` and
#   intervals.
# - **A limitation.** Ask for something that no demonstration showed: "push the lamp", "open the
#   cup". What is drawn? Would you have noticed from the actions alone?
