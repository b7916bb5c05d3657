"""Stage 2: the controller that axes drawn joint targets into joint actions (paper, 3.2).

Follow a sample through the files: `motion` makes arm motions without a scene, `data` draws their
targets, `augment` corrupts the pictures as a diffusion model would, `normalise` scales joints,
`act` predicts, `loss` compares, `train` repeats, `checkpoint` stores, `policies` drives the arm.
"""
