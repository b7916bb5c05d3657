"""Checks of notebook 03: latents, noise, schedules, prediction types, attention, sampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler

from genima_lite.checks.verdict import close, compare, expect, passed

Attempt = Callable[..., Any]


def check_to_latents(attempt: Attempt, seed: int = 0) -> None:
    """Check `to_latents(picture)`: (H, W, 3) uint8 to (192, H / 8, W / 8) in [-1, 1]."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (16, 24, 3), np.uint8)
    signed = picture / 127.5 - 1
    wanted = _unshuffled(signed)
    patches = signed.reshape(2, 8, 3, 8, 3)
    by_pixel = patches.transpose(1, 3, 4, 0, 2).reshape(192, 2, 3)
    mistakes = {
        "`reshape` alone keeps the order in memory: split both sides, then transpose": (
            signed.reshape(192, 2, 3)
        ),
        "`reshape` alone mixes pixels of different patches: split both sides, then transpose": (
            signed.transpose(2, 0, 1).reshape(192, 2, 3)
        ),
        "colours must come first in a latent pixel: all of red, then green, then blue": by_pixel,
        "row and column within a patch are swapped": (
            patches.transpose(4, 3, 1, 0, 2).reshape(192, 2, 3)
        ),
        "the grid is turned: patch rows come before patch columns": (
            patches.transpose(4, 1, 3, 2, 0).reshape(192, 2, 3)
        ),
        "split a side into (patches, 8), not (8, patches): a patch's rows lie side by side": (
            signed.reshape(8, 2, 8, 3, 3).transpose(4, 0, 2, 1, 3).reshape(192, 2, 3)
        ),
        "numbers of uint8 end at 255, so `2 * picture` wraps around: divide first": (
            _unshuffled(2 * picture / 255 - 1)
        ),
        "level 255 must become exactly 1: divide by 127.5": _unshuffled(picture / 128 - 1),
        "numbers must lie in [-1, 1], these lie in [0, 1]": (wanted + 1) / 2,
        "numbers must lie in [-1, 1], these are still 0 to 255": (wanted + 1) * 127.5,
    }
    found = attempt(picture.copy())
    compare(found, wanted, mistakes, "some numbers are not where they belong", 1e-5)
    passed("every number of the picture is there, once, in its place")


def _unshuffled(signed: np.ndarray) -> np.ndarray:
    """Return latents (192, h, w) of a picture (H, W, 3) in [-1, 1], by torch."""
    given = torch.from_numpy(np.ascontiguousarray(signed.transpose(2, 0, 1)))
    return torch.nn.functional.pixel_unshuffle(given[None], 8)[0].numpy()


def check_add_noise(attempt: Attempt, seed: int = 0) -> None:
    """Check `add_noise(clean, noise, kept)`: arrays of one shape, a number in [0, 1]."""
    rng = np.random.default_rng(seed)
    clean, noise = rng.normal(size=(2, 4, 5, 6))
    for kept in rng.uniform(0.1, 0.9, 3):
        mistakes = {
            "the power adds up to 1, so the factors are *roots* of kept and 1 - kept": (
                kept * clean + (1 - kept) * noise
            ),
            "the two are swapped: `kept` belongs to the picture": (
                (1 - kept) ** 0.5 * clean + kept**0.5 * noise
            ),
            "the signal must shrink as well: noise is not simply added": (
                clean + (1 - kept) ** 0.5 * noise
            ),
            "the noise's factor is the root of 1 - kept, not 1 minus the root of kept": (
                kept**0.5 * clean + (1 - kept**0.5) * noise
            ),
        }
        found = attempt(clean.copy(), noise.copy(), float(kept))
        wanted = kept**0.5 * clean + (1 - kept) ** 0.5 * noise
        compare(found, wanted, mistakes, "roots of kept and of 1 - kept, one each")
    close(attempt(clean.copy(), noise.copy(), 0.0), noise, "with kept = 0 only noise is left")
    passed("signal and noise, their powers adding up to 1")


