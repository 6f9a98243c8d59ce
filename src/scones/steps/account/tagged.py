"""Resources by their tag, of whatever kind. Each is looked up in its own service as well.

The tagging API lists deleted resources for minutes to hours; the service that owns a resource knows better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from scones.contract.layout import TAG
from scones.steps.account.gone import is_gone

if TYPE_CHECKING:
    from scones.clients import ClientFactory

Look = Callable[[str, "ClientFactory"], Mapping[str, Any]]


def tagged_arns(project: str, *, client: ClientFactory) -> Iterator[str]:
    """Yield the ARN of every resource that has the project's tag and that exists as far as its service tells."""
    filters = [{"Key": TAG, "Values": [project]}]
    paginator = client("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in paginator.paginate(TagFilters=filters):
        for mapping in page["ResourceTagMappingList"]:
            if _exists(mapping["ResourceARN"], project, client):
                yield mapping["ResourceARN"]


def _exists(arn: str, project: str, client: ClientFactory) -> bool:
    """Ask the service that owns a resource. What it does not answer counts as existing, so that nothing is missed."""
    service = arn.split(":")[2]
    if service not in _LOOKS:
        return True
    try:
        answer = _LOOKS[service](arn, client)
    except ClientError as error:
        return not is_gone(error)
    return project in _values(answer)


def _values(answer: Mapping[str, Any]) -> list[str]:
    """Return the values of the project's tag in a service's answer; there are three spellings of such answers."""
    tags: Any = next((answer[name] for name in ("Tags", "tags", "TagSet") if name in answer), {})
    if isinstance(tags, Mapping):
        return [value for key, value in tags.items() if key == TAG]
    pairs = [{name.lower(): value for name, value in tag.items()} for tag in tags]
    return [pair["value"] for pair in pairs if pair["key"] == TAG]


def _tags_by(service: str, operation: str, argument: str) -> Look:
    """Return a look at the tags of a resource, by an operation that takes the ARN."""
    return lambda arn, client: getattr(client(service), operation)(**{argument: arn})


def _bucket(arn: str, client: ClientFactory) -> Mapping[str, Any]:
    return client("s3").get_bucket_tagging(Bucket=_last(arn))


def _queue(arn: str, client: ClientFactory) -> Mapping[str, Any]:
    sqs = client("sqs")
    return sqs.list_queue_tags(QueueUrl=sqs.get_queue_url(QueueName=_last(arn))["QueueUrl"])


def _build_project(arn: str, client: ClientFactory) -> Mapping[str, Any]:
    projects = client("codebuild").batch_get_projects(names=[arn.rpartition("/")[2]])["projects"]
    # CodeBuild has no error for a name that it does not know.
    return projects[0] if projects else {}


def _stack(arn: str, client: ClientFactory) -> Mapping[str, Any]:
    stack = client("cloudformation").describe_stacks(StackName=arn)["Stacks"][0]
    # By its ARN, a deleted stack is described for 90 days.
    return stack if stack["StackStatus"] != "DELETE_COMPLETE" else {}


def _table(arn: str, client: ClientFactory) -> Mapping[str, Any]:
    dynamodb = client("dynamodb")
    # ListTagsOfResource denies access to a table that does not exist.
    dynamodb.describe_table(TableName=arn.rpartition("/")[2])
    return dynamodb.list_tags_of_resource(ResourceArn=arn)


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]


# By the service's name in ARNs.
_LOOKS: Final[dict[str, Look]] = {
    "application-autoscaling": _tags_by("application-autoscaling", "list_tags_for_resource", "ResourceARN"),
    "cloudformation": _stack,
    "cloudwatch": _tags_by("cloudwatch", "list_tags_for_resource", "ResourceARN"),
    "codebuild": _build_project,
    "dynamodb": _table,
    "ecr": _tags_by("ecr", "list_tags_for_resource", "resourceArn"),
    "events": _tags_by("events", "list_tags_for_resource", "ResourceARN"),
    "lambda": _tags_by("lambda", "list_tags", "Resource"),
    "logs": _tags_by("logs", "list_tags_for_resource", "resourceArn"),
    "s3": _bucket,
    "sagemaker": _tags_by("sagemaker", "list_tags", "ResourceArn"),
    "sns": _tags_by("sns", "list_tags_for_resource", "ResourceArn"),
    "sqs": _queue,
    "states": _tags_by("stepfunctions", "list_tags_for_resource", "resourceArn"),
}
