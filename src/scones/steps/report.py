"""Report: gather a run and write `runs/<id>/report.html` and `summary.json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from scones.contract.layout import MACHINES
from scones.contract.release import Audit, Manifest
from scones.errors import NotReleasedError
from scones.report import render
from scones.report.index import render_index
from scones.report.summary import summarise
from scones.report.types import MachineRun, ReleaseFacts, Run
from scones.settings import Settings
from scones.steps.account.refusal import Refused
from scones.steps.run import gather
from scones.steps.run.compatibility import current_audit
from scones.steps.run.executions import history
from scones.steps.run.release_facts import newest_release, release_facts
from scones.steps.run.thumbnails import DatasetReader, thumbnails

if TYPE_CHECKING:
    from scones.clients import ClientFactory

Part = TypeVar("Part")

RUNS = "runs"
SKETCHES = "These figures are of sketches that Scones draws itself, not of photographs."


def collect(settings: Settings, outputs: dict[str, str], *, run_id: str, where: str, client: ClientFactory) -> Run:
    """Return the newest release that has ended, and what ran since its start, as the report shows them.

    `outputs` are the outputs of both stacks; `where` is "laptop" or an AWS region. `seconds` is empty. What AWS does
    not allow the caller to read is left out, and `notice` says so. Raises NotReleasedError if no release has ended, or
    if its data set no longer exists.
    """
    bucket = outputs["Bucket"]
    s3 = client("s3")
    refused = Refused()
    facts, manifest = _newest_release(outputs, refused, client)
    name = facts["name"]
    since = datetime.fromisoformat(facts["started_at"])
    evaluation = _read(refused, "evaluation", lambda: gather.evaluation(bucket, name, s3=s3))
    artifacts = _read(refused, "model", lambda: gather.artifacts(bucket, name, s3=s3)) or {}
    audit = cast(Audit, current_audit(artifacts["audit.json"])) if "audit.json" in artifacts else None
    machines = {kind: _machine_run(outputs[f"{kind.title()}Machine"], since, refused, client) for kind in MACHINES}
    transforms = _read(refused, "transform jobs", lambda: gather.transform_runs(name, sagemaker=client("sagemaker")))
    delivery = machines["delivery"]
    decisions = _read(refused, "decisions", lambda: gather.decisions(bucket, since, delivery, s3=s3))
    return Run(
        id=run_id,
        project=settings.project,
        where=where,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=facts | {"version": artifacts.get("model.json", {}).get("version")},
        manifest=manifest,
        **thumbnails(DatasetReader(bucket, manifest, s3), evaluation, audit),
        metrics=artifacts.get("metrics.json"),
        evaluation=evaluation,
        release=machines["release"],
        deploy=machines["deploy"],
        delivery=delivery,
        lambdas=gather.lambda_runs(settings.project, logs=client("logs"), since=since, refusing=refused.passing),
        transforms=transforms or [],
        decisions=decisions or [],
        instance_types=_instance_types(settings),
        serverless_mb=settings.serverless_memory_mb,
        realtime_instances=settings.realtime_min_instances if settings.endpoint_mode == "realtime" else 0,
        # Known to the caller alone, and not before the last step has ended.
        seconds={},
        # Last, because the parts before it add to what was refused.
        notice=_notice(manifest, refused),
    )


def _newest_release(outputs: dict[str, str], refused: Refused, client: ClientFactory) -> tuple[ReleaseFacts, Manifest]:
    """Return the newest release that has ended, and its data set. Raises NotReleasedError as `collect`."""
    stepfunctions = client("stepfunctions")
    release = newest_release(outputs["ReleaseMachine"], stepfunctions=stepfunctions)
    if release is None:
        raise NotReleasedError("there is nothing to report: no release has ended; run `scones release` first")
    arn = release["executionArn"]
    events = _read(refused, "history of the release", lambda: list(history(arn, stepfunctions=stepfunctions)))
    facts = release_facts(release, events or [], stepfunctions=stepfunctions)
    manifest = gather.manifest(outputs["Bucket"], facts["digest"], s3=client("s3"))
    if manifest is None:
        gone = f"the data set {facts['digest']} of release {facts['name']} is gone"
        raise NotReleasedError(f"{gone}; run `scones stage` again")
    return facts, manifest


def _read(refused: Refused, what: str, read: Callable[[], Part]) -> Part | None:
    """Return what `read` returns, or None if AWS does not allow it."""
    with refused.passing(what):
        return read()
    return None


def _machine_run(machine: str, since: datetime, refused: Refused, client: ClientFactory) -> MachineRun | None:
    what = f"executions of {machine.rpartition(':')[2]}"
    stepfunctions = client("stepfunctions")
    return _read(refused, what, lambda: gather.machine_run(machine, stepfunctions=stepfunctions, since=since))


def _notice(manifest: Manifest, refused: Refused) -> str | None:
    notices = [SKETCHES] if manifest["sketches"] else []
    notices += [f"Left out: {what}. {reason}." for what, reason in refused.reasons.items()]
    return " ".join(notices) or None


def _instance_types(settings: Settings) -> dict[str, str]:
    return {
        "train": settings.train_instance_type,
        "evaluate": settings.evaluate_instance_type,
        "serve": settings.realtime_instance_type,
    }


def write(run: Run, folder: Path, *, left: list[str] | None = None) -> Path:
    """Write `report.html` and `summary.json` into a folder, and return the path of the report.

    `left` names the resources that a cleanup has left, None if no cleanup has run. If the folder is in one named
    `runs`, writes `runs/index.html` with all its runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = summarise(run, left)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(render(run, left), encoding="utf-8")
    runs = folder.resolve().parent
    # `--out` may name any folder, and an index.html of somebody else may be beside it.
    if runs.name == RUNS:
        (runs / "index.html").write_text(render_index(_summaries(runs)), encoding="utf-8")
    return page


def _summaries(runs: Path) -> dict[str, object]:
    """Return folder name -> content of each readable `summary.json` in the folders of `runs`."""
    found: dict[str, object] = {}
    for file in runs.glob("*/summary.json"):
        with suppress(OSError, ValueError):
            found[file.parent.name] = json.loads(file.read_text(encoding="utf-8"))
    return found
