"""Variants of exercises, so that public solutions settle no marks: the same idea, another contract.

A twist changes what a function is given or returns: another unit, order or meaning. The public
check then tests the student's function through `in_variant`, which turns it back. What the
exercise's text, its stub and its solution say instead is here, too; `scripts/variants.py` writes it
down.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genima_lite.errors import UserError

Attempt = Callable[..., Any]


@dataclass(frozen=True)
class Twist:
    """Another contract for an exercise's function.

    Attributes:
        says: what the exercise's text says of it, a sentence.
        edits: what stands in the solution's cell, its docstring included, and what takes its
            place; each once.
        back: from a function with this contract to one with the public contract.
    """

    says: str
    edits: tuple[tuple[str, str], ...]
    back: Callable[[Attempt], Attempt]


def in_variant(exercise: str, option: str, attempt: Attempt) -> Attempt:
    """Return a student's function of a variant as the exercise's public check wants it.

    Args:
        exercise: a key of `TWISTS`.
        option: which of its variants.
        attempt: the student's function.

    Raises:
        UserError: no such exercise or option.
    """
    if option not in TWISTS.get(exercise, {}):
        raise UserError(f"exercise '{exercise}' has no variant '{option}'")
    return functools.wraps(attempt)(TWISTS[exercise][option].back(attempt))


def after(change: Callable[[Any], Any]) -> Callable[[Attempt], Attempt]:
    """Return a `Twist.back` that changes what the function returns; `None` stays `None`."""

    def back(attempt: Attempt) -> Attempt:
        def public(*given: Any) -> Any:
            found = attempt(*given)
            return None if found is None else change(found)

        return public

    return back


def before(change: Callable[..., tuple[Any, ...]]) -> Callable[[Attempt], Attempt]:
    """Return a `Twist.back` that changes what the function is given."""

    def back(attempt: Attempt) -> Attempt:
        return lambda *given: attempt(*change(*given))

    return back


def scaled(factor: float) -> Callable[[Attempt], Attempt]:
    """Return a `Twist.back` for results, one or a tuple of them, that are `factor` as large."""

    def change(found: Any) -> Any:
        if isinstance(found, tuple):
            return tuple(np.asarray(each) / factor for each in found)
        return np.asarray(found) / factor

    return after(change)


def second(change: Callable[[Any], Any]) -> Callable[[Attempt], Attempt]:
    """Return a `Twist.back` that changes the second of two results."""
    return after(lambda found: (found[0], change(found[1])))


LENGTHS = {"centimetres": 100.0, "millimetres": 1000.0, "kilometres": 0.001, "micrometres": 1e6}


def lengths(said: str, result: str) -> dict[str, Twist]:
    """Return the twists of a result in metres.

    Args:
        said: of the docstring, with `metres` in it.
        result: the code that is returned, as it stands behind `return`.
    """
    return {
        unit: Twist(
            f"Return **{unit}**, not metres (other cells go on in metres).",
            ((said, said.replace("metres", unit)), (f"return {result}", scaled_code(result, by))),
            scaled(by),
        )
        for unit, by in LENGTHS.items()
    }


def scaled_code(result: str, by: float) -> str:
    """Return the code that returns a result, larger."""
    parts = result.split("), ")
    if len(parts) == 1:
        return f"return {by:g} * ({result})"
    return f"return {by:g} * {parts[0]}), {by:g} * {parts[1]}"


_PADDED = {
    "padded": Twist(
        "The mask is **True where an action is padding**, and False where it is real.",
        (
            ("which of them are real", "which of them are padding"),
            ("rows < len(actions)", "rows >= len(actions)"),
        ),
        second(np.logical_not),
    )
}

_WEIGHT = (
    "Here `weight` is the **whole weight** of a changed number; an unchanged one has 1. So weight "
    "1 changes nothing."
)


def _missed(depths: Any) -> np.ndarray:
    """Return depths whose misses are infinite, of those whose misses are -1 and never infinite."""
    depths = np.asarray(depths, float)
    return np.where(depths == -1, np.inf, np.where(np.isinf(depths), np.nan, depths))


TWISTS: Mapping[str, Mapping[str, Twist]] = {
    "00 interval": {
        "percent": Twist(
            "Return both ends **in per cent**, within [0, 100].",
            (
                ("of a success rate, within [0, 1]", "of a success rate in per cent"),
                (
                    "(centre - half) / (1 + z**2 / n), (centre",
                    "100 * (centre - half) / (1 + z**2 / n), 100 * (centre",
                ),
            ),
            scaled(100.0),
        ),
        "half": Twist(
            "Return the **middle** of the interval and **half its width**, not its ends.",
            (
                ("interval (low, high) of", "interval as (middle, half its width) of"),
                (
                    "(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)",
                    "centre / (1 + z**2 / n), half / (1 + z**2 / n)",
                ),
            ),
            after(lambda found: (found[0] - found[1], found[0] + found[1])),
        ),
    },
    "01 world_point": lengths("(3,) in metres", "(camera.pose @ np.append(ray * metres, 1.0))[:3]"),
    "01 turn_between": {
        unit: Twist(
            f"Return the angle in **{unit}**, not in radians.",
            (
                ("0 to pi rad", f"in {unit}"),
                ("2 * np.arccos(min(product, 1.0))", f"{by} * 2 * np.arccos(min(product, 1.0))"),
            ),
            scaled(by),
        )
        for unit, by in (("degrees", 180 / math.pi), ("whole turns", 0.5 / math.pi))
    },
    "01 action_chunk": _PADDED,
    "02 project": {
        "rows": Twist(
            "Return pixels as **row, then column**, as one indexes pictures.",
            (
                ("column then row", "row then column"),
                ("image[:, :2] / image[:, 2:]", "(image[:, :2] / image[:, 2:])[:, ::-1]"),
            ),
            after(lambda found: (np.asarray(found[0])[:, ::-1], found[1])),
        )
    },
    "02 ray_depth": {
        "minus": Twist(
            "Return **-1 for a ray that misses**, not infinity.",
            (("infinity for a miss", "-1 for a miss"), (", np.inf)", ", -1.0)")),
            after(_missed),
        )
    },
    "02 nearest": {
        "from_one": Twist(
            "Number the spheres **from 1**; 0 is for pixels without one.",
            (
                ("from 0 to S - 1, or -1 for none", "from 1 to S, or 0 for none"),
                ("depths.argmin(axis=0), -1)", "depths.argmin(axis=0) + 1, 0)"),
            ),
            after(lambda found: np.asarray(found) - 1),
        )
    },
    "02 target_of": {
        "ahead": Twist(
            "Return **how many frames ahead** of t the drawn frame is, not its number.",
            (
                ("Return the frame whose joints are", "Return how far ahead the frame is that is"),
                ("[t + horizon, length - 1, *later])", "[t + horizon, length - 1, *later]) - t"),
            ),
            lambda attempt: lambda t, *rest: attempt(t, *rest) + t,
        )
    },
    "03 add_noise": {
        "noise": Twist(
            "The share that is given is that of the **noise**: at 0 nothing is added.",
            (
                ("`kept` lies in [0, 1]", "`kept` is the noise's share, in [0, 1]"),
                (
                    "kept**0.5 * clean + (1 - kept) ** 0.5 * noise",
                    "(1 - kept) ** 0.5 * clean + kept**0.5 * noise",
                ),
            ),
            before(lambda clean, noise, kept: (clean, noise, 1 - kept)),
        )
    },
    "03 guide": {
        "beyond": Twist(
            "Here `scale` counts what is added **beyond the text**: at 0 the result is `given`.",
            (
                ("from those without and with text.", "from both; scale 0 gives `given`."),
                ("without + scale * (given - without)", "given + scale * (given - without)"),
            ),
            before(lambda without, given, scale: (without, given, scale - 1)),
        )
    },
    "03 attention": {
        "columns": Twist(
            "Return the weights **with a row for each key**, (L, N).",
            (
                ("attention weights (N, L) of", "attention weights (L, N) of"),
                (
                    "powers / powers.sum(axis=1, keepdims=True)",
                    "(powers / powers.sum(axis=1, keepdims=True)).T",
                ),
            ),
            after(lambda found: np.asarray(found).T),
        )
    },
    "04 weighted_loss": {
        "whole": Twist(
            _WEIGHT,
            (
                ("have one shape.", "have one shape; an unchanged one weighs 1."),
                ("1 + weight * changed", "np.where(changed, weight, 1.0)"),
            ),
            before(lambda error, changed, weight: (error, changed, 1 + weight)),
        )
    },
    "04 drawn_strength": {
        "whole": Twist(
            _WEIGHT,
            (
                ("p in [0, 1].", "p in [0, 1]; an unchanged pixel weighs 1."),
                ("(1 + weight) * p / (1 + weight * p)", "weight * p / (1 + (weight - 1) * p)"),
            ),
            before(lambda p, weight: (p, 1 + weight)),
        )
    },
    "04 copies": {
        "going": Twist(
            "Return the share of decisions that **go** for their target, not of copies.",
            (
                ("the share of copies", "the share that is no copy"),
                ("(to_arm < to_goal)[tells]", "(to_arm >= to_goal)[tells]"),
            ),
            after(lambda found: 1 - found),
        )
    },
    "05 training_bytes": {
        "megabytes": Twist(
            "Return **megabytes**: a million bytes each.",
            (
                ("Return bytes of weights", "Return megabytes of weights"),
                ("return sum(2 * out", "return 1e-6 * sum(2 * out"),
            ),
            after(lambda found: round(found * 1e6)),
        )
    },
    "05 change_left": {
        "gone": Twist(
            "Return what is **gone** of the change: 0 for a copy, 1 where nothing is left.",
            (
                ("what is left of the change, 1 for", "what is gone of the change, 0 for"),
                ("float(left[changes].mean()", "1 - float(left[changes].mean()"),
            ),
            after(lambda found: 1 - found),
        )
    },
    "06 chunk": {
        "padded": Twist(
            _PADDED["padded"].says,
            (
                ("which are real", "which are padding"),
                ("rows < len(actions)", "rows >= len(actions)"),
            ),
            second(np.logical_not),
        )
    },
    "06 kl": {
        "bits": Twist(
            "Return it in **bits**: the natural logarithm's number, divided by ln 2.",
            (
                ("N(0, 1)); both (B, Z).", "N(0, 1)) in bits; both (B, Z)."),
                (
                    "0.5 * terms.sum(axis=1).mean()",
                    "0.5 * terms.sum(axis=1).mean() / np.log(2)",
                ),
            ),
            after(lambda found: found * math.log(2)),
        )
    },
    "06 soft_argmax": {
        "rows": Twist(
            "Return **(row, column)**, as one indexes pictures.",
            (
                ("(column, row) in", "(row, column) in"),
                (
                    "[weights.sum(axis=0) @ columns, weights.sum(axis=1) @ rows]",
                    "[weights.sum(axis=1) @ rows, weights.sum(axis=0) @ columns]",
                ),
            ),
            after(lambda found: np.asarray(found)[::-1]),
        )
    },
    "06 film": {
        "factor": Twist(
            "Here `scale` is the **factor itself**: at 1 and shift 0 nothing changes.",
            (("(1 + scale[..., None, None]) * maps", "scale[..., None, None] * maps"),),
            before(lambda maps, scale, shift: (maps, 1 + scale, shift)),
        )
    },
    "07 coverage": {
        "missing": Twist(
            "Return the probability that the interval **misses** the true rate.",
            (
                ("holds the true rate p.", "misses the true rate p."),
                ("(low <= p <= high)", "(not low <= p <= high)"),
            ),
            after(lambda found: 1 - found),
        )
    },
    "07 needed": {
        "points": Twist(
            "`half_width` is given in **percentage points**: 5 for ± 0.05.",
            (
                ("both arguments as shares, not in percent", "half_width in percentage points"),
                ("(high - low) / 2 <= half_width", "100 * (high - low) / 2 <= half_width"),
            ),
            before(lambda rate, half: (rate, 100 * half)),
        )
    },
    "07 sign_test": {
        "tail": Twist(
            "Return the p of **one tail** only: of `min(won, lost)` or fewer heads.",
            (
                ("the two-sided p of", "the p of one tail of"),
                ("return min(1.0, 2 * tail)", "return tail"),
            ),
            after(lambda found: min(1.0, 2 * found)),
        )
    },
    "07 split": lengths(
        "following's errors; places (N, 3) in metres",
        "float(np.median(drawing)), float(np.median(following))",
    ),
    "08 kept": {
        "lost": Twist(
            "Return the share that is **lost**, and the ends of *its* interval, lower first.",
            (
                (
                    "Return solved changed / solved clean",
                    "Return 1 - solved changed / solved clean",
                ),
                (
                    "float(changed.sum() / clean.sum()), float(low), float(high)",
                    "1 - float(changed.sum() / clean.sum()), 1 - float(high), 1 - float(low)",
                ),
            ),
            after(lambda found: (1 - found[0], 1 - found[2], 1 - found[1])),
        )
    },
    "08 believed": {
        "error": Twist(
            "Return the **error**: where it believes the point to be, less where the point is.",
            (
                ("Return where a point (3,) in metres seems", "Return how far off a point seems"),
                ("assumed.unproject(pixel, depth)", "assumed.unproject(pixel, depth) - point"),
            ),
            lambda attempt: lambda point, *rest: attempt(point, *rest) + point,
        )
    },
    "08 metres": lengths("depth (H, W) in metres of", "near + fraction * (far - near)"),
    "09 project": {
        "rows": Twist(
            "Return pixels as **row, then column**, as one indexes pictures.",
            (
                ("pixels (N, 2) of", "pixels (N, 2), row then column, of"),
                ("image[:, :2] / image[:, 2:]", "(image[:, :2] / image[:, 2:])[:, ::-1]"),
            ),
            after(lambda found: np.asarray(found)[:, ::-1]),
        )
    },
    "09 largest_jerk": {
        "degrees": Twist(
            "Return it in **degrees** a second cubed.",
            (
                ("|jerk| in rad/s^3 of", "|jerk| in degrees/s^3 of"),
                (
                    "float(np.abs(np.diff(positions, 3))",
                    "180 / np.pi * float(np.abs(np.diff(positions, 3))",
                ),
            ),
            scaled(180 / math.pi),
        )
    },
}
"""By notebook and exercise, such as "02 project", its variants by name."""
