"""Compare our targets with reference pictures: `python benchmarks/compare_targets.py DIR`.

DIR holds `.npz` files in the format of `tests/data/reference_spheres`. Prints how well every
picture matches, the worst and the mean, and exits with 1 where one is beyond the limits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.errors import UserError
from genima_lite.targets.reference import LEAST_IOU, MOST_COLOR_ERROR, compare, read_reference


def measure(folder: Path) -> dict[str, tuple[float, float]]:
    """Return mask IoU and colour error by file name."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise UserError(f"{folder}: no .npz files in it")
    references = {path.name: read_reference(path) for path in paths}
    return {name: compare(each.draw(), each.image) for name, each in references.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    try:
        results = measure(parser.parse_args().folder)
    except UserError as error:
        sys.exit(str(error))
    table = Table("picture", "mask IoU", "colour error", title="our renderer and the reference")
    for name, (iou, error) in results.items():
        table.add_row(name, f"{iou:.4f}", f"{error:.2f}")
    overlaps, errors = np.array(list(results.values())).T
    table.add_section()
    table.add_row("worst", f"{overlaps.min():.4f}", f"{errors.max():.2f}")
    table.add_row("mean", f"{overlaps.mean():.4f}", f"{errors.mean():.2f}")
    table.add_row("limit", f">= {LEAST_IOU}", f"<= {MOST_COLOR_ERROR}")
    Console().print(table)
    if overlaps.min() < LEAST_IOU or errors.max() > MOST_COLOR_ERROR:
        sys.exit(1)


if __name__ == "__main__":
    main()