def check_zero_terminal(attempt: Attempt, seed: int = 0) -> None:
    """Check `zero_terminal(kept)`: (T,) falling to (T,) falling that ends with exactly 0."""
    rng = np.random.default_rng(seed)
    betas = np.linspace(rng.uniform(0.02, 0.03), 0.11, 1000) ** 2
    kept = np.cumprod(1 - betas)
    root = kept**0.5
    wanted = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    cut = np.append(kept[:-1], 0.0)
    mistakes = {
        "only the last one has changed, so the last step is a cliff: shift *all* roots": cut,
        "shift and stretch the roots of kept, not kept itself": (
            (kept - kept[-1]) * kept[0] / (kept[0] - kept[-1])
        ),
        "the first one must stay as it was: after the shift, stretch": (root - root[-1]) ** 2,
        "the result is the root: square it": wanted**0.5,
        "the first one has become 1: it must stay as it was": (
            ((root - root[-1]) / (root[0] - root[-1])) ** 2
        ),
    }
    given = kept.copy()
    found = attempt(given)
    expect(np.array_equal(given, kept), "`kept` itself was changed: make a new array")
    compare(found, wanted, mistakes, "the roots, shifted to end at 0, stretched to begin as before")
    passed("the end is pure noise, the beginning is as it was")


def check_clean_from(attempt: Attempt, seed: int = 0) -> None:
    """Check `clean_from(kind, prediction, noisy, kept)`: the clean latents, for three kinds."""
    rng = np.random.default_rng(seed)
    clean, noise = rng.normal(size=(2, 3, 4))
    kept = float(rng.uniform(0.2, 0.8))
    signal, loud = kept**0.5, (1 - kept) ** 0.5
    noisy = signal * clean + loud * noise
    velocity = signal * noise - loud * clean

    def asked(kind: str, prediction: np.ndarray) -> Any:
        return attempt(kind, prediction.copy(), noisy.copy(), kept)

    close(asked("sample", clean), clean, "'sample' predicts the clean latents: nothing to do")
    mistakes = {
        "'epsilon': that is the prediction itself, the noise: solve for the picture": noise,
        "'epsilon': without the noise √kept times the picture is left: divide": (
            noisy - loud * noise
        ),
        "'epsilon': take away √(1 - kept) times the noise, not all of it": (noisy - noise) / signal,
        "'epsilon': powers and their roots are mixed up": (noisy - (1 - kept) * noise) / kept,
    }
    compare(asked("epsilon", noise), clean, mistakes, "'epsilon': solve for the picture", 1e-6)
    mistakes = {
        "'v_prediction': that is v itself: solve for the picture": velocity,
        "'v_prediction': v is not the noise, so the formula of 'epsilon' does not fit": (
            (noisy - loud * velocity) / signal
        ),
        "'v_prediction': the sign: subtract √(1 - kept) · v": signal * noisy + loud * velocity,
        "'v_prediction': that is the noise; the picture has the other combination": noise,
        "'v_prediction': roots of kept and 1 - kept, as everywhere": (
            kept * noisy - (1 - kept) * velocity
        ),
    }
    hint = "'v_prediction': multiply noisy by √kept and v by √(1 - kept), and put in what they are"
    compare(asked("v_prediction", velocity), clean, mistakes, hint, 1e-6)
    passed("three languages for one picture")


def check_attention(attempt: Attempt, seed: int = 0) -> None:
    """Check `attention(queries, keys)`: (N, D) and (L, D) to weights (N, L)."""
    rng = np.random.default_rng(seed)
    places, tokens, width = 6, 4, int(rng.integers(8, 20))
    queries, keys = rng.normal(size=(places, width)), rng.normal(size=(tokens, width))
    scores = queries @ keys.T
    mistakes = {
        "each *place* shares 1 among the words: the sum over the last axis must be 1": (
            _softmax(scores / width**0.5, 0)
        ),
        "divide by the root of the width D before the softmax": _softmax(scores, 1),
        "by the *root* of the width D": _softmax(scores / width, 1),
        "D is the length of a query, not the number of words": _softmax(scores / tokens**0.5, 1),
        "each place has a softmax of its own, not one for all places together": (
            _softmax((scores / width**0.5).reshape(1, -1), 1).reshape(places, tokens)
        ),
        "these are scores: the softmax is missing": scores / width**0.5,
        "the shape is (N, L): a row a place, a column a word": _softmax(scores / width**0.5, 1).T,
    }
    found = attempt(queries.copy(), keys.copy())
    compare(
        found, _softmax(scores / width**0.5, 1), mistakes, "softmax of Q Kᵀ / √D over the words"
    )
    large = attempt(300 * queries, 300 * keys)
    expect(
        np.isfinite(np.asarray(large, float)).all(),
        "large scores overflow in exp: subtract the largest of each row first, it changes nothing",
    )
    passed("every place divides its attention among the words")


