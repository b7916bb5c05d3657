# %% [markdown]
# # Two exercises, to try graders on

# %% tags=["setup"]
from genima_lite.checks.course import begin

rng = begin()

# %% [markdown] exercise="double" difficulty=1 minutes=5
# ### Exercise 1: Double
# Twice as much.
#
# <details><summary>Hint</summary>Add.</details>


# %% solution="double"
def double(x: float) -> float:
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% check="double" points=2
from genima_lite.checks import close

close(double(2), 4, "is it twice as much?")
### BEGIN HIDDEN TESTS
close(double(3.5), 7, "is it twice as much?")
### END HIDDEN TESTS

# %% [markdown] why="double"
# Two times.

# %% [markdown] exercise="halve" difficulty=1 minutes=5
# ### Exercise 2: Halve
# Half as much.
#
# <details><summary>Hint</summary>Divide.</details>


# %% solution="halve"
def halve(x: float) -> float:
    """Return half of x."""
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION


# %% check="halve" points=3
close(halve(4), 2, "is it half as much?")
### BEGIN HIDDEN TESTS
close(halve(3), 1.5, "what about odd numbers?")
### END HIDDEN TESTS

# %% [markdown] why="halve"
# One divided by two.
