"""Damages data, checkpoints and models on purpose, and watches what reads them.

`python -m tests.fuzz --variants 5000 --seed 1` runs many variants and prints a table; `--only 37`
runs one of them again. Follow a variant: `victims` makes what is damaged, a function of `pickles`,
`jsons`, `tensors`, `folders`, `values`, `models` or `raw` damages it (`plan` has all), in a process
of its own (`inside`) in which `readers` read it as commands do; `run` watches time, memory and
signals, `table` counts. Linux only: it forks and reads /proc.
"""
