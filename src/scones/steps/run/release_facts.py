"""What a release was made from and how it ended, from its execution and the history of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from scones.contract.release import ReleaseInput
from scones.report.types import ReleaseFacts
from scones.steps.run.compatibility import current_release_input
from scones.steps.run.executions import failure_reason, list_executions

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient
    from types_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef


class Traces(NamedTuple):
    """What the history of a release tells; `failed_state` is the last state whose task failed."""

    container_image: str | None = None
    model_package: str | None = None
    failed_state: str | None = None


def newest_release(machine: str, *, stepfunctions: SFNClient) -> ExecutionListItemTypeDef | None:
    """Return the newest execution of the release machine's ARN that has ended, however it ended; None without one."""
    # They are listed newest first, so that the pages of earlier ones are not asked for.
    runs = list_executions(machine, stepfunctions=stepfunctions)
    return next((run for run in runs if run.get("stopDate")), None)


def release_facts(
    execution: ExecutionListItemTypeDef, events: Iterable[Mapping[str, Any]], *, stepfunctions: SFNClient
) -> ReleaseFacts:
    """Return the facts of a release that has ended, with what its `events` tell, oldest first.

    `version` is None, because only the model knows it.
    """
    described = stepfunctions.describe_execution(executionArn=execution["executionArn"])
    request = cast(ReleaseInput, current_release_input(json.loads(described["input"])))
    found = traces(events)
    has_failed = described["status"] != "SUCCEEDED"
    cause = described.get("cause")
    return ReleaseFacts(
        name=request["name"],
        status=described["status"],
        started_at=execution["startDate"].isoformat(),
        digest=request["digest"],
        # Releases of version 0.1.0 have neither.
        hyperparameters=request.get("hyperparameters", {}),
        minimum_accuracy=request.get("minimum_accuracy"),
        version=None,
        container_image=found.container_image,
        model_package=found.model_package,
        failed_state=found.failed_state if has_failed else None,
        error=described.get("error"),
        cause=failure_reason(cause) if cause else None,
    )


def traces(events: Iterable[Mapping[str, Any]]) -> Traces:
    """Return what the events of a release tell, oldest first."""
    found = Traces()
    state = None
    for event in events:
        if details := event.get("stateEnteredEventDetails"):
            state = details["name"]
        elif event["type"] == "TaskScheduled" and state == "Train":
            specification = _parsed(event, "taskScheduledEventDetails", "parameters").get("AlgorithmSpecification", {})
            found = found._replace(container_image=specification.get("TrainingImage"))
        elif event["type"] == "TaskSucceeded" and state == "Register":
            output = _parsed(event, "taskSucceededEventDetails", "output")
            found = found._replace(model_package=output.get("ModelPackageArn"))
        elif event["type"] in ("TaskFailed", "TaskTimedOut"):
            found = found._replace(failed_state=state)
    return found


def _parsed(event: Mapping[str, Any], details: str, name: str) -> dict[str, Any]:
    """Return the JSON object in the details of an event; empty if it has none."""
    value = json.loads(event.get(details, {}).get(name) or "{}")
    return value if isinstance(value, dict) else {}
