"""Stacks are planned, created, updated and deleted on localaws."""

from __future__ import annotations

import time
from typing import Any

import pytest

from scones.errors import StackError
from scones.progress import Progress
from scones.steps.account.stacks import Stack, delete_stack, deploy_stack, find_stack, plan_stack, stack_outputs

from ..conftest import Lossy

QUEUE = """
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: {name}
Outputs:
  Name:
    Value: !GetAtt Queue.QueueName
"""
BROKEN = """
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Role: arn:aws:iam::000000000000:role/none
      Handler: none.handler
      Runtime: python3.13
      Code: {S3Bucket: no-such-bucket-anywhere, S3Key: none.zip}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: arn:aws:iam::000000000000:role/none
      DefinitionString: '{"StartAt": "Nowhere", "States": {}}'
"""


@pytest.fixture(scope="module")
def cloudformation(localaws: Any) -> Any:
    return localaws.client("cloudformation")


def shortly(seconds: float) -> None:
    time.sleep(min(seconds, 0.05))


def stack(name: str, template: str) -> Stack:
    return Stack(name, template, {}, [])


def test_a_plan_lists_the_resources_and_leaves_no_stack(cloudformation: Any) -> None:
    changes = plan_stack(stack("planned", QUEUE.format(name="planned")), cloudformation=cloudformation)
    assert [(c.action, c.resource, c.type) for c in changes] == [("Add", "Queue", "AWS::SQS::Queue")]
    assert find_stack("planned", cloudformation=cloudformation) is None


def test_a_stack_is_created_left_unchanged_updated_and_deleted(cloudformation: Any) -> None:
    first = stack("lifecycle", QUEUE.format(name="first"))
    assert deploy_stack(first, cloudformation=cloudformation, progress=Progress())
    assert not deploy_stack(first, cloudformation=cloudformation, progress=Progress())
    assert deploy_stack(
        stack("lifecycle", QUEUE.format(name="second")), cloudformation=cloudformation, progress=Progress()
    )
    assert stack_outputs("lifecycle", cloudformation=cloudformation) == {"Name": "second"}
    delete_stack("lifecycle", cloudformation=cloudformation)
    assert find_stack("lifecycle", cloudformation=cloudformation) is None


def test_after_a_failed_creation_the_next_deployment_succeeds(cloudformation: Any) -> None:
    with pytest.raises(StackError, match=r"Machine|Function"):
        deploy_stack(stack("broken", BROKEN), cloudformation=cloudformation, progress=Progress())
    assert deploy_stack(stack("broken", QUEUE.format(name="fixed")), cloudformation=cloudformation, progress=Progress())
    delete_stack("broken", cloudformation=cloudformation)


def test_the_outputs_of_a_missing_stack_are_an_error(cloudformation: Any) -> None:
    with pytest.raises(StackError, match="scones deploy"):
        stack_outputs("nowhere", cloudformation=cloudformation)


@pytest.mark.parametrize("before", [True, False], ids=["no call", "no answer"])
@pytest.mark.parametrize(
    "operation",
    [
        "create_change_set",
        "describe_change_set",
        "execute_change_set",
        "describe_stacks",
        "describe_stack_resources",
        "delete_stack",
    ],
)
def test_a_call_that_fails_once_ends_neither_a_deployment_nor_a_deletion(
    cloudformation: Any, operation: str, before: bool
) -> None:
    name = f"lossy-{operation.replace('_', '-')}-{before}"
    wanted = stack(name, QUEUE.format(name=name))
    lossy: Any = Lossy(cloudformation, operation, before=before)
    assert deploy_stack(wanted, cloudformation=lossy, progress=Progress(), sleep=shortly)
    assert stack_outputs(name, cloudformation=cloudformation) == {"Name": name}
    delete_stack(name, cloudformation=lossy, sleep=shortly)
    assert find_stack(name, cloudformation=cloudformation) is None
    assert lossy.calls >= 2


class Failed:
    """CloudFormation with the events of one stack, newest first, in pages of two."""

    def __init__(self, *events: tuple[str, str]) -> None:
        # The stack itself has its ARN as its physical id.
        self.events = [
            {"LogicalResourceId": name, "PhysicalResourceId": name, "StackId": "Stack", "ResourceStatus": status}
            | ({"ResourceStatusReason": f"reason of {name}"} if status.endswith("FAILED") else {})
            for name, status in events
        ]

    def get_paginator(self, operation: str) -> Failed:
        assert operation == "describe_stack_events"
        return self

    def paginate(self, StackName: str) -> Any:
        return ({"StackEvents": self.events[start : start + 2]} for start in range(0, len(self.events), 2))

    def delete_stack(self, StackName: str) -> None:
        pass

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": "DELETE_FAILED"}]}


def test_a_failure_is_explained_by_the_first_one_of_this_operation_on_whatever_page() -> None:
    cloudformation: Any = Failed(
        ("Stack", "DELETE_FAILED"),
        ("Last", "DELETE_FAILED"),
        ("Other", "DELETE_COMPLETE"),
        ("First", "DELETE_FAILED"),
        ("Stack", "DELETE_IN_PROGRESS"),
        ("Stack", "UPDATE_ROLLBACK_COMPLETE"),
        ("Earlier", "UPDATE_FAILED"),
        ("Stack", "UPDATE_IN_PROGRESS"),
    )
    with pytest.raises(StackError, match=r"could not be deleted: First: reason of First$"):
        delete_stack("depot", cloudformation=cloudformation)


def test_a_deployment_waits_for_the_one_that_an_interrupted_run_started(cloudformation: Any) -> None:
    statuses = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"]
    deploy_stack(stack("busy", QUEUE.format(name="busy")), cloudformation=cloudformation, progress=Progress())

    class Busy:
        """CloudFormation while somebody else's update of the stack ends."""

        def __getattr__(self, name: str) -> Any:
            assert name == "describe_stacks" or not statuses
            return getattr(cloudformation, name)

        def describe_stacks(self, **arguments: str) -> Any:
            found = cloudformation.describe_stacks(**arguments)
            return {"Stacks": [found["Stacks"][0] | {"StackStatus": statuses.pop(0)}]} if statuses else found

    busy: Any = Busy()
    again = stack("busy", QUEUE.format(name="busier"))
    assert deploy_stack(again, cloudformation=busy, progress=Progress(), sleep=shortly)
    delete_stack("busy", cloudformation=cloudformation)
