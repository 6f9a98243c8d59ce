"""Deploying against the laptop's AWS: what a plan says, what a second run does, and what a broken template leaves."""

from typing import Any

import pytest

from scones.errors import StackError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.stacks import Stack, delete_stack, deploy_stack, find_stack, plan_stack, stack_outputs
from scones.steps.deploy import deploy, plan

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


def test_a_plan_shows_what_would_be_added_and_leaves_no_stack(cloudformation: Any) -> None:
    changes = plan_stack(stack("planned", QUEUE.format(name="planned")), cloudformation=cloudformation)
    assert [(c.action, c.resource, c.type) for c in changes] == [("Add", "Queue", "AWS::SQS::Queue")]
    assert find_stack("planned", cloudformation=cloudformation) is None


def test_a_stack_is_created_then_unchanged_then_updated_then_gone(cloudformation: Any) -> None:
    first = stack("lifecycle", QUEUE.format(name="first"))
    assert deploy_stack(first, cloudformation=cloudformation, progress=Progress())
    assert not deploy_stack(first, cloudformation=cloudformation, progress=Progress())
    assert deploy_stack(
        stack("lifecycle", QUEUE.format(name="second")), cloudformation=cloudformation, progress=Progress()
    )
    assert stack_outputs("lifecycle", cloudformation=cloudformation) == {"Name": "second"}
    delete_stack("lifecycle", cloudformation=cloudformation)
    assert find_stack("lifecycle", cloudformation=cloudformation) is None


def test_a_broken_template_names_the_resource_and_the_next_run_does_not_trip_over_it(cloudformation: Any) -> None:
    with pytest.raises(StackError, match=r"Machine|Function"):
        deploy_stack(stack("broken", BROKEN), cloudformation=cloudformation, progress=Progress())
    assert deploy_stack(
        stack("broken", QUEUE.format(name="mended")), cloudformation=cloudformation, progress=Progress()
    )
    delete_stack("broken", cloudformation=cloudformation)


def test_outputs_of_a_stack_that_is_not_there_say_what_to_do(cloudformation: Any) -> None:
    with pytest.raises(StackError, match="scones deploy"):
        stack_outputs("nowhere", cloudformation=cloudformation)


def test_both_stacks_deploy_once_and_a_plan_shows_what_a_changed_setting_touches(
    cloudformation: Any, localaws: Any
) -> None:
    settings, s3 = Settings(project="planner"), localaws.client("s3")
    assert {change.action for change in plan(settings, cloudformation=cloudformation)} == {"Add"}
    outputs = deploy(settings, cloudformation=cloudformation, s3=s3, progress=Progress())
    assert outputs["Bucket"] == "planner-000000000000-us-east-1"
    assert plan(settings, cloudformation=cloudformation) == []
    changes = plan(Settings(project="planner", threshold=0.5), cloudformation=cloudformation)
    assert {change.action for change in changes} == {"Modify"}
    assert {"FilterFunction", "RecordFunction"} <= {change.resource for change in changes}
    assert "Bucket" not in {change.resource for change in changes}
