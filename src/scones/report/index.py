"""`runs/index.html`: the figures of all runs of a folder, with their trend. Pure; writes no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from scones.report.html import environment

WIDTH, HEIGHT, MARGIN = 480, 80, 8
# Where a figure is in `summary.json`. Earlier versions lack some of them.
FIGURES = {
    "started_at": ("release", "started_at"),
    "status": ("release", "status"),
    "accuracy": ("model", "accuracy"),
    "executions": ("workflow", "executions"),
    "accepted": ("workflow", "accepted"),
    "review": ("workflow", "review"),
    "failed": ("workflow", "failed"),
}


class RunRow(TypedDict):
    """The figures of one run, None where its summary has none; `folder` is relative to the page."""

    folder: str
    started_at: str | None
    status: str | None
    accuracy: float | None
    executions: float | None
    accepted: float | None
    review: float | None
    failed: float | None


def render_index(summaries: Mapping[str, object]) -> str:
    """Return the page as HTML5; `summaries` maps a run's folder to the content of its `summary.json`."""
    rows = sorted((run_row(folder, summary) for folder, summary in summaries.items()), key=_time)
    measured = [row["accuracy"] for row in rows if row["accuracy"] is not None]
    content = {"rows": rows[::-1], "points": trend(measured), "width": WIDTH, "height": HEIGHT, "measured": measured}
    return environment().get_template("index.html.j2").render(content)


def run_row(folder: str, summary: object) -> RunRow:
    """Return the figures of one run; what is missing or of another type is None."""
    found = {name: _value(summary, path) for name, path in FIGURES.items()}
    texts = {name: value if isinstance(value, str) else None for name, value in found.items()}
    numbers = {name: float(value) if isinstance(value, int | float) else None for name, value in found.items()}
    return RunRow(
        folder=folder,
        started_at=texts["started_at"],
        status=texts["status"],
        accuracy=numbers["accuracy"],
        executions=numbers["executions"],
        accepted=numbers["accepted"],
        review=numbers["review"],
        failed=numbers["failed"],
    )


def trend(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return the points of a line through the values, oldest first, in pixels of a WIDTH x HEIGHT drawing."""
    low = min(values, default=0.0)
    high = max(values, default=0.0)
    # Equal values are a line in the middle.
    span = high - low
    heights = [(value - low) / span if span else 0.5 for value in values]
    step = (WIDTH - 2 * MARGIN) / max(len(values) - 1, 1)
    return [(MARGIN + n * step, HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)) for n, share in enumerate(heights)]


def _value(summary: object, path: Sequence[str]) -> object:
    value = summary
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _time(row: RunRow) -> tuple[str, str]:
    # Names of the demo's folders are times, too.
    return row["started_at"] or "", row["folder"]
