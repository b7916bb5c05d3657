"""Draw the table's wood: `python scripts/make_wood.py genima_lite/envs/bench/assets/wood.png`."""

import sys

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

SIZE = 512
PLANKS = 5
LIGHT, DARK = np.array([218.0, 178.0, 112.0]), np.array([176.0, 132.0, 74.0])


def grain(rng: np.random.Generator) -> np.ndarray:
    """Return a (SIZE, SIZE) picture in [0, 1]: stretched noise bent by a slow wave."""
    fine = gaussian_filter(rng.standard_normal((SIZE, SIZE)), (1.2, 40), mode="wrap")
    slow = gaussian_filter(rng.standard_normal((SIZE, SIZE)), (8, 120), mode="wrap")
    bend = gaussian_filter(rng.standard_normal((SIZE, SIZE)), 50, mode="wrap")
    rows, columns = np.indices((SIZE, SIZE)).astype(float)
    bent = map_coordinates(fine, [rows + 6 * bend / bend.std(), columns], order=1, mode="wrap")
    mixed = bent / bent.std() + 1.2 * slow / slow.std()
    return np.clip(0.5 + 0.10 * mixed, 0, 1)


def wood(seed: int = 0) -> np.ndarray:
    """Return a (SIZE, SIZE, 3) uint8 picture of planks."""
    rng = np.random.default_rng(seed)
    tone = grain(rng)
    plank = np.arange(SIZE) * PLANKS // SIZE
    tone = np.clip(tone + rng.uniform(-0.06, 0.06, PLANKS)[plank][:, None], 0, 1)
    seam = np.isin(np.arange(SIZE) % (SIZE // PLANKS), [0, 1])
    tone[seam] += 0.3
    tone = np.clip(tone, 0, 1)[..., None]
    return (LIGHT * (1 - tone) + DARK * tone).astype(np.uint8)


if __name__ == "__main__":
    Image.fromarray(wood()).save(sys.argv[1], optimize=True)
