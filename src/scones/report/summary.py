"""`summary.json`: a run as one small JSON object. Runs where the operator sits; writes no file."""

from __future__ import annotations

from collections import Counter

from scones.report.efficiency import lambdas, states
from scones.report.formatting import percentile
from scones.report.types import Run, verdict


def summarise(run: Run, left: list[str] | None) -> dict[str, object]:
    """Return `summary.json`: release, data set, model quality, executions, what cleanup `left`, and times.

    `lambdas` and `states` are the rows of `efficiency`. `left` is None, and null in the file, before any cleanup.
    `workflow.failed` counts executions that were decided as FAILED or ended without a decision. Shares are of 1,
    `interval` is the 95 % Wilson interval, and times without executions are null.
    """
    manifest = run["manifest"]
    evaluation = run["evaluation"]
    metrics = run["metrics"]
    machines = {"release": run["release"], "deploy": run["deploy"], "delivery": run["delivery"]}
    facts = run["facts"]
    return {
        "release": {"name": facts["name"], "status": facts["status"], "started_at": facts["started_at"]},
        "data": {
            "source": manifest["source"],
            "digest": manifest["digest"],
            "counts": manifest["counts"],
        },
        "model": {
            "accuracy": evaluation["accuracy"]["value"] if evaluation else None,
            "interval": [evaluation["accuracy"]["low"], evaluation["accuracy"]["high"]] if evaluation else None,
            "per_class": evaluation["per_class"] if evaluation else {},
            "seconds": metrics["seconds"] if metrics else None,
        },
        "workflow": workflow(run),
        "lambdas": lambdas(run["lambdas"]),
        "states": {name: states(ran, run["lambdas"]) if ran else [] for name, ran in machines.items()},
        "cleanup": {"left": left},
        "seconds": run["seconds"],
    }


def workflow(run: Run) -> dict[str, int | float | None]:
    """Return the number of executions of the delivery machine, how they ended, and their p50 and p95 in milliseconds.

    `dispatched` counts arrivals with an order; `accepted` and `review` say who decided the class.
    """
    executions = run["delivery"]["executions"] if run["delivery"] else []
    verdicts = Counter(verdict(decision) for decision in run["decisions"])
    outcomes = Counter(decision["outcome"] for decision in run["decisions"])
    # A decision names its execution by name or by ARN, which ends in the name.
    decided = {decision["execution"].rsplit(":", 1)[-1] for decision in run["decisions"]}
    lost = [
        execution
        for execution in executions
        if execution["status"] not in ("SUCCEEDED", "RUNNING") and execution["name"] not in decided
    ]
    milliseconds = [execution["seconds"] * 1000 for execution in executions]
    return {
        "executions": len(executions),
        "dispatched": outcomes["DISPATCHED"],
        "accepted": verdicts["accepted"],
        "review": verdicts["review"],
        "rejected": verdicts["rejected"],
        "failed": verdicts["failed"] + len(lost),
        "p50_ms": percentile(milliseconds, 50),
        "p95_ms": percentile(milliseconds, 95),
    }
