"""The run in one small JSON object, for machines. Runs where the operator sits; writes no file."""

from __future__ import annotations

from collections import Counter

from scones.report.efficiency import lambdas, states
from scones.report.formatting import percentile
from scones.report.types import Run, verdict


def summarise(run: Run, left: list[str] | None) -> dict[str, object]:
    """`summary.json`: what was staged, how good the model is, what the workflow did, what cleanup `left`, and seconds.

    `lambdas` and `states` are the rows of `efficiency`.
    `left` is None, and null in the file, where no cleanup has looked yet.
    `workflow.failed` counts executions that were decided as FAILED or ended in another way without a decision.
    Shares are of 1, `interval` is the 95 % Wilson interval, times without executions are null.
    """
    manifest, evaluation, metrics = run["manifest"], run["evaluation"], run["metrics"]
    machines = {"release": run["release"], "deploy": run["deploy"], "delivery": run["delivery"]}
    return {
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
    """How many executions the delivery machine ran, how they ended, and their p50 and p95 in milliseconds.

    `dispatched` arrivals have an order; `accepted` and `review` say who decided what they are.
    """
    executions = run["delivery"]["executions"] if run["delivery"] else []
    verdicts = Counter(verdict(decision) for decision in run["decisions"])
    outcomes = Counter(decision["outcome"] for decision in run["decisions"])
    # A decision names its execution by name or by ARN, which ends in the name.
    decided = {decision["execution"].rsplit(":", 1)[-1] for decision in run["decisions"]}
    lost = [one for one in executions if one["status"] not in ("SUCCEEDED", "RUNNING") and one["name"] not in decided]
    milliseconds = [one["seconds"] * 1000 for one in executions]
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
