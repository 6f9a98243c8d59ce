"""The figures of `benchmarks.serve` with their targets, and the printed tables; measures nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.servers import OURS

Result = dict[str, Any]

LIBRARIES = ("onnxruntime", "uvloop", "httptools", "numpy", "pillow")


def figures(result: Result) -> list[dict[str, Any]]:
    """Return issue 4's figures with their targets: medians over the rounds, the worst for memory and startup."""
    rounds = result["rounds"]
    growth = result["one"]
    malformed = result["malformed"]
    update = result["update"]
    ours = [row["servers"][OURS.name] for row in rounds]
    largest = max(*growth["megabytes"], *[row["megabytes"] for row in ours])
    return [
        over(rounds, "throughput vs the best peer", ahead_of_best, at_least=1.3),
        over(rounds, "throughput vs the processor's limit", lambda row: of_limit(row, result), at_least=0.8),
        over(rounds, "lone request, p50 vs in process", lambda row: lone(row, 50), at_most=1.2),
        over(rounds, "lone request, p99 vs in process", lambda row: lone(row, 99), at_most=2),
        over(rounds, "12-megapixel JPEG vs its full decode", photograph, at_most=0.4),
        figure("ready after, s", max(row["ready_seconds"] for row in ours), at_most=1),
        figure("memory, MB", largest, at_most=150),
        figure(f"growth over {growth['requests']:,} requests", growth["growth"], at_most=0.05),
        figure(f"malformed bodies that are no 4xx, n={malformed['n']:,}", malformed["not_4xx"], at_most=0),
        figure("malformed bodies without a named error", malformed["unnamed"], at_most=0),
        figure("slowest malformed body, ms", malformed["slowest_ms"], at_most=250),
        figure("answers changed afterwards", int(not malformed["same_answers"]), at_most=0),
        figure(f"failed during an update, n={update['n']:,}", update["failed"], at_most=0),
    ]


def ahead_of_best(row: Result) -> float:
    """Return our throughput divided by that of the fastest peer."""
    peers = [server["per_second"] for name, server in row["servers"].items() if name != OURS.name]
    return float(row["servers"][OURS.name]["per_second"] / max(peers))


def of_limit(row: Result, result: Result) -> float:
    """Return our throughput divided by the processors' limit, less the share of the processors that wrk used."""
    ours = row["servers"][OURS.name]
    available = 1 - ours["client_share"] / result["machine"]["cores"]
    return float(ours["per_second"] / (max(row["limit"].values()) * available))


def lone(row: Result, percentile: int) -> float:
    """Return a single request's latency divided by that of the faster in-process variant, at a percentile."""
    alone = min(float(np.percentile(times, percentile)) for times in row["lone"].values())
    return float(row["servers"][OURS.name][f"p{percentile}"] / alone)


def photograph(row: Result) -> float:
    """Return the latency of a 12-megapixel JPEG divided by the time of its full decode."""
    return float(row["photograph"]["request"] / row["photograph"]["full_decode"])


def over(rounds: Sequence[Result], name: str, value: Callable[[Result], float], **bar: float) -> dict[str, Any]:
    """Return the median over the rounds as a figure, with its range."""
    values = [value(row) for row in rounds]
    return figure(name, median(values), **bar) | {"least": min(values), "greatest": max(values), "n": len(values)}


def figure(name: str, value: float, *, at_least: float = -math.inf, at_most: float = math.inf) -> dict[str, Any]:
    """Return a value with its target and whether it is met."""
    bar = f">= {at_least:g}" if at_least > -math.inf else f"<= {at_most:g}"
    return {"name": name, "value": value, "bar": bar, "verdict": "met" if at_least <= value <= at_most else "short"}


def show(result: Result) -> None:
    """Print the servers, the in-process limits and the figures."""
    about = result["machine"]
    versions = ", ".join(f"{name} {about[name]}" for name in ("python", "onnxruntime", "uvloop", "httptools"))
    print(f"\n{about['cores']} x {about['cpu']}, load {about['load']}; {versions}")
    print(f"{result['images']} images, {len(result['rounds'])} rounds; medians (least to greatest)\n")
    heads = "".join(f"{head:>10}" for head in ("p50, ms", "p99, ms", "lone p50", "lone p99", "MB", "ready, s"))
    print(f"{'':24}{'a second':>26}{heads}")
    for name in result["rounds"][0]["servers"]:
        show_server(name, [row["servers"][name] for row in result["rounds"]])
    for way in result["rounds"][0]["limit"]:
        rates = [row["limit"][way] for row in result["rounds"]]
        print(f"in process, {way:40}{median(rates):>10,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) images a second")
    for way in result["rounds"][0]["lone"]:
        times = [row["lone"][way] for row in result["rounds"]]
        p50 = median(float(np.percentile(values, 50)) for values in times)
        p99 = median(float(np.percentile(values, 99)) for values in times)
        print(f"a lone image in process, {way}: p50 {p50:.3f} ms, p99 {p99:.3f} ms")
    print()
    for row in result["figures"]:
        spread = f" ({row['least']:.3f} to {row['greatest']:.3f})" if "least" in row else ""
        value = f"{row['value']:.3f}".rstrip("0").rstrip(".") + spread
        print(f"{row['name']:48}{value:>26}{row['bar']:>10}  {row['verdict']}")


def show_server(name: str, rows: Sequence[Result]) -> None:
    """Print one server's line."""
    rates = [row["per_second"] for row in rows]
    rate = f"{median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
    rest = "".join(f"{median(row[key] for row in rows):>10.2f}" for key in ("many_p50", "many_p99", "p50", "p99"))
    ready = median(row["ready_seconds"] for row in rows)
    failed = sum(row["failed"] for row in rows)
    print(
        f"{name:24}{rate:>26}{rest}{median(row['megabytes'] for row in rows):>10.0f}{ready:>10.2f}"
        + (f"  {failed} failed" if failed else "")
    )
