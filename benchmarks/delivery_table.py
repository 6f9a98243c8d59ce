"""The figures of `benchmarks.delivery` with their targets, and the printed tables; measures nothing."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

Result = dict[str, Any]
Figure = dict[str, Any]

_SAVED = "late_minutes_saved_against_hard_threshold"


def figures(result: Result) -> list[Figure]:
    """Return issue 5's figures with their targets."""
    chaos = result["chaos"]
    alone = result["alone"]
    engine = result["engine"]
    simulated = result["simulation"]
    sustained = result["sustained"]
    functions = result["functions"]
    inits = [ms for run in functions.values() for ms in run["init_ms"]]
    warm = {name: median(run["warm_ms"]) for name, run in functions.items() if run["warm_ms"]}
    memory = sustained["megabytes"]
    saved = simulated[_SAVED]
    above = simulated["late_minutes_over_the_oracles"]
    return [
        figure(
            "bad evening: outcomes recorded", chaos["recorded"], chaos["n"], at_least=chaos["n"], at_most=chaos["n"]
        ),
        figure("bad evening: orders given twice", chaos["orders_given_twice"], chaos["n"], at_most=0),
        figure("bad evening: arrivals with two orders", chaos["arrivals_with_two_orders"], chaos["n"], at_most=0),
        figure("bad evening: lost", chaos["lost"], chaos["n"], at_most=0),
        figure("one warm delivery, p50, ms", alone["p50"], alone["n"], at_most=250),
        figure("one warm delivery, p95, ms", alone["p95"], alone["n"], at_most=500),
        figure(
            "sustained deliveries a second, slowest quarter", min(sustained["per_second"]), sustained["n"], at_least=10
        ),
        figure("memory after the last quarter, of the first's", memory[-1] / memory[1], sustained["n"], at_most=1.05),
        figure("three empty Lambdas, p50, ms", engine["p50"], engine["n"], at_most=60),
        figure("Lambda init, p50, ms", median(inits), len(inits), at_most=400),
        figure("Lambda warm, p50 of the slowest, ms", max(warm.values()), len(warm), at_most=20),
        figure("zip of the functions, MB", result["zip_megabytes"], 1, at_most=3),
        figure("late minutes saved against the hard threshold", saved["value"], simulated["n"], low=saved["low"]),
        figure("late minutes over the oracle's, ratio", above["value"], simulated["n"], at_most=1.15),
        figure("200 evenings, s", simulated["seconds"], 1, at_most=60),
    ]


def figure(
    name: str, value: float, n: int, *, at_least: float = -math.inf, at_most: float = math.inf, low: float | None = None
) -> Figure:
    """Return a value with its target and whether it is met.

    If `low` is given, the lower end of the value's 95 % interval, the target is that it lies above 0.
    """
    if low is not None:
        return {
            "name": name,
            "value": value,
            "n": n,
            "bar": "> 0",
            "low": low,
            "verdict": "met" if low > 0 else "short",
        }
    bar = (
        f"= {at_least:g}" if at_least == at_most else f">= {at_least:g}" if at_least > -math.inf else f"<= {at_most:g}"
    )
    return {
        "name": name,
        "value": value,
        "n": n,
        "bar": bar,
        "verdict": "met" if at_least <= value <= at_most else "short",
    }


def show(result: Result) -> None:
    """Print the machine, the runs and the figures."""
    about = result["machine"]
    chaos = result["chaos"]
    print(
        f"\n{about['cores']} x {about['cpu']}, load {about['load']}; "
        f"Python {about['python']}, ministack {about['ministack']}"
    )
    print(
        f"bad evening: {chaos['events']} events of {chaos['n']} arrivals, {chaos['killed']} invocations killed, ",
        end="",
    )
    print(f"{chaos['reviewed']} reviewed; executions {chaos['executions']}, outcomes {chaos['outcomes']}")
    memory = ", ".join(f"{value:.0f}" for value in result["sustained"]["megabytes"])
    rates = ", ".join(f"{value:.1f}" for value in result["sustained"]["per_second"])
    print(f"sustained, by quarter: {rates} a second; memory {memory} MB")
    late = result["simulation"]["late_minutes"]
    for name, mean in late.items():
        print(f"late minutes an evening, {name:24}{mean['value']:>9.1f} ({mean['low']:.1f} to {mean['high']:.1f})")
    print(f"\n{'':52}{'value':>10}{'n':>7}{'bar':>10}")
    for row in result["figures"]:
        value = f"{row['value']:.3f}".rstrip("0").rstrip(".")
        print(f"{row['name']:52}{value:>10}{row['n']:>7}{row['bar']:>10}  {row['verdict']}")
