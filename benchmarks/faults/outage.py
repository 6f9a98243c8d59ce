"""An endpoint that is throttled for a while: how many of the drivers who arrive meanwhile get an order."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from benchmarks.faults.scenarios import Depots
from benchmarks.faults.site import Fault, eventually

ARRIVALS: Final = 20
SECONDS: Final = (15, 35, 60)


def measure(depots: Depots) -> list[dict[str, Any]]:
    """Return the outcomes of `ARRIVALS` deliveries for each length of an outage."""
    return [_outage(depots, seconds) for seconds in SECONDS]


def _outage(depots: Depots, seconds: float) -> dict[str, Any]:
    names = [f"outage-{seconds}/{number}.png" for number in range(ARRIVALS)]
    depots.site.inject(Fault("lambda", "sagemaker-runtime", "InvokeEndpoint", "throttling", count=1_000_000))
    started = time.monotonic()
    for number, name in enumerate(names):
        depots.arrive(name, 900_000 + 1000 * int(seconds) + number)
    time.sleep(max(0, started + seconds - time.monotonic()))
    throttled = len(depots.site.report()["injected"])
    depots.site.clear()
    # Longer than all retries of the state machine.
    eventually(lambda: all(depots.decision(name) for name in names), 600)
    decisions = [depots.decision(name) for name in names]
    outcomes = Counter(decision["outcome"] if decision else "none" for decision in decisions)
    return {"seconds": seconds, "arrivals": ARRIVALS, "throttled": throttled, "outcomes": dict(outcomes)}