def _softmax(scores: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def check_guide(attempt: Attempt, seed: int = 0) -> None:
    """Check `guide(without, given, scale)`: two predictions and a number to one prediction."""
    without, given = np.random.default_rng(seed).normal(size=(2, 3, 4))
    for scale in (3.0, 1.0, 0.0):
        mistakes = {
            "at scale 1 guidance must change nothing: start at the prediction *without* text": (
                given + scale * (given - without)
            ),
            "start and end are swapped: at scale 0 the text has no say": (
                given + scale * (without - given)
            ),
            "the text adds the *difference* of the two predictions": without + scale * given,
            "the direction: from without text to with text": without + scale * (without - given),
            "that only multiplies the prediction with text": scale * given,
        }
        mistakes = mistakes if scale == 3.0 else {}
        hint = "from the prediction without text, go `scale` times the way to the one with it"
        found = attempt(without.copy(), given.copy(), scale)
        compare(found, without + scale * (given - without), mistakes, hint)
    passed("scale 0 ignores the text, 1 believes it, 3 exaggerates")


def check_ddim_step(attempt: Attempt, seed: int = 0) -> None:
    """Check `ddim_step(noisy, clean, kept_now, kept_next)` against diffusers' DDIM."""
    rng = np.random.default_rng(seed)
    scheduler = DDIMScheduler(
        prediction_type="sample",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        rescale_betas_zero_snr=True,
    )
    scheduler.set_timesteps(4)
    share = np.append(scheduler.alphas_cumprod.double().numpy(), 1.0)
    steps = [*scheduler.timesteps.tolist(), -1]
    noisy, clean = rng.normal(size=(2, 3, 4))
    for now, after in ((steps[1], steps[2]), (steps[0], steps[1]), (steps[3], steps[4])):
        _check_step(attempt, scheduler, noisy, clean, (now, share[now], share[after]))
    passed("the same as diffusers' DDIM, at the first, a middle and the last step")


def _check_step(
    attempt: Attempt,
    scheduler: Any,
    noisy: np.ndarray,
    clean: np.ndarray,
    step: tuple[int, float, float],
) -> None:
    """Compare one step: its timestep, and the kept shares before and after it."""
    timestep, kept, after = step
    noise = (noisy - kept**0.5 * clean) / (1 - kept) ** 0.5
    mistakes = {
        "that is the clean guess itself: noise of the next level belongs on it": clean,
        "the noise is not `noisy`: take √kept_now · clean away from it, and divide": (
            after**0.5 * clean + (1 - after) ** 0.5 * noisy
        ),
        "kept_now and kept_next are swapped in the last line: it makes the *next* level": noisy,
        "the noise that is in `noisy` must be divided by √(1 - kept_now)": (
            after**0.5 * clean + (1 - after) ** 0.5 * (noisy - kept**0.5 * clean)
        ),
        "both shares are shares of power: take their roots": (
            after * clean + (1 - after) * (noisy - kept * clean) / (1 - kept)
        ),
        "`noisy` holds √kept_now · clean, not all of clean: take that away": (
            after**0.5 * clean + (1 - after) ** 0.5 * (noisy - clean) / (1 - kept) ** 0.5
        ),
        "kept_now and kept_next are swapped: find the noise at kept_now": (
            kept**0.5 * clean
            + (1 - kept) ** 0.5 * (noisy - after**0.5 * clean) / max(1 - after, 1e-9) ** 0.5
        ),
        "mix the noise with the clean guess, not with `noisy`": (
            after**0.5 * noisy + (1 - after) ** 0.5 * noise
        ),
        "kept_next is a share of power: its root multiplies the picture": (
            after * clean + (1 - after) * noise
        ),
    }
    if after == 1.0:
        mistakes = {}
    given = torch.from_numpy(clean), timestep, torch.from_numpy(noisy)
    wanted = scheduler.step(*given).prev_sample.numpy()
    found = attempt(noisy.copy(), clean.copy(), float(kept), float(after))
    hint = (
        "with kept_next = 1 no noise is left: the step must end at the clean guess"
        if after == 1.0
        else "find the noise in `noisy`, then mix clean and noise for the next level"
    )
    compare(found, wanted, mistakes, hint, 1e-5)
