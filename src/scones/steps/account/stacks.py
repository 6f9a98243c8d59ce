"""Creates, updates and deletes one CloudFormation stack, through change sets."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.errors import StackError
from scones.progress import Progress
from scones.steps.account.gone import ignoring_gone
from scones.steps.run.patience import patiently

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.literals import ChangeSetTypeType
    from types_boto3_cloudformation.type_defs import (
        ChangeTypeDef,
        DescribeChangeSetOutputTypeDef,
        StackEventTypeDef,
        StackResourceTypeDef,
        StackTypeDef,
        TagTypeDef,
    )

# A stack in one of these states never worked, and CloudFormation refuses to update it: it can only be deleted.
_NEVER_CREATED: Final = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
_IN_PROGRESS: Final = "_IN_PROGRESS"
# What a stack enters when an operation starts; a rollback belongs to the operation that failed.
_STARTS: Final = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
_CHANGE_SET_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Stack:
    """The target state of a stack; `parameters` are the template's."""

    name: str
    template: str
    parameters: dict[str, str]
    tags: list[dict[str, str]]


@dataclass(frozen=True)
class Change:
    """A change of one resource: `action` is Add, Modify, Remove, ..., `replacement` is True, False or Conditional."""

    stack: str
    action: str
    resource: str
    type: str
    replacement: str


@dataclass(frozen=True)
class _ChangeSet:
    id: str
    changes: Sequence[ChangeTypeDef]


