"""Report: gathers a run and writes `runs/<id>/report.html` and `summary.json`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from scones.contract.release import Audit
from scones.errors import NotReleasedError
from scones.report import render
from scones.report.summary import summarise
from scones.report.types import Run
from scones.settings import Settings
from scones.steps.run import gather
from scones.steps.run.compatibility import current_audit
from scones.steps.run.thumbnails import pictures

# What `collect` asks: it takes a client of each.
SERVICES = ("s3", "sagemaker", "stepfunctions", "logs")
SKETCHES = "These figures are of sketches that Scones draws itself, not of photographs."


def collect(
    settings: Settings,
    outputs: dict[str, str],
    *,
    run_id: str,
    where: str,
    s3: Any,
    sagemaker: Any,
    stepfunctions: Any,
    logs: Any,
) -> Run:
    """Gather the newest release and all deliveries. Raises NotReleasedError where no release has succeeded."""
    released = gather.last_release(outputs["ReleaseMachine"], stepfunctions=stepfunctions)
    if released is None:
        raise NotReleasedError("there is nothing to report: no release has succeeded; run `scones release` first")
    bucket, name = outputs["Bucket"], released["name"]
    data = gather.manifest(bucket, released["digest"], s3=s3)
    if data is None:
        raise NotReleasedError(f"the data set {released['digest']} of release {name} is gone; run `scones stage` again")
    evaluated = gather.evaluation(bucket, name, s3=s3)
    trained = gather.artifacts(bucket, name, s3=s3)
    audit = cast(Audit, current_audit(trained["audit.json"])) if "audit.json" in trained else None
    return Run(
        id=run_id,
        project=settings.project,
        where=where,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        notice=SKETCHES if data["sketches"] else None,
        manifest=data,
        **pictures(bucket, data, evaluated, audit, s3=s3),
        metrics=trained.get("metrics.json"),
        evaluation=evaluated,
        release=gather.machine_run(outputs["ReleaseMachine"], stepfunctions=stepfunctions),
        deploy=gather.machine_run(outputs["DeployMachine"], stepfunctions=stepfunctions),
        delivery=gather.machine_run(outputs["DeliveryMachine"], stepfunctions=stepfunctions),
        lambdas=gather.lambda_runs(settings.project, logs=logs),
        transforms=gather.transform_runs(name, sagemaker=sagemaker),
        decisions=gather.decisions(bucket, s3=s3),
        instance_types={
            "train": settings.train_instance_type,
            "evaluate": settings.evaluate_instance_type,
            "serve": settings.realtime_instance_type,
        },
        serverless_mb=settings.serverless_memory_mb,
        realtime_instances=settings.realtime_min_instances if settings.endpoint_mode == "realtime" else 0,
        seconds={},
    )


def write(run: Run, folder: Path, *, left: list[str] | None = None) -> Path:
    """Write report.html and summary.json into a folder, and return the report's path.

    `left` is what a cleanup has found to be left, None where none has looked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summarise(run, left), indent=2) + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(render(run), encoding="utf-8")
    return page
