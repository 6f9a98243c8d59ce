"""Tagged resources are those that their own service still has with the tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scones.contract.layout import TAG
from scones.steps.account.tagged import tagged_arns

PAIR = {"Key": TAG, "Value": "marked"}
ROLE = "arn:aws:iam::000000000000:role/r"


class Tagging:
    """The tagging API of an account that lists these ARNs."""

    def __init__(self, *arns: str) -> None:
        self.arns = arns

    def get_paginator(self, operation: str) -> Tagging:
        assert operation == "get_resources"
        return self

    def paginate(self, TagFilters: list[Any]) -> list[dict[str, Any]]:
        return [{"ResourceTagMappingList": [{"ResourceARN": arn} for arn in self.arns]}]


def listing(localaws: Any, *arns: str) -> Callable[[str], Any]:
    """Clients of the local AWS with a tagging API that lists these ARNs."""
    return lambda service: Tagging(*arns) if service == "resourcegroupstaggingapi" else localaws.client(service)


@pytest.fixture
def existing(localaws: Any) -> Iterator[list[str]]:
    """The ARNs of resources with the tag, one of each service that can be made quickly."""
    topic = localaws.client("sns").create_topic(Name="marked", Tags=[PAIR])["TopicArn"]
    sqs = localaws.client("sqs")
    queue = sqs.create_queue(QueueName="marked", tags={TAG: "marked"})["QueueUrl"]
    s3 = localaws.client("s3")
    s3.create_bucket(Bucket="marked")
    s3.put_bucket_tagging(Bucket="marked", Tagging={"TagSet": [PAIR]})
    states = localaws.client("stepfunctions")
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    tags = [{"key": TAG, "value": "marked"}]
    machine = states.create_state_machine(name="marked", definition=definition, roleArn=ROLE, tags=tags)
    sagemaker = localaws.client("sagemaker")
    model = sagemaker.create_model(
        ModelName="marked", PrimaryContainer={"Image": "toy"}, ExecutionRoleArn=ROLE, Tags=[PAIR]
    )
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    yield [topic, queue_arn, "arn:aws:s3:::marked", machine["stateMachineArn"], model["ModelArn"]]
    localaws.client("sns").delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue)
    s3.delete_bucket(Bucket="marked")
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    sagemaker.delete_model(ModelName="marked")


def test_what_its_service_has_with_the_tag_is_listed(localaws: Any, existing: list[str]) -> None:
    assert list(tagged_arns("marked", client=listing(localaws, *existing))) == existing
    assert list(tagged_arns("other", client=listing(localaws, *existing))) == []


def test_what_the_tagging_api_alone_lists_is_left_out(localaws: Any) -> None:
    gone = "arn:aws:{}:us-east-1:000000000000:{}"
    arns = [
        "arn:aws:s3:::marked-and-gone",
        gone.format("states", "stateMachine:gone"),
        gone.format("sagemaker", "model/gone"),
        gone.format("lambda", "function:gone"),
        gone.format("dynamodb", "table/gone"),
        gone.format("sqs", "gone"),
        gone.format("codebuild", "project/gone"),
        gone.format("cloudformation", "stack/gone/0123"),
    ]
    assert list(tagged_arns("marked", client=listing(localaws, *arns))) == []


def test_a_kind_that_is_not_known_is_listed(localaws: Any) -> None:
    arn = "arn:aws:newservice:us-east-1:000000000000:thing/1"
    assert list(tagged_arns("marked", client=listing(localaws, arn))) == [arn]


def test_a_service_that_may_not_be_asked_counts_its_resource_as_existing() -> None:
    class Denied:
        def list_tags(self, **arguments: str) -> Any:
            response: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not found in any policy"}}
            raise ClientError(response, "ListTags")

    arn = "arn:aws:sagemaker:us-east-1:000000000000:model/m"
    clients: Any = {"resourcegroupstaggingapi": Tagging(arn), "sagemaker": Denied()}
    assert list(tagged_arns("marked", client=clients.__getitem__)) == [arn]
