"""A coarse search: where in a small picture a disc of one colour stands out from its surround."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import maximum_filter

from genima_lite.targets.evidence import Evidence

_LEAST_SEEN = 0.12
"""A disc of which less is inside the picture and not behind others is no candidate."""

_LEAST_SCORE = 0.3


@dataclass(frozen=True)
class Candidate:
    """A disc: number of its colour, centre (column, row) and radius in pixels, and its score."""

    color: int
    center: tuple[float, float]
    radius: float
    score: float


def search(evidence: Evidence, radii: np.ndarray, per_color: int = 4) -> list[Candidate]:
    """Return up to `per_color` discs of each colour, best first.

    The score is the share of members inside the disc, less that in a ring around it, both among
    pixels that no sphere of another colour may hide; times `tone`, since a sphere is neither as
    black nor as coloured as a thing without stripes.

    Args:
        evidence: of a picture of some 64 pixels; time grows with its area.
        radii: (R,) pixels, to try.
        per_color: how many local maxima to keep.
    """
    scores = _scores(evidence, radii)
    found = []
    for color, score in enumerate(scores):
        found += _maxima(color, score, radii)[:per_color]
    return found


def tone(shade: np.ndarray) -> np.ndarray:
    """Return 1 where a mean shade (...) suits a striped sphere, down to 0 where it does not.

    Seen from its black pole a whole sphere has a mean shade of 0.2, and its lower half may show
    alone; from the coloured pole it has 0.65.
    """
    return np.interp(shade, [0.03, 0.11, 0.68, 0.85], [0.0, 1.0, 1.0, 0.0])


def _scores(evidence: Evidence, radii: np.ndarray) -> np.ndarray:
    """Return scores (5, R, H, W) of discs centred on each pixel."""
    known = evidence.known
    members = known * evidence.member
    maps = np.concatenate([members, members * evidence.shade, known])
    count, (height, width) = len(known), known.shape[1:]
    reach = int(1.3 * radii.max()) + 4
    size = (next_fast_len(height + reach), next_fast_len(width + reach))
    spectra = rfft2(maps, size)

    def filtered(kernel: np.ndarray) -> np.ndarray:
        sums = irfft2(spectra * rfft2(kernel), size)[:, :height, :width]
        return np.maximum(sums.reshape(3, count, height, width), 1e-6)

    scores = []
    for radius in radii:
        disc, ring = _disc(size, radius), _disc(size, 1.25 * radius + 1.5)
        inside, shade, seen = filtered(disc)
        around, _, seen_around = filtered(ring - _disc(size, radius + 1.0))
        score = inside / seen - around / np.maximum(seen_around, 0.1 * ring.sum())
        score *= tone(shade / inside)
        scores.append(np.where(seen > _LEAST_SEEN * disc.sum(), score, 0.0))
    return np.stack(scores, axis=1)


def _disc(size: tuple[int, int], radius: float) -> np.ndarray:
    """Return a disc with a soft edge around (0, 0), wrapping round, as a filter for FFTs."""
    rows, columns = (np.fft.fftfreq(n, 1 / n) for n in size)
    distance = np.hypot(rows[:, None], columns)
    return np.clip(radius + 0.5 - distance, 0.0, 1.0).astype(np.float32)


def _maxima(color: int, score: np.ndarray, radii: np.ndarray) -> list[Candidate]:
    """Return local maxima over place and radius of one colour's scores (R, H, W)."""
    peaks = (score == maximum_filter(score, (3, 5, 5))) & (score > _LEAST_SCORE)
    places = np.argwhere(peaks)
    order = np.argsort(-score[peaks])
    return [
        Candidate(color, (column + 0.5, row + 0.5), float(radii[r]), float(score[r, row, column]))
        for r, row, column in places[order].tolist()
    ]
