"""The report of `inspect_dataset` for people."""

from __future__ import annotations

from typing import Any


def render_report(report: dict[str, Any]) -> str:
    """Return the report of `inspection.inspect_dataset` as plain text, several lines."""
    frames = report["frames"]
    lines = [
        report["root"],
        f"episodes: {report['episodes']}, frames: {frames['total']} "
        f"({frames['min']} to {frames['max']} an episode)",
        "",
        "Tasks",
        *_task_lines(report["tasks"]),
        "",
        "Images",
        *_image_lines(report["images"]),
        "",
        "Fields missing: " + (", ".join(report["fields"]["missing"]) or "none"),
        *_entry_lines("Notes", report["notes"]),
        *_entry_lines("Problems", report["problems"]),
    ]
    return "\n".join(lines)


def _task_lines(tasks: dict[str, dict[str, Any]]) -> list[str]:
    lines = []
    for task, variations in tasks.items():
        for variation, facts in variations.items():
            counts = f"episodes: {facts['episodes']}, frames: {facts['frames']}"
            first = (facts["descriptions"] or ["(no descriptions)"])[0]
            lines.append(f"  {task}/{variation}: {counts}, {first}")
    return lines


def _image_lines(images: dict[str, dict[str, Any]]) -> list[str]:
    if not images:
        return ["  none"]
    return [
        f"  {name}: {facts['images']} images, {', '.join(facts['sizes']) or 'none readable'}"
        for name, facts in images.items()
    ]


def _entry_lines(title: str, entries: list[dict[str, str]]) -> list[str]:
    lines = ["", f"{title}: {len(entries) or 'none'}"]
    return lines + [f"  {entry['path']}: {entry['message']}" for entry in entries]
