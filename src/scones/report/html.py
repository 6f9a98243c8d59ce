"""`report.html`: one self-contained page of a run. Runs where the operator sits; writes no file.

This module prepares the content, `templates/` the presentation. Everything is inline, nothing is loaded from elsewhere,
and no text of the run can become markup, because the templates escape it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypedDict

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scones.contract.layout import ARRIVALS, SPLITS
from scones.contract.release import Corruption, Reliability
from scones.report import cost, efficiency, formatting, graph_layout, plots, state_machine_svg
from scones.report.formatting import percentile
from scones.report.summary import workflow
from scones.report.types import CostLine, LambdaRun, MachineRun, Run, verdict

# A machine's title, its run, its drawing and the rows of its table.
Machine = tuple[str, MachineRun | None, state_machine_svg.Drawing | None, list[efficiency.StateUse]]


class Tile(TypedDict):
    """One headline figure."""

    name: str
    value: str
    detail: str


def render(run: Run) -> str:
    """Return the page as HTML5; a part of `run` that is None or empty becomes a sentence."""
    lines = cost.bill(run)
    content = {
        "run": run,
        "tiles": _tiles(run, lines),
        "counts": _counts(run),
        "curve": _training_curve(run),
        "confidences": _confidences(run),
        "machines": _machines(run),
        "lambdas": efficiency.lambdas(run["lambdas"]),
        "lines": lines,
        **_reliability(run),
    }
    return _environment().get_template("report.html.j2").render(content)


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
def _environment() -> Environment:
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
        "parts": efficiency.PARTS,
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
    executions = [execution["seconds"] for execution in run["delivery"]["executions"]] if run["delivery"] else []
    if executions:
        p50 = formatting.duration(percentile(executions, 50))
        p95 = formatting.duration(percentile(executions, 95))
        tiles.append(Tile(name="delivery", value=p50, detail=f"p50; p95 {p95}"))
    if run["seconds"]:
        tiles.append(
            Tile(name="whole run", value=formatting.duration(sum(run["seconds"].values())), detail=run["where"])
        )
    tiles.append(
        Tile(name="on AWS", value=formatting.dollars(cost.total(lines)), detail="estimate, prices unconfirmed")
    )
    return tiles


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
