"""Run many damaged variants and print a table; the exit code says whether all went well."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MPLBACKEND="Agg", HF_HUB_OFFLINE="1")

from .plan import FILES, damages
from .run import in_a_fork, run
from .table import failures, render
from .victims import build


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--variants", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of all of them")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of variants to run again")
    parser.add_argument("--of", nargs="+", help="victims that are damaged; by default all")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--victims", type=Path, help="folder in which victims are kept")
    parser.add_argument("--log", type=Path, help="gets a line of JSON a variant")
    given = parser.parse_args()
    numbers = given.only or list(range(given.variants))
    with tempfile.TemporaryDirectory() as scratch:
        work = _victims(given.victims or Path(scratch) / "victims")
        found = []
        kinds = [each for each in damages(given.seed) if each.victim in (given.of or FILES)]
        for outcome in run(work, given.seed, numbers, given.processes, kinds):
            found.append(outcome)
            if given.log:
                with given.log.open("a", encoding="utf-8") as log:
                    log.write(f"{outcome}\n")
    print(render(found))
    wrong = failures(found)
    for each in sorted(wrong, key=lambda each: each.damage):
        print(f"--seed {given.seed} --only {each.number}: {each.outcome}, {each.damage} of "
              f"{each.where!r}, {each.reader}: {each.message}")  # fmt: skip
    print(f"{len(found)} variants, seed {given.seed}: {len(wrong)} wrong")
    return 1 if wrong else 0


def _victims(work: Path) -> Path:
    """Make the victims, unless they are there."""
    if not (work / "store").exists():
        work.mkdir(parents=True)
        in_a_fork(lambda: build(work))
    return work.resolve()


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    sys.exit(main())
