"""Which damages there are, of which file of which victim; a variant is a number and a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import films, folders, jsons, models, pickles, raw, tables, tensors, values

EPISODE = "push_button/variation0/episodes/episode*"
FILES = {
    "demos": (f"{EPISODE}/low_dim_obs.pkl", f"{EPISODE}/scene_state.json", f"{EPISODE}/*/*.png",
              "push_button/variation0/*.pkl", "provenance.json"),
    "base": ("*.json", "*/*.json", "*/*.safetensors"),
    "controller": ("controller.json", "controller.safetensors"),
    "controller_half": ("provenance.json", "training.safetensors"),
    "diffusion": ("genima.json", "model_index.json", "*/*.json", "*/*.safetensors"),
    "diffusion_half": ("provenance.json", "training.safetensors", "data/*/*"),
    "store": ("expert/push_button/*",),
    "recorded": (f"{EPISODE}/recording.json", f"{EPISODE}/low_dim_obs.pkl"),
    "lerobot": ("meta/info.json", "meta/tasks.parquet", "meta/episodes/*/*.parquet",
                "data/*/*.parquet", "rlbench/*.json", "rlbench/*.parquet"),
    "foreign": ("calibration.json", "videos/*/*/*.mp4", "data/*/*.parquet"),
    "grid": ("provenance.json", "episodes/*/expert/push_button/*"),
}  # fmt: skip
"""By victim, what of it is read."""

Change = Callable[[Path, np.random.Generator], None]


@dataclass(frozen=True)
class Damage:
    """One kind of damage.

    Attributes:
        name: matter and function, such as "values.degrees".
        victim: whose folder is damaged.
        pattern: of the files in it of which one is damaged; empty for the folder itself.
        change: damages a file, or the folder.
    """

    name: str
    victim: str
    pattern: str
    change: Change

    def apply(self, folder: Path, rng: np.random.Generator) -> str:
        """Damage a copy of the victim; return what was damaged."""
        if not self.pattern:
            self.change(folder, rng)
            return self.victim
        files = [path for path in sorted(folder.glob(self.pattern)) if path.is_file()]
        path = files[rng.integers(len(files))]
        self.change(path, rng)
        return f"{self.victim}/{path.relative_to(folder).as_posix()}"


def damages(seed: int) -> list[Damage]:
    """Return all kinds in an order of the seed: any few in a row are of many matters."""
    matters = (_raw(), _jsons(), _tensors(), _pickles(), _values(), _folders(), _models())
    matters = (*matters, _tables(), _films())
    found = [damage for matter in matters for damage in matter]
    return [found[i] for i in np.random.default_rng(seed).permutation(len(found))]


def _of(matter, change, victim, pattern="", how=None):
    def put_in(path: Path, rng: np.random.Generator) -> None:
        how(path, rng, change)

    return Damage(f"{matter}.{change.__name__}", victim, pattern, put_in if how else change)


def _raw():
    for number, change in enumerate(raw.DAMAGES):
        for victim, patterns in FILES.items():
            yield _of("raw", change, victim, patterns[number % len(patterns)])


def _jsons():
    places = [(v, p) for v, patterns in FILES.items() for p in patterns if p.endswith(".json")]
    places.append(("store", "expert/push_button/0*.json"))
    places.append(("grid", "episodes/*/expert/push_button/0*.json"))
    for change in jsons.DAMAGES:
        for victim, pattern in places:
            yield _of("jsons", change, victim, pattern)


def _tensors():
    places = [(v, p) for v, patterns in FILES.items() for p in patterns if "safetensors" in p]
    places.append(("diffusion_half", "data/demonstrations/*.safetensors"))
    for change in tensors.DAMAGES:
        for victim, pattern in places:
            yield _of("tensors", change, victim, pattern)


def _pickles():
    for change in pickles.VALUES:
        states = _of("pickles", change, "demos", FILES["demos"][0], pickles.damage_states)
        yield from (states, states)
        yield _of("pickles", change, "demos", FILES["demos"][3], pickles.damage_sentences)


def _values():
    for change in values.STATES:
        states = _of("values", change, "demos", FILES["demos"][0], values.damage_states)
        yield from (states, states)
    for change in values.PICTURES:
        yield _of("values", change, "demos", f"{EPISODE}/*_rgb/*.png")
        yield _of("values", change, "demos", f"{EPISODE}/*_[dm]*/*.png")


def _folders():
    for change in folders.DAMAGES:
        yield _of("folders", change, "demos")


def _models():
    for change in models.DIFFUSION:
        yield _of("models", change, "base")
        yield _of("models", change, "diffusion")
    for change in models.CONTROLLER:
        yield _of("models", change, "controller")
    yield _of("models", models.metadata, "diffusion")


def _tables():
    places = [(v, p) for v, patterns in FILES.items() for p in patterns if p.endswith(".parquet")]
    for change in tables.DAMAGES:
        for victim, pattern in places:
            yield _of("tables", change, victim, pattern)
    for change in tables.PICTURES:
        yield _of("tables", change, "lerobot", "data/*/*.parquet", tables.damage_picture)


def _films():
    for change in films.DAMAGES:
        yield _of("films", change, "foreign", "videos/*/*/*.mp4")
