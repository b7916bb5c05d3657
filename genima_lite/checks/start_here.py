"""Checks of notebook 00."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from genima_lite.checks.verdict import close, expect, passed
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.evaluation.statistics import wilson_interval
from genima_lite.rlbench import COLORS

Loop = Callable[..., int]


class _PretendEnv:
    """Counts steps: its observation is the number of steps, and it ends after `last` of them.

    It ends solved, or, if `solvable` is not, because time is up.
    """

    def __init__(self, last: int, solvable: bool):
        self.observation, self.actions, self._last = 0, [], last  # type: ignore[var-annotated]
        self._solvable = solvable

    def reset(self, **_: object) -> None:
        """Refuse: it would begin another episode."""
        expect(False, "the loop resets the environment: the episode has begun already")

    def step(self, action: np.ndarray) -> tuple[int, float, bool, bool, dict[str, bool]]:
        """Take one step; the episode must not be over."""
        expect(
            self.observation < self._last,
            "the loop goes on after the episode has ended: "
            + ("it was solved (terminated)" if self._solvable else "time was up (truncated)"),
        )
        self.observation += 1
        self.actions.append(action)
        done = self.observation == self._last
        solved = done and self._solvable
        return self.observation, float(solved), solved, done and not solved, {"success": solved}


def check_loop(attempt: Loop, seed: int = 0) -> None:
    """Check `attempt(env, draw, control) -> decisions` on an environment that only counts.

    It must draw on the newest observation, execute all K actions of a decision in their order,
    and stop within a decision when the episode ends, be it solved or out of time.
    """
    rng = np.random.default_rng(seed)
    for solvable in (True, False):
        _check_episode(attempt, rng, solvable)
    passed("the loop draws, acts K times, and looks again")


def _check_episode(attempt: Loop, rng: np.random.Generator, solvable: bool) -> None:
    horizon = int(rng.integers(5, 9))
    last = 3 * horizon + int(rng.integers(1, horizon))  # within a decision, not at its end
    env, drawn_on = _PretendEnv(last, solvable), []

    def draw(observation: int) -> str:
        expect(
            observation == env.observation,
            "the picture is drawn on an old view: look again with env.observation",
        )
        drawn_on.append(observation)
        return f"drawn on {observation}"

    def control(picture: str, observation: int) -> np.ndarray:
        hint = "the controller must see the picture that was just drawn"
        expect(picture == f"drawn on {env.observation}", hint)
        expect(observation == env.observation, "the controller must know where the arm is now")
        return observation + 1 + np.arange(horizon)

    decisions = attempt(env, draw, control)
    expect(drawn_on, "nothing was drawn: call draw(observation) before you control")
    expect(env.observation == last, "the loop stops before the episode has ended")
    expect(
        len(drawn_on) == -(-last // horizon),
        f"{len(drawn_on)} pictures for {last} steps: a picture is drawn once for all "
        f"{horizon} actions, not once a step",
    )
    close(env.actions, np.arange(last) + 1, "actions must be executed in their order, each once")
    expect(
        decisions == len(drawn_on),
        f"return how many decisions were made: here {len(drawn_on)}, not {decisions}",
    )


def check_prompt(attempt: Callable[[str], str], seed: int = 0) -> None:
    """Check `attempt(instruction) -> prompt`: it must hold the instruction."""
    colors = np.random.default_rng(seed).permutation(list(COLORS))[:2]
    one, other = (f"pick up the {color} cup" for color in colors)
    expect(isinstance(attempt(one), str), "the function must return a string")
    expect(
        "{" not in attempt(one),
        "the braces are still in the prompt: an f before the quotes puts the instruction there",
    )
    expect(
        attempt(one) != attempt(other),
        "two instructions give one prompt: does the second string belong to the first? A string "
        "on a line of its own is a statement that does nothing",
    )
    expect(one in attempt(one), "the prompt must hold the whole instruction")
    expect(
        attempt(one) == task_prompt(one),
        f"nearly: the model was trained on exactly {task_prompt(one)!r}",
    )
    passed("two instructions, two prompts")


def check_verdict(attempt: Callable[[bool, bool, bool], str], seed: int = 0) -> None:
    """Check `attempt(expert, oracle, genima) -> verdict` on all eight outcomes."""
    rng = np.random.default_rng(seed)
    for outcome in rng.permutation([[i & 1, i & 2, i & 4] for i in range(8)]).astype(bool):
        expert, oracle, genima = outcome.tolist()
        found = attempt(expert, oracle, genima)
        said = f"expert {expert}, oracle {oracle}, genima {genima}"
        if genima:
            hint = f"{said}: genima solved it, so nothing failed, whatever the others did"
            expect(found == "success", hint)
        elif not expert:
            hint = f"{said}: not even the expert solves this scene; say 'scene'"
            expect(found == "scene", hint)
        elif not oracle:
            hint = f"{said}: with true targets the same controller fails too; say 'following'"
            expect(found == "following", hint)
        else:
            hint = f"{said}: true targets help, so the drawing was wrong; say 'drawing'"
            expect(found == "drawing", hint)
    passed("you know whom to blame")


def check_interval(attempt: Callable[[int, int], tuple[float, float]], seed: int = 0) -> None:
    """Check `attempt(successes, n) -> (low, high)` against the library's Wilson interval."""
    found = attempt(5, 5)
    expect(found is not None, "the function returned nothing: is there a `return`?")
    low, high = found
    expect(low <= high, "low comes first, then high")
    expect(high <= 50, "rates are between 0 and 1: do not multiply by 100")
    expect(
        not np.allclose(attempt(3, 7), _unsquared(3, 7)),
        "n is squared in z²/4n²: `n**2`, not `n * 2`",
    )
    expect(
        high <= 1 + 1e-9,
        "a rate cannot be above 1: are centre and half width both divided by 1 + z²/n?",
    )
    expect(
        low < 0.999,
        "five of five does not prove certainty: is z²/4n² under the root? Without it the interval "
        "has no width there",
    )
    rng = np.random.default_rng(seed)
    for n in rng.integers(3, 80, 4).tolist():
        successes = int(rng.integers(0, n + 1))
        low, high = attempt(successes, n)
        hint = (
            f"for {successes} of {n} the interval is off: look at the centre, then the half width"
        )
        close([low, high], wilson_interval(successes, n), hint, 1e-3)
    passed("a rate with its uncertainty")


def _unsquared(successes: int, n: int) -> tuple[float, float]:
    """Return Wilson's interval with 2 n in place of n²."""
    z, p = 1.96, successes / n
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (8 * n)) ** 0.5
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def check_millimetres(attempt: Callable[[float, float], float], seed: int = 0) -> None:
    """Check `attempt(focal, distance) -> metres` that one pixel covers."""
    rng = np.random.default_rng(seed)
    for _ in range(3):
        focal, distance = float(rng.uniform(40, 200)), float(rng.uniform(0.3, 2))
        found = attempt(focal, distance)
        expect(found is not None, "the function returned nothing: is there a `return`?")
        expect(
            not np.isclose(found, focal / distance),
            "upside down: a pixel covers more of the world the farther away that is",
        )
        expect(not np.isclose(found, 1000 * distance / focal), "in metres, not in millimetres")
        close(found, distance / focal, "similar triangles: 1 / focal = size / distance", 1e-9)
    passed("pixels to metres")
