from __future__ import annotations

import json

from scones.report.summary import summarise, workflow
from scones.report.types import ExecutionRun, Run


def test_the_summary_has_the_shape_that_machines_were_promised(run: Run) -> None:
    summary = json.loads(json.dumps(summarise(run, ["bucket x"])))
    assert {name: sorted(part) for name, part in summary.items() if isinstance(part, dict) and name != "seconds"} == {
        "release": ["name", "started_at", "status"],
        "data": ["counts", "digest", "source"],
        "model": ["accuracy", "interval", "per_class", "seconds"],
        "workflow": ["accepted", "dispatched", "executions", "failed", "p50_ms", "p95_ms", "rejected", "review"],
        "states": ["delivery", "deploy", "release"],
        "cleanup": ["left"],
    }
    assert [row["name"] for row in summary["lambdas"]] == ["scones-serialize", "scones-classify", "scones-filter"]
    assert summary["states"]["delivery"][0]["name"] == "Serialize"
    assert summary["model"]["accuracy"] == 0.875
    assert summary["model"]["interval"] == [0.822, 0.914]
    assert summary["cleanup"]["left"] == ["bucket x"]
    assert summary["seconds"] == run["seconds"]


def test_every_execution_is_counted_once(run: Run) -> None:
    ended = workflow(run)
    assert ended["executions"] == 24
    assert ended["dispatched"] == 22
    assert (ended["accepted"], ended["review"], ended["rejected"], ended["failed"]) == (18, 4, 1, 1)


def test_an_execution_that_failed_before_its_decision_counts_as_failed(run: Run) -> None:
    assert run["delivery"]
    lost = ExecutionRun(
        name="lost", status="FAILED", started_at="2026-11-22T10:18:00Z", seconds=1.0, review_seconds=0.0
    )
    run["delivery"]["executions"].append(lost)
    assert workflow(run)["failed"] == 2


def test_a_decided_failure_is_known_by_name_or_by_arn(run: Run) -> None:
    assert run["delivery"]
    run["delivery"]["executions"][15]["status"] = "FAILED"
    run["decisions"][15]["execution"] = "arn:aws:states:us-east-1:0:execution:scones-delivery:scones-delivery-15"
    assert workflow(run)["failed"] == 1


def test_a_run_without_a_model_or_deliveries_has_nulls(run: Run) -> None:
    run |= {"evaluation": None, "metrics": None, "delivery": None, "decisions": []}
    summary = summarise(run, [])
    assert summary["model"] == {"accuracy": None, "interval": None, "per_class": {}, "seconds": None}
    assert workflow(run)["p50_ms"] is None


def test_what_is_left_is_unknown_until_a_cleanup_has_looked(run: Run) -> None:
    assert summarise(run, None)["cleanup"] == {"left": None}
    assert summarise(run, [])["cleanup"] == {"left": []}
