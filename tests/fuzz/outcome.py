"""What can become of a variant."""

from dataclasses import dataclass

WORST_FIRST = (
    *("executed", "crash", "blow-up", "hang", "traceback", "accepted", "late"),
    *("refused", "harmless"),
)
FAILURES = WORST_FIRST[:5]


@dataclass(frozen=True)
class Outcome:
    """What became of a variant.

    Attributes:
        number: of the variant; with the seed it says all.
        damage: the kind.
        where: the damaged file or folder.
        outcome: the worst of all readers, see `WORST_FIRST`: "refused" with a sentence, "late"
            where training refuses what inspect called sound, "harmless" where everything is as
            with the sound victim, "accepted" where something else came out without a word.
        reader: which one.
        message: what it said.
    """

    number: int
    damage: str
    where: str
    outcome: str
    reader: str = ""
    message: str = ""
