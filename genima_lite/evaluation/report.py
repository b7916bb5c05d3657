"""One folder that shows an evaluation: report.html with figures and films, and results.json."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genima_lite import __version__
from genima_lite.demos.object_positions import demonstrated_places
from genima_lite.doctor import installed, memory_gb
from genima_lite.envs.api import BENCH
from genima_lite.errors import UserError
from genima_lite.evaluation import pages
from genima_lite.evaluation.pages import Assets
from genima_lite.evaluation.recording import Recording
from genima_lite.evaluation.statistics import mean_over_tasks
from genima_lite.files import write_json, written_whole
from genima_lite.observation import CONTROL_PERIOD
from genima_lite.viz.drawn_strip import drawn_strip
from genima_lite.viz.figure import Figure
from genima_lite.viz.pose_scatter import Positions, pose_scatter
from genima_lite.viz.report_figures import curves_figure, success_figure, time_figure

PACKAGES = ("mujoco", "numpy", "torch", "diffusers", "transformers")
"""Whose versions a report states, beside Python's and our own."""

FEW = 10
"""With fewer episodes of a task its rate may look like a ranking, and is none."""

Documents = Mapping[str, Mapping[str, Any]]
"""By policy, what `genima_lite.evaluation.statistics.results_document` gives."""


def write_report(
    folder: Path | str,
    documents: Sequence[Mapping[str, Any]],
    recordings: Sequence[Recording] = (),
    training: Mapping[str, Any] | None = None,
    demonstrations: Path | str | None = None,
    title: str = "Evaluation",
) -> Path:
    """Write an evaluation's report and return the path of its page.

    Args:
        folder: made if it is not there; files of the same names are replaced.
        documents: one a policy, as `genima_lite.evaluation.statistics.results_document` gives
            them. Their settings may hold `label`, what to call the policy, and `command`, what was
            typed,
            and `backend`.
        recordings: by `genima_lite.evaluation.recording.Recorder`, of any of the policies.
        training: may hold `minutes`, by stage, and `curves`, a list of `label`, `minutes`,
            `y` and maybe `panel`; see `genima_lite.viz.report_figures.curves_figure`.
        demonstrations: a dataset made by collect, whose pieces are shown beside the evaluation's.
        title: of the page.

    Raises:
        UserError: no documents, or a broken dataset.
    """
    if not documents:
        raise UserError("nothing to report: give the results of at least one evaluation")
    folder, assets, training = Path(folder), Assets(Path(folder)), training or {}
    folder.mkdir(parents=True, exist_ok=True)
    named = _named(documents)
    produced = produced_by()
    content = {"policies": _results(named), "training": training, "produced_by": produced}
    write_json(folder / "results.json", content)
    sections = [
        _success(named, assets),
        _drawings(named, recordings, assets),
        _films(recordings, assets),
        _places(named, demonstrations, assets),
        _times(named, training.get("minutes"), assets),
        _curves(training.get("curves"), assets),
        _produced(named, produced),
    ]
    path = folder / "report.html"
    with written_whole(path) as partial:
        partial.write_text(pages.page(title, _lead(named), sections), encoding="utf-8")
    return path


def produced_by() -> dict[str, str]:
    """Return what this runs on: versions by package, and the machine."""
    versions = {name: installed(name) for name in PACKAGES}
    memory = memory_gb()
    return {
        "genima-lite": __version__,
        "Python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
        "system": f"{platform.system()} {platform.machine()}",
        "processor cores": str(os.cpu_count()),
        **({"memory": f"{memory:.0f} GB"} if memory else {}),
    }


