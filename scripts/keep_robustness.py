"""Keep a robustness grid's outcomes: `python scripts/keep_robustness.py FOLDER [OUT.json]`.

FOLDER is what `genima-lite robustness --out FOLDER` wrote. Of each episode one character is kept,
in data/results/robustness.json; notebook 08 reads it.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

from genima_lite.evaluation.committed import ERROR, FAILED, SOLVED
from genima_lite.evaluation.episode_store import EpisodeStore
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.files import read_json, write_json
from genima_lite.robustness import Robustness
from genima_lite.seeds import evaluation_seed
from genima_lite.shipped import DATA


def main() -> None:
    folder = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else DATA / "results/robustness.json"
    settings: dict[str, Any] = read_json(folder / "results.json")["settings"]
    outcomes: dict[str, dict[str, dict[str, str]]] = {}
    grid = Robustness(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    for condition in grid.conditions:
        store = EpisodeStore(folder / "episodes" / condition.replace(" ", "_"))
        for policy in grid.folders:
            row = outcomes.setdefault(policy, {}).setdefault(condition, {})
            for task in grid.tasks:
                row[task] = "".join(map(mark, store.load(policy, task, grid.episodes)[0]))
    made: dict[str, Any] = {"command": f"genima-lite robustness --episodes {grid.episodes}"}
    made["date"] = date.fromtimestamp((folder / "results.json").stat().st_mtime).isoformat()
    made |= {"settings": settings, "seeds": seeds(grid), "outcomes": outcomes}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, made)
    print(out)


def mark(result: EpisodeResult) -> str:
    if result.error is not None:
        return ERROR
    return SOLVED if result.success else FAILED


def seeds(grid: Robustness) -> list[int]:
    return [evaluation_seed(grid.seed, i) for i in range(grid.episodes)]


if __name__ == "__main__":
    main()
