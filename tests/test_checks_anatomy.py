"""Checks of notebook 03: they accept its solutions and name what is wrong with wrong answers."""

import numpy as np
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("jupytext")

from genima_lite.checks import anatomy
from tests.exercises import Exercises

EXERCISES = Exercises("03_anatomy_of_a_small_stable_diffusion", anatomy, np=np)


@pytest.mark.parametrize("name", EXERCISES.cells)
def test_solutions_pass_and_stubs_do_not(name, capsys):
    EXERCISES.accept(name, capsys)


def signed(picture):
    return picture / 127.5 - 1


def split(picture):
    height, width, _ = picture.shape
    return signed(picture).reshape(height // 8, 8, width // 8, 8, 3)


def folded(picture, order):
    return split(picture).transpose(order).reshape(192, len(picture) // 8, -1)


def reshaped(picture):
    return signed(picture).transpose(2, 0, 1).reshape(192, len(picture) // 8, -1)


def softmax(scores, axis=1):
    powers = np.exp(scores - scores.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def roots_of(kept):
    return kept**0.5 - kept[-1] ** 0.5


def clean_from(kind, prediction, noisy, kept, sign=-1.0, whole=False):
    if kind == "sample":
        return prediction
    signal, loud = kept**0.5, (1 - kept) ** 0.5
    if kind == "epsilon":
        return (noisy - (1.0 if whole else loud) * prediction) / signal
    return signal * noisy + sign * loud * prediction


def v_as_noise(kind, prediction, noisy, kept):
    return clean_from(kind.replace("v_prediction", "epsilon"), prediction, noisy, kept)


def in_place(kept):
    first, last = kept[0] ** 0.5, kept[-1] ** 0.5
    kept[:] = ((kept**0.5 - last) * first / (first - last)) ** 2
    return kept


def stepped(noisy, clean, now, after, power=0.5, kept=None):
    noise = (noisy - now**power * clean) / max(1 - now, 1e-9) ** power
    return after**power * (clean if kept is None else kept) + (1 - after) ** power * noise


WRONG = [
    ("to_latents", reshaped, "mixes pixels of different patches"),
    ("to_latents", lambda p: folded(p, (1, 3, 4, 0, 2)), "colours must come first"),
    ("to_latents", lambda p: folded(p, (4, 3, 1, 0, 2)), "swapped"),
    ("to_latents", lambda p: folded(p, (4, 1, 3, 0, 2)) / 2 + 0.5, r"lie in \[0, 1\]"),
    ("to_latents", lambda p: None, "return"),
    ("to_latents", lambda p: signed(p).reshape(192, len(p) // 8, -1), "order in memory"),
    ("to_latents", lambda p: split(p).transpose(4, 1, 3, 2, 0).reshape(192, 2, 3), "turned"),
    ("to_latents", lambda p: folded(np.uint8(2) * p / 2, (4, 1, 3, 0, 2)), "wraps around"),
    ("to_latents", lambda p: (folded(p, (4, 1, 3, 0, 2)) + 1) * 127.5 / 128 - 1, "127.5"),
    ("add_noise", lambda x, e, k: k * x + (1 - k) * e, "roots"),
    ("add_noise", lambda x, e, k: (1 - k) ** 0.5 * x + k**0.5 * e, "swapped"),
    ("add_noise", lambda x, e, k: x + (1 - k) ** 0.5 * e, "shrink"),
    ("zero_terminal", lambda k: np.append(k[:-1], 0.0), "cliff"),
    ("zero_terminal", lambda k: (k - k[-1]) * k[0] / (k[0] - k[-1]), "not kept itself"),
    ("zero_terminal", lambda k: roots_of(k) ** 2, "must stay as it was"),
    ("zero_terminal", lambda k: (roots_of(k) / roots_of(k)[0]) ** 2, "has become 1"),
    ("zero_terminal", in_place, "itself was changed"),
    ("clean_from", lambda *a: clean_from(*a, whole=True), "not all of it"),
    ("clean_from", lambda kind, *a: clean_from(kind[:1] + "psilon", *a), "nothing to do"),
    ("clean_from", v_as_noise, "v is not the noise"),
    ("clean_from", lambda *a: clean_from(*a, sign=1.0), "the sign"),
    ("clean_from", lambda kind, p, x, k: p, "the prediction itself"),
    ("attention", lambda q, k: softmax(q @ k.T / q.shape[1] ** 0.5, 0), "each .place. shares"),
    ("attention", lambda q, k: softmax(q @ k.T), "root of the width"),
    ("attention", lambda q, k: q @ k.T / q.shape[1] ** 0.5, "softmax is missing"),
    ("attention", lambda q, k: softmax(q @ k.T / q.shape[1] ** 0.5).T, "shape"),
    ("attention", lambda q, k: softmax(q @ k.T / len(k) ** 0.5), "number of words"),
    ("attention", lambda q, k: softmax(q @ k.T / q.shape[1] ** 0.5, None), "of its own"),
    ("guide", lambda w, g, s: g + s * (g - w), "at scale 1"),
    ("guide", lambda w, g, s: g + s * (w - g), "start and end"),
    ("guide", lambda w, g, s: w + s * g, "difference"),
    ("guide", lambda w, g, s: w + s * (w - g), "direction"),
    ("guide", lambda w, g, s: s * g, "multiplies"),
    ("ddim_step", lambda x, c, now, after: c, "clean guess itself"),
    ("ddim_step", lambda x, c, now, after: after**0.5 * c + (1 - after) ** 0.5 * x, "not `noisy`"),
    ("ddim_step", lambda x, c, now, after: x, "swapped"),
    ("ddim_step", lambda *a: stepped(*a, power=1.0), "take their roots"),
    ("ddim_step", lambda x, c, now, after: stepped(x, c, after, now), "find the noise at kept_now"),
    ("ddim_step", lambda *a: stepped(*a, kept=a[0]), "not with `noisy`"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)


def test_an_attention_that_overflows_is_refused():
    def naive(queries, keys):
        with np.errstate(over="ignore", invalid="ignore"):
            powers = np.exp(queries @ keys.T / queries.shape[1] ** 0.5)
            return powers / powers.sum(1, keepdims=True)

    EXERCISES.refuse("attention", naive, "overflow")
