"""Find drawn spheres in a picture, as a diffusion model draws them or as we do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genima_lite.errors import UserError
from genima_lite.targets.evidence import NAMES, Evidence, color_evidence
from genima_lite.targets.fit import (
    START,
    Lens,
    Window,
    cover,
    fit_outline,
    model,
    outline_distance,
)
from genima_lite.targets.joints import sized_as, sphere_radius
from genima_lite.targets.search import search, tone

CONFIDENT = 0.5
"""From this confidence on a detection counts."""

DEPTHS = {
    "wrist": (0.04, 0.8),
    "front": (0.7, 1.8),
    "right_shoulder": (0.4, 1.5),
    "left_shoulder": (0.4, 1.5),
    "overhead": (0.6, 2.0),
}
"""Between which distances in metres RLBench's cameras see the arm."""

_SEARCH_SIZE = 64
"""Width in pixels to which larger pictures are shrunk for the coarse search."""

_ROUNDS = 4
_DOUBTFUL = 0.1
"""Fits with less confidence are dropped before the second look."""

_TRUST = {"misfit": -16.0, "contrast": 12.0, "strength": 3.0, "color": 9.0}
_TRUST_AT_NOTHING = -3.8
"""Log odds that a fit is a sphere: misfit of the opacity, root of its squared sum in pixels per
pixel of outline; standard deviation of the shade; strength; greatest shade. By logistic regression
on drawn spheres, sharp, blurred and pale, and on things of similar colours."""

_FAINT = (0.4, 0.48)
"""Strength of a fit: confidence 0 below, full above. Paler things are no spheres."""

_SMALLEST = 0.95
_LARGEST = 1.15
"""Fits whose radii lie beyond those sought by these factors are dropped."""

_RADII = (0.035, 0.4)
"""Smallest and largest outline sought, as a share of the picture's width."""


@dataclass(frozen=True)
class FoundSphere:
    """One sphere in a picture.

    Attributes:
        joint: one of `JOINTS`.
        gripper_open: by the colour, for the gripper's sphere; else `None`.
        pixel: column and row of the projected centre, continuous, pixel centres at + 0.5.
        radius: pixels, the small half axis of the outline.
        confidence: 0 to 1; see `CONFIDENT`.
        seen: share of the outline inside the picture and not hidden by other spheres.
    """

    joint: str
    gripper_open: bool | None
    pixel: tuple[float, float]
    radius: float
    confidence: float
    seen: float


@dataclass(frozen=True, eq=False)
class _Fit:
    color: int
    params: np.ndarray
    confidence: float
    seen: float


def find_spheres(
    image: np.ndarray,
    intrinsics: np.ndarray | None = None,
    radii: tuple[float, float] | None = None,
    least: float = CONFIDENT,
) -> dict[str, FoundSphere]:
    """Find up to one sphere of each joint in one view.

    Pixels that mix black and one of the five colours vote for discs; the outline of the best
    ones is then fitted, nearer spheres cut out of farther ones. Things of a sphere's colour but
    without its black, or of another shape, get little confidence.

    Args:
        image: (H, W, 3) uint8, one view, not a tiled picture; tested from 64 to 256 pixels.
        intrinsics: (3, 3) of the view, positive focal lengths. With them `pixel` is where the
            centre projects, without them the middle of the outline, in a wide-angle view of a
            near sphere a few pixels further out.
        radii: least and largest radius to look for in pixels; `None` for 3.5 to 40 % of the
            width. `plausible_radii` gives those that RLBench's cameras can see.
        least: confidence below which a detection is left out.

    Returns:
        Spheres by joint.

    Raises:
        ValueError: not such an image.
    """
    if image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 16:
        raise ValueError(f"one view (H, W, 3) of at least 16 pixels, not {image.shape}")
    low, high = radii or tuple(share * image.shape[1] for share in _RADII)
    lens = Lens.of(intrinsics)
    evidence = color_evidence(image)
    fits = [
        _fit(evidence, color, params, lens)
        for color, params in _guesses(image, evidence, low, high)
    ]
    fits = [fit for fit in fits if _SMALLEST * low <= fit.params[2] <= _LARGEST * high]
    best = _uncover(evidence, _best_of_each(fits), lens)
    return {found.joint: found for found in map(_found, best) if found.confidence >= least}


def plausible_radii(
    camera: str, intrinsics: np.ndarray, on_wrist: bool = False
) -> tuple[float, float]:
    """Return the radii in pixels that a camera's spheres can have in its picture.

    Args:
        camera: one of RLBench's five.
        intrinsics: (3, 3), pixels.
        on_wrist: whether it moves with the hand, whatever its name.

    Raises:
        UserError: no such camera.
    """
    camera = sized_as(camera, on_wrist)
    if camera not in DEPTHS:
        raise UserError(f"no depths known for camera '{camera}' (known: {', '.join(DEPTHS)})")
    nearest, farthest = DEPTHS[camera]
    size = float(intrinsics[0, 0]) * sphere_radius(camera)
    return size / farthest, min(size / nearest, 0.4 * 2 * float(intrinsics[0, 2]))


