"""Seeds of episodes: those for training are even, those for evaluation odd, so they never meet."""

from __future__ import annotations

from genima_lite.errors import UserError

MAX_EPISODES = 1_000_000
MAX_ATTEMPTS = 10


def check_episodes(episodes: int) -> None:
    """Refuse numbers of episodes for which there are no seeds.

    Raises:
        UserError: see above.
    """
    if not 1 <= episodes <= MAX_EPISODES:
        raise UserError(f"episodes is {episodes}; give 1 to {MAX_EPISODES}")


def training_seed(base: int, episode: int, attempt: int = 0) -> int:
    """Return the environment seed of a demonstration.

    Args:
        base: the user's seed for the whole collection.
        episode: from 0 up to `MAX_EPISODES`, counted over a task's variations.
        attempt: from 0 up to `MAX_ATTEMPTS`; later ones stand in where the expert failed.

    Raises:
        ValueError: a number out of range.
    """
    if base < 0 or not 0 <= episode < MAX_EPISODES or not 0 <= attempt < MAX_ATTEMPTS:
        raise ValueError(f"no training seed for {base=}, {episode=}, {attempt=}")
    return 2 * ((base * MAX_EPISODES + episode) * MAX_ATTEMPTS + attempt)


def evaluation_seed(base: int, episode: int) -> int:
    """Return the environment seed of an evaluation episode; `base + episode` counts them all.

    Raises:
        ValueError: a negative number.
    """
    if base < 0 or episode < 0:
        raise ValueError(f"no evaluation seed for {base=}, {episode=}")
    return 2 * (base + episode) + 1
