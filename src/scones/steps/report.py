"""Report: gather a run and write `runs/<id>/report.html` and `summary.json`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from scones.contract.release import Audit
from scones.errors import NotReleasedError
from scones.report import render
from scones.report.summary import summarise
from scones.report.types import Run
from scones.settings import Settings
from scones.steps.run import gather
from scones.steps.run.compatibility import current_audit
from scones.steps.run.thumbnails import DatasetReader, thumbnails

if TYPE_CHECKING:
    from scones.clients import ClientFactory

SKETCHES = "These figures are of sketches that Scones draws itself, not of photographs."


def collect(settings: Settings, outputs: dict[str, str], *, run_id: str, where: str, client: ClientFactory) -> Run:
    """Return the newest release that succeeded and all deliveries, as the report shows them.

    `outputs` are the outputs of both stacks; `where` is "laptop" or an AWS region. `seconds` is empty. Raises
    NotReleasedError if no release has succeeded or its data set no longer exists.
    """
    bucket = outputs["Bucket"]
    s3 = client("s3")
    stepfunctions = client("stepfunctions")
    release = gather.last_release(outputs["ReleaseMachine"], stepfunctions=stepfunctions)
    if release is None:
        raise NotReleasedError("there is nothing to report: no release has succeeded; run `scones release` first")
    name = release["name"]
    digest = release["digest"]
    manifest = gather.manifest(bucket, digest, s3=s3)
    if manifest is None:
        raise NotReleasedError(f"the data set {digest} of release {name} is gone; run `scones stage` again")
    evaluation = gather.evaluation(bucket, name, s3=s3)
    artifacts = gather.artifacts(bucket, name, s3=s3)
    audit = cast(Audit, current_audit(artifacts["audit.json"])) if "audit.json" in artifacts else None
    return Run(
        id=run_id,
        project=settings.project,
        where=where,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        notice=SKETCHES if manifest["sketches"] else None,
        manifest=manifest,
        **thumbnails(DatasetReader(bucket, manifest, s3), evaluation, audit),
        metrics=artifacts.get("metrics.json"),
        evaluation=evaluation,
        release=gather.machine_run(outputs["ReleaseMachine"], stepfunctions=stepfunctions),
        deploy=gather.machine_run(outputs["DeployMachine"], stepfunctions=stepfunctions),
        delivery=gather.machine_run(outputs["DeliveryMachine"], stepfunctions=stepfunctions),
        lambdas=gather.lambda_runs(settings.project, logs=client("logs")),
        transforms=gather.transform_runs(name, sagemaker=client("sagemaker")),
        decisions=gather.decisions(bucket, s3=s3),
        instance_types=_instance_types(settings),
        serverless_mb=settings.serverless_memory_mb,
        realtime_instances=settings.realtime_min_instances if settings.endpoint_mode == "realtime" else 0,
        # Known to the caller alone, and not before the last step has ended.
        seconds={},
    )


def _instance_types(settings: Settings) -> dict[str, str]:
    return {
        "train": settings.train_instance_type,
        "evaluate": settings.evaluate_instance_type,
        "serve": settings.realtime_instance_type,
    }


def write(run: Run, folder: Path, *, left: list[str] | None = None) -> Path:
    """Write `report.html` and `summary.json` into a folder, and return the path of the report.

    `left` names the resources that a cleanup has left, None if no cleanup has run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = summarise(run, left)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(render(run), encoding="utf-8")
    return page