def find_stack(name: str, *, cloudformation: CloudFormationClient) -> StackTypeDef | None:
    """Return the stack's description, or None if the stack does not exist."""
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        # CloudFormation has no error code for this: it is a ValidationError like many others.
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def stack_outputs(name: str, *, cloudformation: CloudFormationClient) -> dict[str, str]:
    """Return the stack's outputs. Raises StackError if the stack does not exist."""
    stack = find_stack(name, cloudformation=cloudformation)
    if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        raise StackError(f"stack {name} does not exist; run `scones deploy` first")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def deploy_stack(
    stack: Stack,
    *,
    cloudformation: CloudFormationClient,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Create or update a stack and wait for it. Return False if nothing had to change.

    Raises StackError with the first resource that failed and CloudFormation's reason.
    """
    _prepare(stack.name, cloudformation=cloudformation, progress=progress, sleep=sleep)
    change_set = _create_change_set(stack, cloudformation=cloudformation, sleep=sleep)
    if not change_set.changes:
        cloudformation.delete_change_set(ChangeSetName=change_set.id)
        progress.note(f"{stack.name}: nothing to change")
        return False
    execute = partial(_execute, change_set.id, cloudformation=cloudformation)
    patiently(execute, progress=progress, sleep=sleep)
    _wait(stack.name, len(change_set.changes), cloudformation=cloudformation, progress=progress, sleep=sleep)
    return True


def plan_stack(
    stack: Stack, *, cloudformation: CloudFormationClient, sleep: Callable[[float], None] = time.sleep
) -> list[Change]:
    """Return what `deploy_stack` would change, without changing anything."""
    exists = find_stack(stack.name, cloudformation=cloudformation) is not None
    change_set = _create_change_set(stack, cloudformation=cloudformation, sleep=sleep)
    cloudformation.delete_change_set(ChangeSetName=change_set.id)
    if not exists:
        # The change set of a new stack creates an empty stack in REVIEW_IN_PROGRESS.
        delete_stack(stack.name, cloudformation=cloudformation, sleep=sleep)
    changes = [change["ResourceChange"] for change in change_set.changes]
    return [
        Change(
            stack=stack.name,
            action=change["Action"],
            resource=change["LogicalResourceId"],
            type=change["ResourceType"],
            replacement=change.get("Replacement", "False"),
        )
        for change in changes
    ]


def delete_stack(
    name: str, *, cloudformation: CloudFormationClient, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Delete a stack and wait until it no longer exists. Raises StackError with the first resource that failed."""
    patiently(lambda: cloudformation.delete_stack(StackName=name), progress=Progress(), sleep=sleep)
    look = partial(find_stack, name, cloudformation=cloudformation)
    # No deadline, here and in `_wait`: CloudFormation ends every operation, each resource having its own timeout.
    while stack := patiently(look, progress=Progress(), sleep=sleep):
        if stack["StackStatus"] == "DELETE_COMPLETE":
            return
        if stack["StackStatus"] == "DELETE_FAILED":
            reason = _first_failure(name, cloudformation=cloudformation)
            raise StackError(f"stack {name} could not be deleted: {reason}")
        sleep(_poll_seconds(stack["StackStatus"]))


def _poll_seconds(status: str) -> float:
    # A stack that is not in progress yet is about to be, so the next look comes sooner.
    return 1.0 if status.endswith(_IN_PROGRESS) else 0.2


def _prepare(
    name: str, *, cloudformation: CloudFormationClient, progress: Progress, sleep: Callable[[float], None]
) -> None:
    """Wait for the operation that an interrupted run started; delete the stack if it was never created completely."""
    look = partial(find_stack, name, cloudformation=cloudformation)
    stack = patiently(look, progress=progress, sleep=sleep)
    while stack and stack["StackStatus"].endswith(_IN_PROGRESS) and stack["StackStatus"] not in _NEVER_CREATED:
        progress.update(0, detail=f"waiting for {name}: {stack['StackStatus']}")
        sleep(_poll_seconds(stack["StackStatus"]))
        stack = patiently(look, progress=progress, sleep=sleep)
    if stack and stack["StackStatus"] in _NEVER_CREATED:
        delete_stack(name, cloudformation=cloudformation, sleep=sleep)


def _create_change_set(
    stack: Stack, *, cloudformation: CloudFormationClient, sleep: Callable[[float], None]
) -> _ChangeSet:
    existing = find_stack(stack.name, cloudformation=cloudformation)
    is_new = existing is None or existing["StackStatus"] == "REVIEW_IN_PROGRESS"
    name = f"scones-{uuid.uuid4().hex[:12]}"
    create = partial(_create, stack, name, "CREATE" if is_new else "UPDATE", cloudformation=cloudformation)
    patiently(create, progress=Progress(), sleep=sleep)

    def describe() -> DescribeChangeSetOutputTypeDef:
        return cloudformation.describe_change_set(StackName=stack.name, ChangeSetName=name)

    # Ends by itself: CloudFormation either creates or fails a change set.
    while True:
        description = patiently(describe, progress=Progress(), sleep=sleep)
        if description["Status"] == "CREATE_COMPLETE":
            return _ChangeSet(description["ChangeSetId"], description["Changes"])
        if description["Status"] == "FAILED":
            _require_unchanged(stack.name, description)
            return _ChangeSet(description["ChangeSetId"], [])
        sleep(_CHANGE_SET_POLL_SECONDS)


def _create(stack: Stack, name: str, kind: ChangeSetTypeType, *, cloudformation: CloudFormationClient) -> None:
    try:
        cloudformation.create_change_set(
            StackName=stack.name,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=stack.template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=cast("list[TagTypeDef]", stack.tags),
        )
    except ClientError as error:
        # Nobody else uses this name: the call was repeated because its first answer was lost.
        if error_code(error) != "AlreadyExistsException":
            raise


def _execute(change_set: str, *, cloudformation: CloudFormationClient) -> None:
    try:
        cloudformation.execute_change_set(ChangeSetName=change_set)
    except ClientError as error:
        code = error_code(error)
        # CloudFormation refuses to execute a change set twice, and deletes it once the stack is updated.
        was_executed = code.startswith("ChangeSetNotFound") or (
            code.startswith("InvalidChangeSetStatus") and _is_executed(change_set, cloudformation=cloudformation)
        )
        if not was_executed:
            raise


def _is_executed(change_set: str, *, cloudformation: CloudFormationClient) -> bool:
    return cloudformation.describe_change_set(ChangeSetName=change_set)["ExecutionStatus"].startswith("EXECUTE_")


def _require_unchanged(name: str, change_set: Mapping[str, Any]) -> None:
    """Raise StackError unless the change set failed only because there is nothing to change."""
    reason = change_set.get("StatusReason", "")
    if "didn't contain changes" not in reason and "No updates are to be performed" not in reason:
        raise StackError(f"stack {name}: CloudFormation refused the change set: {reason}")


def _wait(
    name: str,
    total: int,
    *,
    cloudformation: CloudFormationClient,
    progress: Progress,
    sleep: Callable[[float], None],
) -> None:
    def look() -> tuple[str, list[StackResourceTypeDef]]:
        stack = find_stack(name, cloudformation=cloudformation)
        if stack is None:
            return "DELETE_COMPLETE", []
        return stack["StackStatus"], cloudformation.describe_stack_resources(StackName=name)["StackResources"]

    while True:
        status, resources = patiently(look, progress=progress, sleep=sleep)
        done = sum(resource["ResourceStatus"].endswith("_COMPLETE") for resource in resources)
        progress.update(done, max(total, done), f"{name} {status}")
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return
        if not status.endswith(_IN_PROGRESS):
            reason = _first_failure(name, cloudformation=cloudformation)
            raise StackError(f"stack {name} ended in {status}: {reason}")
        sleep(_poll_seconds(status))


def _first_failure(name: str, *, cloudformation: CloudFormationClient) -> str:
    """Return the first resource that failed in the stack's last operation, with CloudFormation's reason."""
    failure = "CloudFormation gave no reason"
    with ignoring_gone():
        for event in _last_operation(name, cloudformation=cloudformation):
            # Events are listed newest first, and the first failure caused the others.
            if event.get("ResourceStatus", "").endswith("_FAILED"):
                reason = event.get("ResourceStatusReason", "no reason given")
                failure = f"{event.get('LogicalResourceId')}: {reason}"
    return failure


def _last_operation(name: str, *, cloudformation: CloudFormationClient) -> Iterator[StackEventTypeDef]:
    """Yield the events of the stack's last operation, newest first, without its start."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            is_of_the_stack = event.get("PhysicalResourceId") == event["StackId"]
            if is_of_the_stack and event.get("ResourceStatus") in _STARTS:
                return
            yield event
