"""`report.html`: the run on one page that needs nothing else. Runs where the operator sits; writes no file.

Prepares what the page shows and leaves how to `templates/`. Everything is inline, nothing is loaded from anywhere,
and no text of the run can become markup: the templates escape it.
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
from scones.report.types import CostLine, Run, verdict


class Tile(TypedDict):
    """One headline figure."""

    name: str
    value: str
    detail: str


def render(run: Run) -> str:
    """The whole page as HTML5 text; parts of `run` that are None or empty become a sentence."""
    lines = cost.bill(run)
    scored = [decision for decision in run["decisions"] if decision["confidence"] is not None]
    executions = [one["seconds"] for one in run["delivery"]["executions"]] if run["delivery"] else []
    metrics = run["metrics"]
    trusted = run["evaluation"].get("reliability") if run["evaluation"] else None
    shown = {
        "run": run,
        "tiles": _tiles(run, lines, executions),
        "counts": _counts(run),
        "curve": plots.training_curve(metrics) if metrics and metrics["epochs"] else None,
        "reliability": plots.reliability(trusted) if trusted else None,
        "spoilt": _spoilt(trusted) if trusted else [],
        "confidences": plots.confidences(scored) if scored else None,
        "machines": [
            (title, ran, state_machine_svg.draw(ran), efficiency.states(ran, run["lambdas"]))
            if ran
            else (title, None, None, [])
            for title, ran in (
                ("The release", run["release"]),
                ("The deployment", run["deploy"]),
                ("The deliveries", run["delivery"]),
            )
        ],
        "lambdas": efficiency.lambdas(run["lambdas"]),
        "lines": lines,
    }
    return _environment().get_template("report.html.j2").render(shown)


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


def _tiles(run: Run, lines: list[CostLine], executions: list[float]) -> list[Tile]:
    ended = workflow(run)
    images = sum(sum(split.values()) for split in run["manifest"]["counts"].values())
    tiles = [Tile(name="images", value=f"{images:,}", detail=formatting.listed(run["manifest"]["classes"]))]
    if run["evaluation"]:
        accuracy = run["evaluation"]["accuracy"]
        low, high = formatting.percent(accuracy["low"]), formatting.percent(accuracy["high"])
        span = f"{low} to {high}, n\u00a0=\u00a0{accuracy['n']}"
        tiles.append(Tile(name="accuracy", value=formatting.percent(accuracy["value"]), detail=span))
    others = f"{ended['review']} to review, {ended['rejected']} rejected, {ended['failed']} failed"
    tiles.append(Tile(name="accepted", value=f"{ended['accepted']} of {ended['executions']}", detail=others))
    if executions:
        half, most = percentile(executions, 50), percentile(executions, 95)
        tiles.append(
            Tile(name="delivery", value=formatting.duration(half), detail=f"p50; p95 {formatting.duration(most)}")
        )
    if run["seconds"]:
        tiles.append(
            Tile(name="whole run", value=formatting.duration(sum(run["seconds"].values())), detail=run["where"])
        )
    tiles.append(
        Tile(name="on AWS", value=formatting.dollars(cost.total(lines)), detail="estimate, prices unconfirmed")
    )
    return tiles


def _counts(run: Run) -> list[tuple[str, list[int]]]:
    """Rows of the data table: split and n of each class, in the manifest's order."""
    manifest = run["manifest"]
    return [
        (split, [manifest["counts"].get(split, {}).get(name, 0) for name in manifest["classes"]]) for split in SPLITS
    ]


def _spoilt(measured: Reliability) -> list[tuple[str, list[Corruption]]]:
    """Rows of the table of spoilt pictures: the kind, and what became of it at each strength."""
    names = list(dict.fromkeys(corruption["name"] for corruption in measured["corruptions"]))
    return [(name, [one for one in measured["corruptions"] if one["name"] == name]) for name in names]
