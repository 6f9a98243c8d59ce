"""The use of the time and memory that a run paid for. Pure; a figure that was not recorded is None.

The figures of a Lambda come from its REPORT lines, those of a state from the histories; request IDs join the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, get_args

from scones.report import asl, cost
from scones.report.formatting import percentile
from scones.report.types import LambdaInvocation, LambdaRun, MachineRun, TimedState

# Lambda's minimum, in megabytes: nothing can be saved below it.
MIN_MEMORY_MB = 128

Part = Literal["Lambda", "cold start", "service", "waiting", "overhead"]
PARTS: tuple[Part, ...] = get_args(Part)


class LambdaUse(TypedDict):
    """The row of one Lambda; a time is None without such an invocation.

    `billed_seconds` include cold starts, each invocation rounded up to milliseconds; `share`, of 1, is its part of the
    billed time of all Lambdas. `usd_per_1000` is the cost of a thousand such invocations, with their requests. It is
    `over_provisioned` if no invocation used more than half of the memory, and the memory could be less.
    """

    name: str
    invocations: int
    cold: int
    init_p50_seconds: float | None
    warm_p50_seconds: float | None
    warm_p95_seconds: float | None
    run_seconds: float
    billed_seconds: float
    share: float
    max_memory_mb: int
    memory_mb: int
    over_provisioned: bool
    usd_per_1000: float


class StateUse(TypedDict):
    """The row of one state; percentiles are None if it was never left. `share` is its fraction of the executions' time.

    `parts` divides the `seconds` into the handler's time, its cold starts, the time of a job or another service,
    waiting (for an answer, in a Wait state, for the next attempt), and the overhead of the engine and the calls. It is
    None if a REPORT line is missing.
    """

    name: str
    entered: int
    retried: int
    caught: int
    failed: int
    p50_seconds: float | None
    p95_seconds: float | None
    seconds: float
    share: float | None
    parts: dict[Part, float] | None


def lambdas(runs: Sequence[LambdaRun]) -> list[LambdaUse]:
    """Return a row for each function, in their order."""
    everything = math.fsum(cost.billed_seconds(run) for run in runs)
    return [_lambda(run, everything) for run in runs]


def states(machine: MachineRun, runs: Sequence[LambdaRun]) -> list[StateUse]:
    """Return a row for each state that was entered, in the definition's order, and one for the whole executions."""
    reports = {line["request"]: line for run in runs for line in run["invocations"]}
    whole = math.fsum(execution["seconds"] for execution in machine["executions"])
    entered = [
        _state(name, state, timed, reports, whole)
        for name, state in asl.states(machine["definition"]).items()
        if (timed := machine["states"].get(name)) and timed["entered"]
    ]
    return [*entered, _together(entered, machine, whole)] if entered else []


def working(row: StateUse) -> float:
    """Return the seconds in which a state did not wait, as far as is known."""
    return math.fsum(seconds for part, seconds in (row["parts"] or {}).items() if part != "waiting")


def _lambda(run: LambdaRun, everything: float) -> LambdaUse:
    lines = run["invocations"]
    init = [line["init_ms"] / 1000 for line in lines if line["init_ms"] is not None]
    warm = [line["run_ms"] / 1000 for line in lines if line["init_ms"] is None]
    billed = cost.billed_seconds(run)
    return LambdaUse(
        name=run["name"],
        invocations=len(lines),
        cold=len(init),
        init_p50_seconds=percentile(init, 50),
        warm_p50_seconds=percentile(warm, 50),
        warm_p95_seconds=percentile(warm, 95),
        run_seconds=math.fsum(line["run_ms"] for line in lines) / 1000,
        billed_seconds=billed,
        share=billed / everything if everything else 0.0,
        max_memory_mb=run["max_memory_mb"],
        memory_mb=run["memory_mb"],
        over_provisioned=run["memory_mb"] > MIN_MEMORY_MB and 2 * run["max_memory_mb"] <= run["memory_mb"],
        usd_per_1000=1000 * cost.lambda_usd([run]) / len(lines),
    )


def _state(
    name: str, state: Mapping[str, Any], timed: TimedState, reports: Mapping[str, LambdaInvocation], whole: float
) -> StateUse:
    seconds = math.fsum(timed["seconds"])
    return StateUse(
        name=name,
        entered=timed["entered"],
        retried=timed["retried"],
        caught=timed["caught"],
        failed=timed["failed"],
        p50_seconds=percentile(timed["seconds"], 50),
        p95_seconds=percentile(timed["seconds"], 95),
        seconds=seconds,
        share=seconds / whole if whole else None,
        parts=_parts(state, timed, reports),
    )


def _together(rows: Sequence[StateUse], machine: MachineRun, whole: float) -> StateUse:
    """Return the row of the whole executions; the time between states is in none of the parts."""
    executions = [execution["seconds"] for execution in machine["executions"]]
    seconds = math.fsum(row["seconds"] for row in rows)
    known = [row["parts"] for row in rows if row["parts"] is not None]
    return StateUse(
        name="whole executions",
        entered=len(executions),
        retried=sum(row["retried"] for row in rows),
        caught=sum(row["caught"] for row in rows),
        failed=sum(execution["status"] != "SUCCEEDED" for execution in machine["executions"]),
        p50_seconds=percentile(executions, 50),
        p95_seconds=percentile(executions, 95),
        seconds=seconds,
        share=seconds / whole if whole else None,
        parts={part: math.fsum(parts[part] for parts in known) for part in PARTS} if len(known) == len(rows) else None,
    )


def _parts(
    state: Mapping[str, Any], timed: TimedState, reports: Mapping[str, LambdaInvocation]
) -> dict[Part, float] | None:
    seconds = math.fsum(timed["seconds"])
    rest = timed["called"]
    parts: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    parts["waiting"] = seconds if state.get("Type") == "Wait" else timed["waited"]
    resource = str(state.get("Resource"))
    if ":lambda:" in resource:
        calls = [reports.get(request) for request in dict.fromkeys(timed["requests"])]
        found = [call for call in calls if call is not None]
        # A call that Lambda itself refused has no request ID; every other call has one.
        if len(found) < max(len(calls), len(timed["seconds"]) - timed["caught"]):
            return None
        # The clocks differ, and Lambda may have started the environment before the call.
        parts["Lambda"] = min(math.fsum(call["run_ms"] for call in found) / 1000, rest)
        parts["cold start"] = min(math.fsum(call["init_ms"] or 0 for call in found) / 1000, rest - parts["Lambda"])
        rest -= parts["Lambda"] + parts["cold start"]
        parts["waiting"] += rest if resource.endswith(".waitForTaskToken") else 0
    else:
        parts["service"] = rest
    parts["overhead"] = max(seconds - math.fsum(parts.values()), 0)
    return parts