def _guesses(
    image: np.ndarray, evidence: Evidence, low: float, high: float
) -> list[tuple[int, np.ndarray]]:
    """Return colours and params (column, row, radius) in pixels from the coarse search."""
    factor = max(1, image.shape[1] // _SEARCH_SIZE)
    if factor > 1:
        evidence = color_evidence(_shrunk(image, factor))
    count = max(2, int(np.ceil(np.log(high / low) / np.log(1.18))) + 1)
    radii = np.geomspace(low, high, count) / factor
    return [
        (found.color, np.array([*(factor * np.array([*found.center, found.radius])), *START]))
        for found in search(evidence, radii)
    ]


def _shrunk(image: np.ndarray, factor: int) -> np.ndarray:
    """Return the mean of blocks of pixels, float32."""
    height, width = (n // factor * factor for n in image.shape[:2])
    blocks = image[:height, :width].reshape(height // factor, factor, width // factor, factor, 3)
    return blocks.mean((1, 3), dtype=np.float32)


def _fit(
    evidence: Evidence,
    color: int,
    params: np.ndarray,
    lens: Lens,
    hidden: np.ndarray | None = None,
) -> _Fit:
    """Fit one outline and judge it."""
    for _ in range(_ROUNDS):  # a fit that grew or moved needs a window that did
        window = Window.cut(evidence, color, params, hidden)
        before, params = params, fit_outline(window, params, lens)
        if np.abs(params - before).max() < 0.5:
            break
    return _Fit(color, params, *_judge(window, params, lens))


def _judge(window: Window, params: np.ndarray, lens: Lens) -> tuple[float, float]:
    """Return confidence and the share of the outline that is seen."""
    inside = outline_distance(params, window.columns, window.rows, lens)
    disc = cover(inside, params[3]) * window.weight
    core = (inside > 0.5) * window.weight * window.member
    mass = max(core.sum(), 1e-6)
    shade = (core * window.shade).sum() / mass
    near = (inside > -max(2.0, 0.3 * params[2])) * window.weight
    wrong = (near * np.square(window.opacity - model(params, window, lens))).sum()
    signs = {
        "misfit": np.sqrt(wrong / (2 * np.pi * params[2])),
        "contrast": np.sqrt(max((core * window.shade**2).sum() / mass - shade**2, 0.0)),
        "strength": params[4],
        "color": (window.shade * (core > 0.3)).max(),
    }
    odds = _TRUST_AT_NOTHING + sum(_TRUST[name] * sign for name, sign in signs.items())
    seen = min(disc.sum() / (np.pi * params[2] ** 2), 1.0)
    plain = np.interp(params[4], _FAINT, [0.0, 1.0]) * tone(shade)
    confidence = plain * np.interp(seen, [0.02, 0.12], [0.0, 1.0]) / (1 + np.exp(-odds))
    return float(confidence), float(seen)


def _joint(color: int) -> str:
    return NAMES[color].partition("_")[0]


def _best_of_each(fits: list[_Fit]) -> list[_Fit]:
    """Return the most convincing fit of each joint, open and closed gripper being one."""
    best: dict[str, _Fit] = {}
    for fit in fits:
        joint = _joint(fit.color)
        if joint not in best or _weight(fit) > _weight(best[joint]):
            best[joint] = fit
    return list(best.values())


def _weight(fit: _Fit) -> float:
    """Return how much a fit counts against others of its joint.

    A thing of a similar colour is often whole and half convincing, where the sphere itself is
    half hidden and convincing.
    """
    size = fit.params[2] * fit.params[4] ** 4
    return fit.confidence**4 * fit.seen**0.3 * np.sqrt(size)


def _uncover(evidence: Evidence, fits: list[_Fit], lens: Lens) -> list[_Fit]:
    """Fit spheres that touch others again, without the pixels that nearer ones hide."""
    height, width = evidence.member.shape[1:]
    columns, rows = np.arange(width)[None] + 0.5, np.arange(height)[:, None] + 0.5
    fits = [fit for fit in fits if fit.confidence > _DOUBTFUL]
    for _ in range(2):
        discs = [outline_distance(fit.params, columns, rows, lens) > -0.7 for fit in fits]
        for i, disc in enumerate(discs):
            touching = [j for j, other in enumerate(discs) if j != i and (other & disc).any()]
            nearer = [
                discs[j] for j in touching if _hides(evidence, fits[j], fits[i], discs[j] & disc)
            ]
            if touching:
                hidden = np.any([*nearer, np.zeros_like(disc)], axis=0)
                again = _fit(evidence, fits[i].color, fits[i].params, lens, hidden)
                fits[i] = again if again.confidence > 0.9 * fits[i].confidence else fits[i]
    return fits


def _hides(evidence: Evidence, first: _Fit, second: _Fit, both: np.ndarray) -> bool:
    """Return whether the first of two spheres is in front, from pixels both outlines hold.

    All spheres of a view are equally large, so the nearer one's outline is larger, and the
    pixels that they share show its colour.
    """
    mine, its = (
        float((evidence.member[fit.color] * (evidence.shade[fit.color] > 0.25))[both].sum())
        for fit in (first, second)
    )
    larger = np.log(first.params[2] / second.params[2])
    return bool((mine - its) / (mine + its + 3.0) + larger / 0.15 > 0)


def _found(fit: _Fit) -> FoundSphere:
    name = NAMES[fit.color]
    column, row, radius = (float(value) for value in fit.params[:3])
    gripper = name == "gripper_open" if name.startswith("gripper") else None
    return FoundSphere(_joint(fit.color), gripper, (column, row), radius, fit.confidence, fit.seen)
