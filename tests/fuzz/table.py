"""What came of the variants: counts by kind, and why some damages cannot be noticed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch

from .outcome import FAILURES, WORST_FIRST, Outcome

TO_EXPLAIN = ("accepted", "late")


@dataclass(frozen=True)
class Reason:
    """Why a damage need not be refused, or cannot be.

    Attributes:
        damage: pattern of its name.
        where: pattern of what was damaged.
        why: a sentence.
    """

    damage: str
    where: str
    why: str


NO_CHECKSUM = "files of other people, and shards, have no checksum: another number is a number"
ANY_SCENE = "any scene may be meant: replay says whether the actions succeed there, and how far off"
ANY_RESULT = "seconds, places and steps of a kept episode may be any"
NO_FILM_CHECKSUM = "films have no checksum, and pictures do not say when they were taken"
ANY_RECORDING = "an episode may have none, and what a person says in words may be anything"
ANY_RIG = "a camera may stand anywhere, and be of any kind"
NO_SENTENCE = "view shows an episode without its sentence; inspect and training refuse it"

REASONS: tuple[Reason, ...] = (
    Reason("tensors.another_text", "diffusion_half/data/*", NO_CHECKSUM),
    *(
        Reason(damage, where, NO_CHECKSUM)
        for damage in ("raw.*", "tensors.names", "tensors.converted")
        for where in ("base/*.safetensors", "diffusion/*.safetensors", "diffusion_half/data/*")
    ),
    *(
        Reason(damage, where, "the constants of a network or a scheduler are its maker's choice")
        for damage in ("jsons.another_*", "jsons.lost", "raw.*")
        for where in ("base/*config.json", "diffusion/*config.json")
    ),
    Reason("raw.*", "demos/*/scene_state.json", ANY_SCENE),
    Reason("jsons.*", "demos/*/scene_state.json", ANY_SCENE),
    Reason("jsons.*", "store/*/0*.json", ANY_RESULT),
    Reason("*", "demos/*/variation_descriptions.pkl", NO_SENTENCE),
    Reason("folders.sentences_gone", "demos", NO_SENTENCE),
    Reason("jsons.*", "grid/*/0*.json", ANY_RESULT),
    Reason("raw.*", "grid/*/0*.json", ANY_RESULT),
    Reason("raw.*", "recorded/*/recording.json", ANY_RECORDING),
    Reason("jsons.*", "recorded/*/recording.json", ANY_RECORDING),
    Reason("jsons.*", "foreign/calibration.json", ANY_RIG),
    Reason("raw.*", "foreign/calibration.json", ANY_RIG),
    Reason("raw.*", "foreign/videos/*", NO_FILM_CHECKSUM),
    Reason("films.backwards", "foreign/videos/*", NO_FILM_CHECKSUM),
    Reason("tables.other_numbers", "foreign/data/*", NO_CHECKSUM),
    Reason("tables.another_format", "lerobot/data/*", "tables may hold pictures as JPEG"),
    Reason("raw.swap", "recorded/*/low_dim_obs.pkl", "another episode's states are states"),
    Reason("raw.flip_bits", "recorded/*/low_dim_obs.pkl", NO_CHECKSUM),
    Reason("tables.black", "lerobot/data/*", "one dark picture among others is a picture"),
    Reason("raw.missing", "store/*.npz", "not every episode is recorded"),
    Reason("raw.swap", "demos/*.png", "which picture belongs where cannot be seen in it"),
    Reason("values.black", "demos/*.png", "one dark picture among others is a picture"),
    Reason("folders.swapped_views", "demos", "which camera took a picture cannot be seen in it"),
    Reason("folders.shuffled_frames", "demos", "pictures do not say when they were taken"),
    Reason("folders.huge_number", "demos", "under another name it is no episode; inspect notes it"),
    Reason("folders.not_utf8", "demos", "under another name it is no episode; inspect notes it"),
    Reason("folders.odd_digits", "demos", "a copy of an episode is an episode"),
    Reason("folders.folder_is_file", "demos", "a file is no episode; inspect calls it a problem"),
    Reason("folders.escapes", "demos", "a task may have any name that can be shown"),
    Reason("folders.another_task", "demos", "a task may have any name"),
    Reason("values.swapped_frames", "demos/*", "neighbours hardly differ; replay says how far off"),
    Reason("values.gripper", "demos/*", "half open is a state of a gripper, too"),
    Reason("values.lost_field", "demos/*", "without commands, the joints that were reached count"),
    Reason("models.betas", "*", "without betas a scheduler has its library's own"),
    Reason("models.other_words", "*", "which number a word has is a tokenizer's choice"),
)
"""The first one that fits holds."""


def reason(outcome: Outcome) -> Reason | None:
    """Return why it is well that a variant was accepted, `None` if nobody knows."""
    fits = (r for r in REASONS if fnmatch(outcome.damage, r.damage))
    return next((r for r in fits if fnmatch(outcome.where, r.where)), None)


def failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the variants that must not be: failures, and silence that nobody has explained."""
    return [
        each
        for each in outcomes
        if each.outcome in FAILURES or (each.outcome in TO_EXPLAIN and reason(each) is None)
    ]


def render(outcomes: list[Outcome]) -> str:
    """Return counts by kind and outcome, the worst columns first, and the reasons, as text."""
    counts: dict[str, Counter[str]] = {}
    for each in outcomes:
        counts.setdefault(each.damage, Counter())[each.outcome] += 1
    shown = [name for name in WORST_FIRST if any(count[name] for count in counts.values())]
    width = max(map(len, counts), default=4)
    lines = ["".ljust(width) + "".join(name.rjust(11) for name in shown)]
    for kind in sorted(counts):
        lines.append(kind.ljust(width) + _cells(counts[kind], shown))
    total = sum(counts.values(), Counter())
    lines.append(f"all {len(outcomes)}".ljust(width) + _cells(total, shown))
    return "\n".join(lines + _explained(outcomes))


def _explained(outcomes: list[Outcome]) -> list[str]:
    """Return a line for each reason, with how many variants it holds for."""
    count = Counter(reason(each) for each in outcomes if each.outcome in TO_EXPLAIN)
    unknown = count.pop(None, 0)
    lines = [f"{n} accepted, {r.damage} of {r.where}: {r.why}" for r, n in count.items()]
    return lines + ([f"{unknown} accepted, NOT EXPLAINED"] if unknown else [])


def _cells(count: Counter[str], shown: list[str]) -> str:
    return "".join((str(count[name]) if count[name] else ".").rjust(11) for name in shown)
