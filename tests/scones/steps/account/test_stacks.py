"""Stacks are planned, created, updated and deleted on localaws."""

from __future__ import annotations

from typing import Any

import pytest

from scones.errors import StackError
from scones.progress import Progress
from scones.steps.account.stacks import Stack, delete_stack, deploy_stack, find_stack, plan_stack, stack_outputs

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
