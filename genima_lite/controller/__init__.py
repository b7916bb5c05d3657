"""Stage 2: the controller that turns drawn joint targets into joint actions (paper, 3.2).

Follow a sample through the files: `sources` gives it, from motions and demonstrations whose targets
are drawn on `backgrounds`, or from `decisions` that are kept; `augment` corrupts the pictures as a
diffusion model would, `normalise` scales joints, `data` makes batches, `act` predicts, `loss`
compares, `train` repeats, `checkpoint` stores, and `run` is all of it.
"""
