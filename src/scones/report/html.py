"""`report.html`: one self-contained page of a run. Runs where the operator sits; writes no file.

This module prepares the content, `templates/` the presentation. Everything is inline, nothing is loaded from elsewhere,
and no text of the run can become markup, because the templates escape it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypedDict

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scones.contract.layout import ARRIVALS, SPLITS
from scones.contract.release import Corruption, Reliability
from scones.report import cost, efficiency, formatting, graph_layout, plots, state_machine_svg
from scones.report.assessment import assess
from scones.report.formatting import percentile
from scones.report.summary import workflow
from scones.report.types import CostLine, LambdaRun, MachineRun, Run, verdict

# Anchor -> heading of each section, in the order of the page.
CONTENTS = {
    "release": "Release",
    "images": "Images",
    "training": "Training",
    "evaluation": "Evaluation on the test set",
    "state-machines": "State machines",
    "lambda-functions": "Lambda functions",
    "decisions": "Decisions",
    "time": "Time",
    "cost": "Cost on AWS",
}

# A machine's title, its run, its drawing and the rows of its table.
Machine = tuple[str, MachineRun | None, state_machine_svg.Drawing | None, list[efficiency.StateUse]]


class Tile(TypedDict):
    """One headline figure."""

    name: str
    value: str
    detail: str


def render(run: Run, left: Sequence[str] | None = None) -> str:
    """Return the page as HTML5; a part of `run` that is None or empty becomes a sentence.

    `left` names what a cleanup has left, None before any cleanup.
    """
    lines = cost.bill(run)
    content = {
        "run": run,
        "assessment": assess(run, left),
        "contents": CONTENTS,
        "facts": _facts(run),
        "tiles": _tiles(run, lines),
        "counts": _counts(run),
        "curve": _training_curve(run),
        "confidences": _confidences(run),
        "machines": _machines(run),
        "lambdas": efficiency.lambdas(run["lambdas"]),
        "lines": lines,
        **_reliability(run),
    }
    return environment().get_template("report.html.j2").render(content)


def _facts(run: Run) -> list[tuple[str, str | None]]:
    """Return the rows of the release's table; None is unknown."""
    facts = run["facts"]
    minimum = facts["minimum_accuracy"]
    return [
        ("release", facts["name"]),
        ("status", facts["status"]),
        ("started", facts["started_at"]),
        ("Scones version", facts["version"]),
        ("container image", facts["container_image"]),
        ("data digest", facts["digest"]),
        ("hyperparameters", ", ".join(f"{name}={value}" for name, value in facts["hyperparameters"].items())),
        ("minimum accuracy", None if minimum is None else formatting.percent(minimum)),
        ("model package", facts["model_package"]),
    ]


def _training_curve(run: Run) -> str | None:
    metrics = run["metrics"]
    return plots.training_curve(metrics) if metrics and metrics["epochs"] else None


def _reliability(run: Run) -> dict[str, object]:
    # An evaluation made before the reliability was measured has none.
    measured = run["evaluation"].get("reliability") if run["evaluation"] else None
    if measured is None:
        return {"reliability": None, "corruptions": []}
    return {"reliability": plots.reliability(measured), "corruptions": _corruptions(measured)}


def _confidences(run: Run) -> str | None:
    scored = [decision for decision in run["decisions"] if decision["confidence"] is not None]
    return plots.confidences(scored) if scored else None


def _machines(run: Run) -> list[Machine]:
    runs = {"Release": run["release"], "Deployment": run["deploy"], "Delivery": run["delivery"]}
    return [_machine(title, machine, run["lambdas"]) for title, machine in runs.items()]


def _machine(title: str, machine: MachineRun | None, lambdas: list[LambdaRun]) -> Machine:
    if machine is None:
        return title, None, None, []
    return title, machine, state_machine_svg.draw(machine), efficiency.states(machine, lambdas)


@cache
def environment() -> Environment:
    """Return the templates of this package, with the filters and constants that they use; text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "verdict": verdict,
        "duration": formatting.duration,
        "percent": formatting.percent,
        "dollars": formatting.dollars,
        "price": formatting.price,
        "quantity": formatting.quantity,
        "working": efficiency.working,
    }
    environment.globals |= {
        "total": cost.total,
        "no_price": cost.NO_PRICE,
        "parts": list(efficiency.PARTS),
        "arrivals": ARRIVALS,
        "box_width": graph_layout.WIDTH,
        "box_height": graph_layout.HEIGHT,
    }
    return environment


def _tiles(run: Run, lines: list[CostLine]) -> list[Tile]:
    counts = workflow(run)
    images = sum(sum(split.values()) for split in run["manifest"]["counts"].values())
    tiles = [Tile(name="images", value=f"{images:,}", detail=formatting.listed(run["manifest"]["classes"]))]
    if run["evaluation"]:
        accuracy = run["evaluation"]["accuracy"]
        low = formatting.percent(accuracy["low"])
        high = formatting.percent(accuracy["high"])
        span = f"{low} to {high}, n\u00a0=\u00a0{accuracy['n']}"
        tiles.append(Tile(name="accuracy", value=formatting.percent(accuracy["value"]), detail=span))
    others = f"{counts['review']} to review, {counts['rejected']} rejected, {counts['failed']} failed"
    tiles.append(Tile(name="accepted", value=f"{counts['accepted']} of {counts['executions']}", detail=others))
    tiles += _delivery_tiles(run["delivery"])
    if run["seconds"]:
        tiles.append(
            Tile(name="whole run", value=formatting.duration(sum(run["seconds"].values())), detail=run["where"])
        )
    tiles.append(
        Tile(name="on AWS", value=formatting.dollars(cost.total(lines)), detail="estimate, prices unconfirmed")
    )
    return tiles


def _delivery_tiles(delivery: MachineRun | None) -> list[Tile]:
    """Return the time of a delivery without its review, and the time until a reviewer answered."""
    executions = delivery["executions"] if delivery else []
    machine = [execution["seconds"] - execution["review_seconds"] for execution in executions]
    people = [execution["review_seconds"] for execution in executions if execution["review_seconds"]]
    return [
        Tile(
            name=name,
            value=formatting.duration(percentile(times, 50)),
            detail=f"{detail}; p95 {formatting.duration(percentile(times, 95))}",
        )
        for name, detail, times in (("delivery", "p50 without review", machine), ("review", "p50 to an answer", people))
        if times
    ]


def _counts(run: Run) -> list[tuple[str, list[int]]]:
    """Return the rows of the data table: a split and its number of images per class, in the manifest's order."""
    manifest = run["manifest"]
    return [
        (split, [manifest["counts"].get(split, {}).get(name, 0) for name in manifest["classes"]]) for split in SPLITS
    ]


def _corruptions(measured: Reliability) -> list[tuple[str, list[Corruption]]]:
    """Return the rows of the corruption table: a corruption's name, and its results by strength."""
    # A dict and not a set, because it keeps the order.
    by_name: dict[str, list[Corruption]] = {}
    for corruption in measured["corruptions"]:
        by_name.setdefault(corruption["name"], []).append(corruption)
    return list(by_name.items())