def _named(documents: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return documents by a name of their own."""
    named: dict[str, Mapping[str, Any]] = {}
    for document in documents:
        settings = document["settings"]
        base = name = str(settings.get("label") or settings["policy"])
        count = 1
        while name in named:
            count += 1
            name = f"{base} ({count})"
        named[name] = document
    return named


def _results(named: Documents) -> dict[str, Any]:
    """Return the documents with the mean over tasks in each."""
    return {
        name: {**document, "mean_over_tasks": mean_over_tasks(document["summary"])}
        for name, document in named.items()
    }


def _lead(named: Documents) -> str:
    tasks = {task for document in named.values() for task in document["summary"]}
    episodes = sum(len(document["episodes"]) for document in named.values())
    return (
        f"{_count(len(named), 'policy', 'policies')} on {_count(len(tasks), 'task')}: "
        f"{_count(episodes, 'closed-loop episode')} in simulation, with seeds that no training "
        "episode has. Every number is also in results.json."
    )


def _success(named: Documents, assets: Assets) -> str:
    """Return rates as a chart and a table, then what is folded: variations and failures."""
    summaries = {name: document["summary"] for name, document in named.items()}
    caption = (
        "Share of episodes that reached the task's goal within its step limit. Bars are 95 % "
        "Wilson intervals; where two of them overlap widely, the episodes do not tell the "
        f"policies apart.{_too_few(summaries)}"
    )
    return pages.section(
        "Success",
        _chart(assets, "success", success_figure(summaries), caption),
        _success_table(summaries),
        pages.details("Success by variation", *map(_variations, named, summaries.values())),
        pages.details("Failed episodes and their seeds", _failures(summaries)),
        _errors(named),
    )


def _too_few(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a warning where a task has too few episodes for a ranking, else nothing."""
    least = min((row["n"] for rows in summaries.values() for row in rows.values()), default=FEW)
    if least >= FEW:
        return ""
    return f" With {_count(least, 'episode')} of a task no rate of a single task ranks policies."


def _success_table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    tasks = list(dict.fromkeys(task for summary in summaries.values() for task in summary))
    rows: list[list[pages.Cell]] = []
    for task in tasks:
        cells = [_rate(summary.get(task)) for summary in summaries.values()]
        rows.append([_words(task), *cells])
    means = [_rate(mean_over_tasks(summary)) for summary in summaries.values()]
    rows.append(["mean over tasks", *means])
    caption = (
        "Success rate, then its 95 % Wilson interval in percent and solved / tried. The last row "
        "counts all tasks the same; its interval is that of all episodes together."
    )
    return pages.table(["task", *summaries], rows, caption, "total")


def _rate(row: Mapping[str, Any] | None) -> pages.Cell:
    """Return a cell of rate, interval and counts, from a summary's row."""
    if row is None or row["rate"] is None:
        return "–"
    interval = row["interval_95"]
    between = f"{100 * interval[0]:.0f}–{100 * interval[1]:.0f}, " if interval else ""
    return f"{row['rate']:.1%}", f"{between}{row['successes']}/{row['n']}"


def _variations(name: str, summary: Mapping[str, Any]) -> str:
    """Return one policy's table of solved / tried, a column a variation."""
    numbers = sorted({int(v) for row in summary.values() for v in row["by_variation"]})
    rows = []
    for task, row in summary.items():
        counts = [row["by_variation"].get(str(number)) for number in numbers]
        cells = [f"{each['successes']}/{each['n']}" if each else "" for each in counts]
        rows.append([_words(task), *cells])
    caption = f"{name}: solved / tried, by the number of the task's variation."
    return pages.table(["task", *map(str, numbers)], rows, caption)


def _failures(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [name, _words(task), str(each["variation"]), str(each["seed"]), str(each["steps"])]
        + [f"refused: {each['refusal']}" if each["refusal"] else "goal not reached"]
        for name, summary in summaries.items()
        for task, row in summary.items()
        for each in row["failures"]
    ]
    if not rows:
        return pages.paragraph("No episode failed.")
    caption = "The seed and the variation start the same episode again."
    head = ["policy", "task", "variation", "seed", "steps", "why"]
    return pages.table(head, rows, caption, "words")


def _errors(named: Documents) -> str:
    """Return the episodes that ended with an error, which no rate counts."""
    rows = [
        [name, _words(each["task"]), str(each["variation"]), str(each["seed"]), each["error"]]
        for name, document in named.items()
        for each in document["errors"]
    ]
    if not rows:
        return ""
    count = _count(len(rows), "episode")
    caption = f"{count} ended with an error; no rate above counts them."
    head = ["policy", "task", "variation", "seed", "error"]
    return pages.heading("Errors") + pages.table(head, rows, caption, "words")


def _drawings(named: Documents, recordings: Sequence[Recording], assets: Assets) -> str:
    """Return filmstrips of drawn targets beside the true ones."""
    drawn = [each for each in recordings if any(step.drawn for step in each.steps)]
    body = [_strips(task, drawn, assets) for task in dict.fromkeys(e.result.task for e in drawn)]
    if body:
        body.insert(0, pages.paragraph(_HOW_TO_READ_STRIPS))
    watched = {each.policy for each in recordings}
    for name in named:
        why = "it draws no targets" if name in watched else "no episode of it was recorded"
        if name not in {each.policy for each in drawn}:
            body.append(pages.paragraph(f"No filmstrip of {name}: {why}."))
    return pages.section("What was drawn", *body)


_HOW_TO_READ_STRIPS = (
    "Each column is one decision: four views, tiled (wrist, front, right shoulder, left "
    "shoulder). The spheres say where four points of the arm should be a second later, or at the "
    "next keyframe. Compare drawn and true: is every sphere there, in the right place, with "
    "the right stripes, and is the gripper's sphere of the right colour? True targets come from "
    "the expert's plan, at its posture nearest to the arm's."
)


def _strips(task: str, recordings: Sequence[Recording], assets: Assets) -> str:
    """Return a task's filmstrips: the first of each policy, the others folded."""
    shown: list[str] = []
    folded: list[str] = []
    seen: set[str] = set()
    for each in (each for each in recordings if each.result.task == task):
        title = f"{_words(task)}, {each.policy}"
        figure = drawn_strip(each.steps, title, each.instruction)
        stem = f"drawn_{task}_{each.policy}_{each.result.seed}"
        caption = f"{each.policy}, {_outcome(each)}. Below each column: seconds into the episode."
        html = _chart(assets, stem, figure, caption, "strip")
        (folded if each.policy in seen else shown).append(html)
        seen.add(each.policy)
    more = [pages.details(f"{len(folded)} more of {_words(task)}", *folded)] if folded else []
    return pages.heading(_words(task)) + "".join(shown + more)


def _films(recordings: Sequence[Recording], assets: Assets) -> str:
    filmed = [each for each in recordings if each.film is not None]
    if not filmed:
        return pages.section("Rollouts", pages.paragraph("No episode was filmed."))
    body = [
        pages.paragraph(
            "The front camera at real speed; on the right, for policies that see pictures, what "
            "the controller was given at its last decision. A film stands at its last frame "
            "until it is played."
        )
    ]
    for task in dict.fromkeys(each.result.task for each in filmed):
        group = [each for each in filmed if each.result.task == task]
        body += [pages.heading(_words(task)), pages.films(*(_film(e, assets) for e in group))]
    return pages.section("Rollouts", *body)


def _film(recording: Recording, assets: Assets) -> str:
    assert recording.film is not None
    assert recording.last is not None
    stem = f"film_{recording.result.task}_{recording.policy}_{recording.result.seed}"
    name, poster = assets.film(stem, recording.film), assets.picture(stem, recording.last)
    caption = f"{recording.policy}, {_outcome(recording)}: “{recording.instruction}”"
    height, width = recording.last.shape[:2]
    return pages.film(name, poster, (height, width), caption)


def _outcome(recording: Recording) -> str:
    result = recording.result
    how = "solved" if result.success else "refused" if result.refusal else "failed"
    return f"{how} after {result.steps * CONTROL_PERIOD:.1f} s (seed {result.seed})"


def _places(named: Documents, demonstrations: Path | str | None, assets: Assets) -> str:
    """Return each task's table from above; nothing where nobody can tell."""
    tasks = dict.fromkeys(task for document in named.values() for task in document["summary"])
    body = [
        pages.paragraph(
            "Where each piece stood at the start, from above. Look for failures that gather in "
            "one corner, or outside of what the demonstrations cover."
        )
    ]
    backend = next(iter(named.values()))["settings"].get("backend", BENCH)
    for task in tasks:
        known = demonstrated_places(demonstrations, task, backend) if demonstrations else []
        positions = _positions(named, task)
        if not known and not any(places for each in positions.values() for places, _ in each):
            continue
        figure = pose_scatter(positions, known)
        grey = "; grey: where they stood in the demonstrations" if known else ""
        caption = f"Green circles: solved; orange crosses: failed{grey}."
        body.append(pages.heading(_words(task)))
        body.append(_chart(assets, f"places_{task}", figure, caption, "strip"))
    return pages.section("Where the pieces stood", *body) if len(body) > 1 else ""


def _positions(named: Documents, task: str) -> dict[str, list[tuple[Positions, bool]]]:
    """Return start positions and success of a task's episodes, by policy."""
    return {
        name: [(e["objects"], e["success"]) for e in document["episodes"] if e["task"] == task]
        for name, document in named.items()
        if task in document["summary"]
    }


def _times(named: Documents, minutes: Mapping[str, float] | None, assets: Assets) -> str:
    per_decision = {name: _seconds(doc, "decisions") for name, doc in named.items()}
    per_episode = {name: _seconds(doc, None) for name, doc in named.items()}
    figure = time_figure(per_decision, per_episode, minutes)
    caption = (
        "Wall-clock seconds on this machine, mean over episodes. Environment: simulation and "
        "camera pictures; draw and control: the policy's two stages; policy: the rest of its "
        "time. A decision is executed for up to one second, so a robot would stand still for "
        "what a decision takes beside the environment."
    )
    stages = list(dict.fromkeys(stage for parts in per_decision.values() for stage in parts))
    rows = [
        [name, *(f"{parts[stage]:.3f}" if stage in parts else "–" for stage in stages)]
        for name, parts in per_decision.items()
    ]
    numbers = pages.table(["policy", *stages], rows, "Seconds a decision, by stage.")
    return pages.section(
        "Time",
        _chart(assets, "time", figure, caption),
        pages.details("The numbers", numbers),
    )


def _seconds(document: Mapping[str, Any], per: str | None) -> dict[str, float]:
    """Return mean seconds by stage: per decision, or where `per` is `None` per episode."""
    episodes = document["episodes"]
    count = sum(each[per] for each in episodes) if per else len(episodes)
    stages = dict.fromkeys(stage for each in episodes for stage in each["seconds"])
    return {
        stage: sum(each["seconds"].get(stage, 0.0) for each in episodes) / max(count, 1)
        for stage in stages
    }


def _curves(curves: Sequence[Mapping[str, Any]] | None, assets: Assets) -> str:
    if not curves:
        return ""
    caption = (
        "Over minutes of training on the machine that trained. Is a curve still falling at its "
        "end? Then longer training would help; a validation curve that rises again says stop."
    )
    return pages.section(
        "Learning curves", _chart(assets, "learning_curves", curves_figure(curves), caption)
    )


def _produced(named: Documents, produced: Mapping[str, str]) -> str:
    """Return command lines, seeds, versions and machine."""
    body = []
    for name, document in named.items():
        seeds = [seed for row in document["summary"].values() for seed in row["seeds"]]
        per_task = sorted({row["n"] for row in document["summary"].values()})
        episodes = " or ".join(map(str, per_task)) or "no"
        text = f"{name}: {episodes} episodes a task"
        text += f", seeds {min(seeds)} to {max(seeds)}, odd ones only." if seeds else "."
        body.append(pages.paragraph(text))
        if command := document["settings"].get("command"):
            body.append(pages.code(command))
    caption = "Written with these versions, on this machine."
    body.append(pages.table(["what", "which"], list(produced.items()), caption, "words"))
    return pages.section("What produced this", *body)


def _chart(assets: Assets, stem: str, figure: Figure, caption: str, kind: str = "chart") -> str:
    """Write a figure's file and return it as HTML."""
    inches = float(figure.get_size_inches()[0])
    return pages.image(assets.figure(stem, figure), _words(stem), caption, inches, kind)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
