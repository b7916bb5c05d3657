"""`python -m genima_lite` is the command `genima-lite`, for `torchrun -m` among others."""

from genima_lite.cli import main

main()
