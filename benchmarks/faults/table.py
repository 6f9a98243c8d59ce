"""The figures of the drills with their bars, and how they are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Rows = Sequence[dict[str, Any]]


def figures(rows: Rows, outages: Rows) -> list[dict[str, Any]]:
    """Return each figure with its bar, and whether it is met."""
    distinct = {(row["command"], row["side"], row["operation"]) for row in rows}
    injected = [row for row in rows if row["injected"]]
    wrong = [row for row in injected if row["outcome"] == "wrong"]
    lost = sum(outage["arrivals"] - outage["outcomes"].get("DISPATCHED", 0) for outage in outages)
    return [
        _figure("faults injected", len(injected), at_least=400),
        _figure("distinct (command, side, operation)", len(distinct), at_least=100),
        _figure("wrong outcomes", len(wrong), at_most=0),
        _figure("releases left running unwatched", sum(row["unwatched"] for row in rows), at_most=0),
        _figure("tracebacks", sum(row["traceback"] for row in rows), at_most=0),
        _figure("deliveries lost while the endpoint was throttled", lost, at_most=0),
    ]


def endpoint_figures(endpoint: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the figures of `endpoint_faults.measure`."""
    memory = endpoint["memory"]
    pings = endpoint["pings"]
    divisions = endpoint["divisions"]
    return [
        _figure("endpoint's memory in MB, peak", memory["peak"], at_most=400),
        _figure("endpoint's memory afterwards, over the start", memory["after_over_start"], at_most=1.2),
        _figure("pings answered while invocations get 503", pings["answered"], at_least=pings["n"]),
        _figure("two responses to one request", divisions["two_responses"], at_most=0),
    ]


def _figure(name: str, value: float, at_least: float | None = None, at_most: float | None = None) -> dict[str, Any]:
    if at_least is not None:
        return {"name": name, "value": value, "bar": f">= {at_least:g}", "met": value >= at_least}
    return {"name": name, "value": value, "bar": f"<= {at_most:g}", "met": at_most is not None and value <= at_most}


def show(result: dict[str, Any]) -> None:
    """Print the outcomes by command and side, and the figures."""
    console = Console()
    counts = Counter((row["command"], row["side"], row["outcome"]) for row in result["rows"] if row["injected"])
    table = Table("command", "side", "faults", "right", "named failure", "wrong")
    for command, side in dict.fromkeys((row["command"], row["side"]) for row in result["rows"]):
        by_outcome = [counts[command, side, outcome] for outcome in ("right", "named", "wrong")]
        table.add_row(command, side, str(sum(by_outcome)), *map(str, by_outcome))
    console.print(table)
    summary = Table("figure", "value", "bar", "")
    for figure in result["figures"]:
        summary.add_row(figure["name"], f"{figure['value']:g}", figure["bar"], "met" if figure["met"] else "short")
    console.print(summary)
