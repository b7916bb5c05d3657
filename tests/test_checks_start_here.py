"""The checks of notebook 00 accept its solutions, and name the mistake in wrong answers."""

from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext")
pytest.importorskip("diffusers")

from genima_lite.checks import CheckFailed, start_here

SOURCE = Path(__file__).parents[1] / "notebooks/source/00_start_here.py"
EXERCISES = {
    "loop": "run_loop",
    "prompt": "prompt_of",
    "verdict": "verdict",
    "interval": "interval",
    "millimetres": "metres_per_pixel",
}


@pytest.fixture(scope="module")
def solutions():
    """What the notebook's solution cells define."""
    space = {}
    for cell in jupytext.read(SOURCE).cells:
        if "solution" in cell.metadata:
            exec(cell.source, space)
    return space


def check_of(name):
    return getattr(start_here, f"check_{name}")


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_solution_passes(solutions, name, seed, capsys):
    check_of(name)(solutions[EXERCISES[name]], seed)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("name", EXERCISES)
def test_the_untouched_stub_is_not_caught(name):
    def stub(*given):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        check_of(name)(stub)


def draws_every_step(env, draw, control):
    decisions = 0
    while True:
        action = control(draw(env.observation), env.observation)[0]
        decisions += 1
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            return decisions


def leaves_the_inner_loop_only(env, draw, control):
    decisions, terminated = 0, False
    while not terminated:
        decisions += 1
        for action in control(draw(env.observation), env.observation):
            _, _, terminated, _, _ = env.step(action)
    return decisions


def decides_once(env, draw, control):
    for action in control(draw(env.observation), env.observation):
        env.step(action)
    return 1


def looks_only_at_first(env, draw, control):
    first, decisions = draw(env.observation), 0
    while True:
        decisions += 1
        for action in control(first, env.observation):
            if env.step(action)[2]:
                return decisions


def forgets_that_time_can_be_up(env, draw, control):
    decisions = 0
    while True:
        decisions += 1
        for action in control(draw(env.observation), env.observation):
            if env.step(action)[2]:
                return decisions


def begins_another_episode(env, draw, control):
    env.reset(seed=0)
    return 0


def draws_on_the_first_view(env, draw, control):
    first, decisions = env.observation, 0
    while True:
        decisions += 1
        for action in control(draw(first), env.observation):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                return decisions


def counts_steps(env, draw, control):
    steps = 0
    while True:
        for action in control(draw(env.observation), env.observation):
            steps += 1
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                return steps


def two_statements(instruction):
    caption = "tiled perspectives of a robot arm "
    f"executing '{instruction}'"
    return caption


def not_squared(successes, n):
    z, p = 1.96, successes / n
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n * 2)) ** 0.5
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def naive(successes, n):
    p = successes / n
    half = 1.96 * (p * (1 - p) / n) ** 0.5
    return p - half, p + half


def undivided(successes, n):
    z, p = 1.96, successes / n
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return centre - half, centre + half


def verdict_of(expert, oracle):
    return "scene" if not expert else "drawing" if oracle else "following"


WRONG = [
    ("loop", draws_every_step, "once for all"),
    ("loop", leaves_the_inner_loop_only, "after the episode has ended"),
    ("loop", decides_once, "before the episode has ended"),
    ("loop", looks_only_at_first, "just drawn"),
    ("loop", lambda env, draw, control: 0, "nothing was drawn"),
    ("loop", forgets_that_time_can_be_up, "time was up"),
    ("loop", begins_another_episode, "begun already"),
    ("loop", draws_on_the_first_view, "old view"),
    ("loop", counts_steps, "how many decisions"),
    ("prompt", two_statements, "statement"),
    ("prompt", lambda instruction: "a robot arm executing '{instruction}'", "f before"),
    ("interval", not_squared, "squared"),
    ("prompt", lambda instruction: instruction, "trained on exactly"),
    ("prompt", lambda instruction: None, "string"),
    ("verdict", lambda e, o, g: "success" if g and o else verdict_of(e, o), "nothing failed"),
    ("verdict", lambda e, o, g: "success" if g else "following", "scene"),
    ("verdict", lambda e, o, g: "success" if g else "drawing" if e else "scene", "following"),
    ("interval", naive, "five of five"),
    ("interval", undivided, "both divided"),
    ("interval", lambda k, n: (100 * k / n - 40, 100.0), "multiply"),
    ("interval", lambda k, n: (1.0, 0.5), "low comes first"),
    ("interval", lambda k, n: None, "return"),
    ("interval", lambda k, n: (k / n - 0.4, min(1, k / n + 0.1)), "off"),
    ("millimetres", lambda focal, distance: focal / distance, "upside down"),
    ("millimetres", lambda focal, distance: distance * focal, "similar triangles"),
    ("millimetres", lambda focal, distance: None, "return"),
    ("millimetres", lambda focal, distance: 1000 * distance / focal, "not in millimetres"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    with pytest.raises(CheckFailed, match=hint):
        check_of(name)(attempt)
