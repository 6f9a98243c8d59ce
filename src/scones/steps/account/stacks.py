"""One CloudFormation stack, brought to what its template says through a change set."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from scones.errors import StackError
from scones.progress import Progress

# A stack in these states never held anything that worked; CloudFormation refuses to update it.
_STILLBORN = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
_BUSY = "_IN_PROGRESS"


@dataclass(frozen=True)
class Stack:
    """What a stack should be; `parameters` are the template's."""

    name: str
    template: str
    parameters: dict[str, str]
    tags: list[dict[str, str]]


@dataclass(frozen=True)
class Change:
    """One line of a change set: `action` is Add, Modify, Remove, ..., `replacement` is True, False or Conditional."""

    stack: str
    action: str
    resource: str
    type: str
    replacement: str


def find_stack(name: str, *, cloudformation: Any) -> dict[str, Any] | None:
    """Return the stack's description, or None where there is none."""
    try:
        return dict(cloudformation.describe_stacks(StackName=name)["Stacks"][0])
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def stack_outputs(name: str, *, cloudformation: Any) -> dict[str, str]:
    """Return the outputs of a stack that is there. Raises StackError where it is not."""
    found = find_stack(name, cloudformation=cloudformation)
    if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        raise StackError(f"stack {name} does not exist; run `scones deploy` first")
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def deploy_stack(
    stack: Stack, *, cloudformation: Any, progress: Progress, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Create or update a stack and wait for it. Returns False where nothing had to change.

    Raises StackError with the first resource that failed and CloudFormation's reason.
    """
    _clear_stillborn(stack.name, cloudformation=cloudformation, sleep=sleep)
    change_set = _create_change_set(stack, cloudformation=cloudformation, sleep=sleep)
    if not change_set["Changes"]:
        cloudformation.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
        progress.note(f"{stack.name}: nothing to change")
        return False
    cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    _wait(stack.name, len(change_set["Changes"]), cloudformation=cloudformation, progress=progress, sleep=sleep)
    return True


def plan_stack(stack: Stack, *, cloudformation: Any, sleep: Callable[[float], None] = time.sleep) -> list[Change]:
    """Return what `deploy_stack` would change, and leave nothing behind."""
    was_there = find_stack(stack.name, cloudformation=cloudformation) is not None
    change_set = _create_change_set(stack, cloudformation=cloudformation, sleep=sleep)
    cloudformation.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
    if not was_there:
        delete_stack(stack.name, cloudformation=cloudformation, sleep=sleep)
    changes = [change["ResourceChange"] for change in change_set["Changes"]]
    return [
        Change(stack.name, c["Action"], c["LogicalResourceId"], c["ResourceType"], c.get("Replacement", "False"))
        for c in changes
    ]


def delete_stack(name: str, *, cloudformation: Any, sleep: Callable[[float], None] = time.sleep) -> None:
    """Delete a stack and wait until it is gone. Raises StackError naming what CloudFormation could not delete."""
    cloudformation.delete_stack(StackName=name)
    while found := find_stack(name, cloudformation=cloudformation):
        if found["StackStatus"] == "DELETE_COMPLETE":
            return
        if found["StackStatus"] == "DELETE_FAILED":
            raise StackError(
                f"stack {name} could not be deleted: {_first_failure(name, cloudformation=cloudformation)}"
            )
        sleep(_pause(found["StackStatus"]))


def _pause(status: str) -> float:
    return 1.0 if status.endswith(_BUSY) else 0.2


def _clear_stillborn(name: str, *, cloudformation: Any, sleep: Callable[[float], None]) -> None:
    found = find_stack(name, cloudformation=cloudformation)
    if found and found["StackStatus"] in _STILLBORN:
        delete_stack(name, cloudformation=cloudformation, sleep=sleep)


def _create_change_set(stack: Stack, *, cloudformation: Any, sleep: Callable[[float], None]) -> dict[str, Any]:
    found = find_stack(stack.name, cloudformation=cloudformation)
    created = cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName=f"scones-{uuid.uuid4().hex[:12]}",
        ChangeSetType="CREATE" if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS" else "UPDATE",
        TemplateBody=stack.template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=stack.tags,
    )
    while True:
        described = dict(cloudformation.describe_change_set(ChangeSetName=created["Id"]))
        if described["Status"] == "CREATE_COMPLETE":
            return described
        if described["Status"] == "FAILED":
            return _without_changes(stack.name, described)
        sleep(0.5)


def _without_changes(name: str, change_set: dict[str, Any]) -> dict[str, Any]:
    """Return a failed change set as an empty one where it failed only because nothing has to change."""
    reason = change_set.get("StatusReason", "")
    if "didn't contain changes" in reason or "No updates are to be performed" in reason:
        return {**change_set, "Changes": []}
    raise StackError(f"stack {name}: CloudFormation refused the change set: {reason}")


def _wait(name: str, total: int, *, cloudformation: Any, progress: Progress, sleep: Callable[[float], None]) -> None:
    while True:
        found = find_stack(name, cloudformation=cloudformation)
        status = found["StackStatus"] if found else "DELETE_COMPLETE"
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"] if found else []
        done = sum(resource["ResourceStatus"].endswith("_COMPLETE") for resource in resources)
        progress.update(done, max(total, done), f"{name} {status}")
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return
        if not status.endswith(_BUSY):
            reason = _first_failure(name, cloudformation=cloudformation)
            raise StackError(f"stack {name} ended in {status}: {reason}")
        sleep(_pause(status))


def _first_failure(name: str, *, cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failures = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    if not failures:
        return "CloudFormation gave no reason"
    # Events come newest first, and the first failure brought the others about.
    first = failures[-1]
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}"
