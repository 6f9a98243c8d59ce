"""Inventory: everything in the account that is the project's, found by listing every service, never from memory.

A resource is the project's if it carries the tag `scones:project=<project>`, or, where AWS makes it without tags (log
groups, log streams, versions of a model package), if its name is one that only the project's own work can cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.layout import ALARMS, FUNCTIONS, MACHINES, TABLES, TAG
from scones.settings import Settings

# The shared groups hold the streams of all jobs in the account: ours are deleted stream by stream.
_JOB_LOGS = ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TransformJobs")

# Kind, listing, the listing's member, and what its names and ARNs are called by.
_SAGEMAKER = (
    ("endpoint", "list_endpoints", "Endpoints", "Endpoint"),
    ("endpoint config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfig"),
    ("model", "list_models", "Models", "Model"),
    ("training job", "list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
    ("processing job", "list_processing_jobs", "ProcessingJobSummaries", "ProcessingJob"),
    ("transform job", "list_transform_jobs", "TransformJobSummaries", "TransformJob"),
)

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Resource:
    """One thing that cleanup would delete; `id` is what its delete call takes."""

    kind: str
    id: str


def inventory(settings: Settings, *, client: Client) -> Iterator[Resource]:
    """Yield what is the project's, in the order in which it can be deleted; `client` returns a service's client.

    Each kind is listed only when its turn comes, so that who deletes as they go sees no ghosts of what went along.
    """
    project = settings.project
    kinds: tuple[Callable[[], Iterator[Resource]], ...] = (
        lambda: _scalable_targets(project, client("application-autoscaling")),
        lambda: _image_builds(project, client("codebuild")),
        lambda: _sagemaker(project, client("sagemaker")),
        lambda: _model_packages(project, client("sagemaker")),
        lambda: _buckets(project, client("s3")),
        lambda: _stacks(settings, client("cloudformation")),
        lambda: _functions(project, client("lambda")),
        lambda: _state_machines(project, client("stepfunctions")),
        lambda: _rules(project, client("events")),
        lambda: _tables(project, client("dynamodb")),
        lambda: _queues(project, client("sqs")),
        lambda: _topics(project, client("sns")),
        lambda: _alarms(project, client("cloudwatch")),
        lambda: _roles(project, client("iam")),
        lambda: _log_groups(project, client("logs")),
        lambda: _log_streams(project, client("logs")),
        lambda: _tagged(project, client("resourcegroupstaggingapi")),
    )
    for kind in kinds:
        # Whole lists, because deleting between two pages of a listing can make it skip.
        yield from list(kind())


def _scalable_targets(project: str, scaling: Any) -> Iterator[Resource]:
    for found in _pages(scaling, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="sagemaker"):
        if found["ResourceId"].startswith(f"endpoint/{project}/"):
            tags = scaling.list_tags_for_resource(ResourceARN=found["ScalableTargetARN"])["Tags"]
            if tags.get(TAG) == project:
                yield Resource("scalable target", found["ResourceId"])


def _image_builds(project: str, codebuild: Any) -> Iterator[Resource]:
    """Yield the builds of the project's image, which outlive the CodeBuild project that ran them."""
    name = f"{project}-image"
    for found in codebuild.batch_get_projects(names=[name])["projects"]:
        if _carries(project, [{"Key": tag["key"], "Value": tag["value"]} for tag in found.get("tags", [])]):
            for build in codebuild.get_paginator("list_builds_for_project").paginate(projectName=name).search("ids[]"):
                yield Resource("image build", build)


def _sagemaker(project: str, sagemaker: Any) -> Iterator[Resource]:
    """Yield endpoints before the configs that they use, configs before models, and jobs."""
    for kind, operation, member, noun in _SAGEMAKER:
        for found in _pages(sagemaker, operation, member, NameContains=project):
            if _is_tagged(project, found[f"{noun}Arn"], sagemaker):
                yield Resource(kind, found[f"{noun}Name"])


