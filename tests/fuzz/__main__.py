"""Run many damaged variants and print a table; the exit code says whether all went well."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # before torch is imported
    os.environ.update(OMP_NUM_THREADS="1", MPLBACKEND="Agg", HF_HUB_OFFLINE="1")

from .log import Log, code
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
    parser.add_argument("--victims", type=Path, help="folder in which one run keeps victims")
    parser.add_argument("--log", type=Path, help="gets a line of JSON a variant; a run with the "
                        "same seed and code goes on after them")  # fmt: skip
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        log = Log(given.log or Path(scratch) / "log", given.seed, given.of or FILES)
        numbers = given.only or range(given.variants)
        kept = {} if given.only else log.kept()
        found = [kept[number] for number in numbers if number in kept]
        todo = [number for number in numbers if number not in kept]
        kinds = [each for each in damages(given.seed) if each.victim in (given.of or FILES)]
        if todo:
            work = _victims(given.victims or Path(scratch) / "victims")
            for outcome in run(work, given.seed, todo, given.processes, kinds):
                found.append(outcome)
                log.add(outcome)
    print(render(found))
    wrong = failures(found)
    for each in sorted(wrong, key=lambda each: each.damage):
        print(f"--seed {given.seed} --only {each.number}: {each.outcome}, {each.damage} of "
              f"{each.where!r}, {each.reader}: {each.message}")  # fmt: skip
    print(f"{len(found)} variants, seed {given.seed}: {len(wrong)} wrong")
    return 1 if wrong else 0


def _victims(work: Path) -> Path:
    """Make the victims, unless this code has made them there; remove what a killed run left."""
    made_by = work / "code"
    if work.exists() and not (made_by.exists() and made_by.read_text() == code()):
        sys.exit(f"{work}: not made by this code; delete it")
    for left in (*work.glob("variant*"), *work.glob("sound")):
        shutil.rmtree(left)
    if not work.exists():
        work.mkdir(parents=True)
        in_a_fork(lambda: build(work))
        made_by.write_text(code())
    return work.resolve()


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    sys.exit(main())
