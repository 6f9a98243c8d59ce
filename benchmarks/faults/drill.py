"""Runs a command with one failing call, and again without, and says what came of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from benchmarks.faults.scenarios import Depots, Drill, Result, unwatched_releases
from benchmarks.faults.site import Fault, eventually

# A command's own clients are told not to repeat a call; a function's clients make two attempts, so both must fail.
NO_RETRIES: Final = {"AWS_MAX_ATTEMPTS": "1", "AWS_RETRY_MODE": "standard"}
RETRIES: Final = {"AWS_RETRY_MODE": "standard"}
ATTEMPTS: Final = {"command": 1, "lambda": 2, "state-machine": 1, "job": 1}
KINDS: Final = {
    "command": ("throttling", "internal-error", "reset", "lost-answer", "repeated", "access-denied"),
    "lambda": ("throttling", "internal-error", "reset", "lost-answer", "repeated", "access-denied"),
    "state-machine": ("throttling", "internal-error", "lost-answer", "access-denied"),
    "job": ("throttling", "internal-error", "reset", "access-denied"),
}
Row = dict[str, Any]
Scenario = Callable[[Depots, int], Drill]


def measure(depots: Depots, name: str, scenario: Scenario, per_call: int, seed: int) -> Iterator[Row]:
    """Yield a row for each fault of one command: `per_call` kinds of fault for each (side, operation) that it calls."""
    chance = random.Random(f"{seed} {name}")  # noqa: S311 - reproducible drills, not a secret
    number = iter(range(1_000_000))
    calls = _calls(depots, scenario(depots, next(number)))
    for call in calls:
        kinds = KINDS[call["side"]]
        for kind in chance.sample(kinds, min(per_call, len(kinds))):
            drill = scenario(depots, next(number))
            skip = chance.randrange(call["count"])
            yield {"command": name, "seed": seed, "kind": kind, **_run(depots, drill, call, kind, skip)}


def _calls(depots: Depots, drill: Drill) -> Sequence[dict[str, Any]]:
    """Return the calls of a command that meets no fault."""
    depots.site.record()
    result = depots.site.run(*drill.argv, **drill.variables, **NO_RETRIES)
    # A delivery goes on after the command that started it.
    calls: list[dict[str, Any]] = depots.site.report()["calls"]
    depots.site.clear()
    problem = drill.problem(result)
    if result.code or problem:
        raise RuntimeError(f"scones {' '.join(drill.argv)} fails without a fault: {problem}\n{result.stderr}")
    return calls


def _run(depots: Depots, drill: Drill, call: dict[str, Any], kind: str, skip: int) -> Row:
    side = call["side"]
    # "repeated" loses the answer to a client that repeats the call, as SDKs do by default.
    is_repeated = kind == "repeated"
    count = 1 if kind in ("lost-answer", "repeated", "access-denied") else ATTEMPTS[side]
    retries = RETRIES if is_repeated else NO_RETRIES
    site = depots.site
    fault_kind = "lost-answer" if is_repeated else kind
    site.inject(Fault(side, call["service"], call["operation"], fault_kind, skip, count))
    result = site.run(*drill.argv, **drill.variables, **retries)
    injected = len(site.report()["injected"])
    site.clear()
    row = {"side": side, "operation": f"{call['service']}:{call['operation']}", "injected": injected}
    row |= {"code": result.code, "error": _last_line(result.stderr), "traceback": result.has_traceback}
    row["unwatched"] = _unwatched(depots, drill, result)
    outcome, problem = _outcome(depots, drill, result)
    return row | {"outcome": outcome, "problem": problem, "seconds": round(result.seconds, 1)}


def _outcome(depots: Depots, drill: Drill, result: Result) -> tuple[str, str]:
    """Return "right", "named" (a failure that says what failed, and that another run mends) or "wrong", and why."""
    if result.code is None:
        return "wrong", "it hangs"
    if result.has_traceback:
        return "wrong", "a traceback"
    if result.code == 0:
        problem = eventually_right(drill, result)
        if not problem:
            return "right", ""
    elif "error:" not in result.stderr:
        return "wrong", "it fails without a message"
    again = depots.site.run(*drill.argv, **drill.variables, **RETRIES)
    problem = eventually_right(drill, again)
    if problem and _is_delivery(drill):
        # A delivery that failed is recorded as such, and started again by this command.
        depots.site.run("deliveries", "--redrive", **drill.variables, **RETRIES)
        problem = eventually_right(drill, again)
    if problem or again.has_traceback:
        return "wrong", problem or "a traceback in the second run"
    return ("named", "") if result.code else ("named", "the first run ended without its result")


def eventually_right(drill: Drill, result: Result) -> str:
    """Return the problem that is still there after some seconds, or an empty string."""
    problems: list[str] = []

    def is_right() -> bool:
        problems.append(drill.problem(result))
        return not problems[-1]

    eventually(is_right, 5)
    return problems[-1]


def _is_delivery(drill: Drill) -> bool:
    return drill.argv[0] in ("deliver", "review", "deliveries")


def _unwatched(depots: Depots, drill: Drill, result: Result) -> bool:
    """Return whether a release goes on that the command's messages do not name; wait for its end."""
    if drill.argv[0] != "release":
        return False
    running = unwatched_releases(depots)
    eventually(lambda: not unwatched_releases(depots))
    return any(arn not in result.stderr for arn in running)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""