def _model_packages(project: str, sagemaker: Any) -> Iterator[Resource]:
    for group in _pages(sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList", NameContains=project):
        name = group["ModelPackageGroupName"]
        if not _is_tagged(project, group["ModelPackageGroupArn"], sagemaker):
            continue
        for found in _pages(sagemaker, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=name):
            yield Resource("model package", found["ModelPackageArn"])


def _buckets(project: str, s3: Any) -> Iterator[Resource]:
    for found in s3.list_buckets(Prefix=project).get("Buckets", []):
        try:
            tags = s3.get_bucket_tagging(Bucket=found["Name"])["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchTagSet", "NoSuchBucket"}:
                continue
            raise
        if _carries(project, tags):
            yield Resource("bucket", found["Name"])


def _stacks(settings: Settings, cloudformation: Any) -> Iterator[Resource]:
    names = [settings.workflow_stack, settings.storage_stack]
    found = {
        stack["StackName"]
        for stack in _pages(cloudformation, "describe_stacks", "Stacks")
        if stack["StackStatus"] != "DELETE_COMPLETE" and _carries(settings.project, stack.get("Tags", []))
    }
    for name in [*(n for n in names if n in found), *sorted(found.difference(names))]:
        yield Resource("stack", name)


def _functions(project: str, awslambda: Any) -> Iterator[Resource]:
    ours = {f"{project}-{name}" for name in FUNCTIONS}
    for found in _pages(awslambda, "list_functions", "Functions"):
        if found["FunctionName"] in ours:
            yield Resource("function", found["FunctionName"])


def _state_machines(project: str, stepfunctions: Any) -> Iterator[Resource]:
    ours = {f"{project}-{name}" for name in MACHINES}
    for found in _pages(stepfunctions, "list_state_machines", "stateMachines"):
        if found["name"] in ours:
            yield Resource("state machine", found["stateMachineArn"])


def _rules(project: str, events: Any) -> Iterator[Resource]:
    ours = {f"{project}-arrivals", f"{project}-review-clock"}
    for found in _pages(events, "list_rules", "Rules", NamePrefix=f"{project}-"):
        if found["Name"] in ours:
            yield Resource("rule", found["Name"])


def _tables(project: str, dynamodb: Any) -> Iterator[Resource]:
    ours = {f"{project}-{name}" for name in TABLES}
    for name in dynamodb.get_paginator("list_tables").paginate().search("TableNames[]"):
        if name in ours:
            yield Resource("table", name)


def _queues(project: str, sqs: Any) -> Iterator[Resource]:
    for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{project}-dead-letters"):
        for url in page.get("QueueUrls", []):
            if url.endswith(f"/{project}-dead-letters"):
                yield Resource("queue", url)


def _topics(project: str, sns: Any) -> Iterator[Resource]:
    for found in _pages(sns, "list_topics", "Topics"):
        if found["TopicArn"].endswith((f":{project}-reviews", f":{project}-alerts")):
            yield Resource("topic", found["TopicArn"])


def _alarms(project: str, cloudwatch: Any) -> Iterator[Resource]:
    """Yield the template's alarms; those of the scaling go with their target."""
    ours = {f"{project}-{name}" for name in ALARMS}
    for found in _pages(cloudwatch, "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{project}-"):
        if found["AlarmName"] in ours:
            yield Resource("alarm", found["AlarmName"])


def _roles(project: str, iam: Any) -> Iterator[Resource]:
    ours = tuple(f"{project}-{name}-" for name in (*FUNCTIONS, *MACHINES, "arrivals", "image", "sagemaker"))
    for found in _pages(iam, "list_roles", "Roles"):
        name = found["RoleName"]
        if name.startswith(ours) and _carries(project, iam.list_role_tags(RoleName=name)["Tags"]):
            yield Resource("role", name)


def _log_groups(project: str, logs: Any) -> Iterator[Resource]:
    ours = {f"/aws/lambda/{project}-{name}" for name in FUNCTIONS}
    ours |= {f"/aws/sagemaker/Endpoints/{project}", f"/aws/codebuild/{project}-image"}
    for name in sorted(ours):
        groups = _pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        if any(found["logGroupName"] == name for found in groups):
            yield Resource("log group", name)


def _log_streams(project: str, logs: Any) -> Iterator[Resource]:
    # A job is named after its release; where it classifies, a digest of the pictures' place and a number follow.
    job = re.compile(rf"{re.escape(project)}-\d{{8}}-\d{{6}}(-[0-9a-f]{{8}}-\d+)?/")
    for group in _JOB_LOGS:
        streams = _pages(
            logs, "describe_log_streams", "logStreams", logGroupName=group, logStreamNamePrefix=f"{project}-"
        )
        try:
            names = [found["logStreamName"] for found in streams]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                continue
            raise
        for name in filter(job.match, names):
            yield Resource("log stream", f"{group}:{name}")


def _tagged(project: str, tagging: Any) -> Iterator[Resource]:
    """Yield whatever bears the tag, by ARN: the net under the lists above."""
    filters = [{"Key": TAG, "Values": [project]}]
    for found in _pages(tagging, "get_resources", "ResourceTagMappingList", TagFilters=filters):
        yield Resource("tagged", found["ResourceARN"])


def _pages(client: Any, operation: str, member: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def _is_tagged(project: str, arn: str, sagemaker: Any) -> bool:
    return _carries(project, sagemaker.list_tags(ResourceArn=arn)["Tags"])


def _carries(project: str, tags: list[dict[str, str]]) -> bool:
    return {"Key": TAG, "Value": project} in tags
