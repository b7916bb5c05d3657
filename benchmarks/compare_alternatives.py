"""ControlNet, LoRA, pix2pix and the future picture, short and alike; the table of notebook 05.

    python benchmarks/compare_alternatives.py --out runs/alternatives

Records demonstrations of one task, trains each row of `genima_lite.checks.alternatives` on them for
as many samples, and measures it on held-out ones. Killed and started again it goes on.

    --out DIR     keeps everything; `alternatives.json` in it is the table
    --rows A,B    which (default all)
    --steps N     of each (default 120)
    --seeds A,B   each row once with every one (default 0)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from genima_lite.checks.alternatives import (
    DEMOS,
    FILE,
    HELD_OUT,
    ROWS,
    STEPS,
    Row,
    measured,
    short_run,
    write_rows,
)
from genima_lite.demos.collect import collect
from genima_lite.diffusion.finetune import finetune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", default="0")
    words = parser.parse_args()
    for name, config in (("demos", DEMOS), ("held_out", HELD_OUT)):
        list(collect(words.out / name, config.tasks, config.episodes, config.settings))
    command = (
        f"python benchmarks/compare_alternatives.py --out runs/alternatives --steps {words.steps} "
        f"--seeds {words.seeds}"
    )
    rows: list[Row] = []
    for seed in map(int, words.seeds.split(",")):
        for name in words.rows.split(","):
            config = short_run(name, words.out / "demos", words.steps, seed)
            folder = words.out / f"{name.replace(' ', '_')}_{seed}"
            finetune(folder, config)
            rows.append(measured(name, folder, words.out / "held_out", config))
            write_rows(words.out / Path(FILE).name, command, rows)
            Console().print(rows[-1])
    Console().print(_table(rows))


def _table(rows: list[Row]) -> Table:
    columns = ("seed", "weights", "seconds", "missed", "95 %", "change left", "95 %")
    table = Table(Column("row", no_wrap=True), *columns)
    for row in rows:
        missed = ("-", "-")
        if row.missed is not None and row.missed_interval is not None:
            missed = (f"{row.missed:.1%}", "{:.1%} to {:.1%}".format(*row.missed_interval))
        left = (f"{row.left:.2f}", "{:.2f} to {:.2f}".format(*row.left_interval))
        cost = (str(row.seed), f"{row.trained / 1e6:.2f} M", f"{row.seconds:.0f}")
        table.add_row(row.name, *cost, *missed, *left)
    return table


if __name__ == "__main__":
    main()
