"""Lists everything in the account that belongs to the project, by asking every service instead of keeping a record.

A resource belongs to the project if it has the tag `scones:project=<project>`. Resources that AWS creates without tags
(log groups, log streams, versions of a model package) are recognised by names that only the project causes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.layout import ALARMS, FUNCTIONS, MACHINES, TABLES, TAG
from scones.settings import Settings
from scones.steps.account.gone import ignoring_gone
from scones.steps.account.tagged import tagged_arns

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from types_boto3_application_autoscaling import ApplicationAutoScalingClient
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_codebuild import CodeBuildClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_stepfunctions import SFNClient

    from scones.clients import ClientFactory

# These groups hold the streams of all jobs in the account, so the project's streams are listed one by one.
_JOB_LOG_GROUPS: Final = (
    "/aws/sagemaker/TrainingJobs",
    "/aws/sagemaker/ProcessingJobs",
    "/aws/sagemaker/TransformJobs",
)

# Kind, operation that lists it, member of the response, and the prefix of its Name and Arn. What is billed comes first,
# endpoints before the configs that they use, and configs before models.
_SAGEMAKER_KINDS: Final = (
    ("endpoint", "list_endpoints", "Endpoints", "Endpoint"),
    ("training job", "list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
    ("processing job", "list_processing_jobs", "ProcessingJobSummaries", "ProcessingJob"),
    ("transform job", "list_transform_jobs", "TransformJobSummaries", "TransformJob"),
    ("endpoint config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfig"),
    ("model", "list_models", "Models", "Model"),
)


Refusing = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Resource:
    """A resource that cleanup deletes; `id` is the argument of its delete call."""

    kind: str
    id: str


def inventory(settings: Settings, *, client: ClientFactory, refusing: Refusing = nullcontext) -> Iterator[Resource]:
    """Yield the project's resources in an order in which they can be deleted, and the costliest first as far as it can.

    A kind is listed only when the caller has consumed the kinds before it. A caller that deletes while it iterates
    therefore never gets a resource that was deleted together with another one. `refusing(kinds)` is the context in
    which these kinds are listed: it may suppress the error of a caller who is not allowed to list them.
    """
    for kinds, look in _listings(settings, client):
        found: list[Resource] = []
        with refusing(kinds):
            # Complete lists, because deleting between two pages of a listing can make it skip.
            found.extend(look())
        yield from found


def _listings(settings: Settings, client: ClientFactory) -> Iterator[tuple[str, Callable[[], Iterator[Resource]]]]:
    project = settings.project
    # Scaling would make an endpoint busy that is about to be deleted.
    yield "scalable targets", lambda: _scalable_targets(project, client("application-autoscaling"))
    for kind in _SAGEMAKER_KINDS:
        yield f"{kind[0]}s", partial(_sagemaker, project, client("sagemaker"), *kind)
    yield "image builds", lambda: _image_builds(project, client("codebuild"))
    yield "model packages", lambda: _model_packages(project, client("sagemaker"))
    # The functions of this stack write to the bucket, and the storage stack can only be deleted without its bucket.
    yield "stacks", lambda: _stacks(settings, client("cloudformation"), of_storage=False)
    yield "buckets", lambda: _buckets(project, client("s3"))
    yield "stacks", lambda: _stacks(settings, client("cloudformation"), of_storage=True)
    yield "functions", lambda: _functions(project, client("lambda"))
    yield "state machines", lambda: _state_machines(project, client("stepfunctions"))
    yield "rules", lambda: _rules(project, client("events"))
    yield "tables", lambda: _tables(project, client("dynamodb"))
    yield "queues", lambda: _queues(project, client("sqs"))
    yield "topics", lambda: _topics(project, client("sns"))
    yield "alarms", lambda: _alarms(project, client("cloudwatch"))
    yield "roles", lambda: _roles(project, client("iam"))
    yield "log groups", lambda: _log_groups(project, client("logs"))
    yield "log streams", lambda: _log_streams(project, client("logs"))
    # The tags catch kinds that the listings before do not know.
    yield "tagged resources", lambda: (Resource("tagged", arn) for arn in tagged_arns(project, client=client))


def _scalable_targets(project: str, scaling: ApplicationAutoScalingClient) -> Iterator[Resource]:
    for target in _pages(scaling, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="sagemaker"):
        if target["ResourceId"].startswith(f"endpoint/{project}/"):
            tags: Mapping[str, str] = {}
            with ignoring_gone():
                tags = scaling.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]
            if tags.get(TAG) == project:
                yield Resource("scalable target", target["ResourceId"])


def _image_builds(project: str, codebuild: CodeBuildClient) -> Iterator[Resource]:
    # Listed before the stacks: builds outlive the CodeBuild project that ran them, but are only listed through it.
    for build_project in codebuild.batch_get_projects(names=[f"{project}-image"])["projects"]:
        tags = [{"Key": tag["key"], "Value": tag["value"]} for tag in build_project.get("tags", [])]
        if _has_tag(project, tags):
            pages = codebuild.get_paginator("list_builds_for_project").paginate(projectName=f"{project}-image")
            for build in pages.search("ids[]"):
                yield Resource("image build", build)


def _sagemaker(
    project: str, sagemaker: SageMakerClient, kind: str, operation: str, member: str, noun: str
) -> Iterator[Resource]:
    for summary in _pages(sagemaker, operation, member, NameContains=project):
        if _is_tagged(project, summary[f"{noun}Arn"], sagemaker):
            yield Resource(kind, summary[f"{noun}Name"])


def _model_packages(project: str, sagemaker: SageMakerClient) -> Iterator[Resource]:
    for group in _pages(sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList", NameContains=project):
        if _is_tagged(project, group["ModelPackageGroupArn"], sagemaker):
            arguments = {"ModelPackageGroupName": group["ModelPackageGroupName"]}
            for package in _pages(sagemaker, "list_model_packages", "ModelPackageSummaryList", **arguments):
                yield Resource("model package", package["ModelPackageArn"])


def _buckets(project: str, s3: S3Client) -> Iterator[Resource]:
    for bucket in s3.list_buckets(Prefix=project).get("Buckets", []):
        try:
            tags = s3.get_bucket_tagging(Bucket=bucket["Name"])["TagSet"]
        except ClientError as error:
            # The bucket has no tags, or the listing lags behind its deletion.
            if error_code(error) in {"NoSuchTagSet", "NoSuchBucket"}:
                continue
            raise
        if _has_tag(project, tags):
            yield Resource("bucket", bucket["Name"])


def _stacks(settings: Settings, cloudformation: CloudFormationClient, *, of_storage: bool) -> Iterator[Resource]:
    """Yield the storage stack, or all of the project's stacks but that one."""
    for stack in _pages(cloudformation, "describe_stacks", "Stacks"):
        name = stack["StackName"]
        exists = stack["StackStatus"] != "DELETE_COMPLETE" and _has_tag(settings.project, stack.get("Tags", []))
        if exists and (name == settings.storage_stack) == of_storage:
            yield Resource("stack", name)


def _functions(project: str, awslambda: LambdaClient) -> Iterator[Resource]:
    names = {f"{project}-{name}" for name in FUNCTIONS}
    for function in _pages(awslambda, "list_functions", "Functions"):
        if function["FunctionName"] in names:
            yield Resource("function", function["FunctionName"])


def _state_machines(project: str, stepfunctions: SFNClient) -> Iterator[Resource]:
    names = {f"{project}-{name}" for name in MACHINES}
    for machine in _pages(stepfunctions, "list_state_machines", "stateMachines"):
        if machine["name"] in names:
            yield Resource("state machine", machine["stateMachineArn"])


def _rules(project: str, events: EventBridgeClient) -> Iterator[Resource]:
    names = {f"{project}-arrivals", f"{project}-review-clock"}
    for rule in _pages(events, "list_rules", "Rules", NamePrefix=f"{project}-"):
        if rule["Name"] in names:
            yield Resource("rule", rule["Name"])


def _tables(project: str, dynamodb: DynamoDBClient) -> Iterator[Resource]:
    names = {f"{project}-{name}" for name in TABLES}
    for name in dynamodb.get_paginator("list_tables").paginate().search("TableNames[]"):
        if name in names:
            yield Resource("table", name)


def _queues(project: str, sqs: SQSClient) -> Iterator[Resource]:
    for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{project}-dead-letters"):
        for url in page.get("QueueUrls", []):
            if url.endswith(f"/{project}-dead-letters"):
                yield Resource("queue", url)


def _topics(project: str, sns: SNSClient) -> Iterator[Resource]:
    for topic in _pages(sns, "list_topics", "Topics"):
        if topic["TopicArn"].endswith((f":{project}-reviews", f":{project}-alerts")):
            yield Resource("topic", topic["TopicArn"])


def _alarms(project: str, cloudwatch: CloudWatchClient) -> Iterator[Resource]:
    """Yield the template's alarms; AWS deletes those of the scaling policies with their target."""
    names = {f"{project}-{name}" for name in ALARMS}
    for alarm in _pages(cloudwatch, "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{project}-"):
        if alarm["AlarmName"] in names:
            yield Resource("alarm", alarm["AlarmName"])


def _roles(project: str, iam: IAMClient) -> Iterator[Resource]:
    # CloudFormation appends a random suffix to each role's name.
    names = (*FUNCTIONS, *MACHINES, "arrivals", "image", "train", "evaluate", "serve")
    prefixes = tuple(f"{project}-{name}-" for name in names)
    for role in _pages(iam, "list_roles", "Roles"):
        name = role["RoleName"]
        if name.startswith(prefixes):
            tags: Sequence[Mapping[str, object]] = ()
            with ignoring_gone():
                tags = iam.list_role_tags(RoleName=name)["Tags"]
            if _has_tag(project, tags):
                yield Resource("role", name)


def _log_groups(project: str, logs: CloudWatchLogsClient) -> Iterator[Resource]:
    names = {f"/aws/lambda/{project}-{name}" for name in FUNCTIONS}
    names |= {f"/aws/sagemaker/Endpoints/{project}", f"/aws/codebuild/{project}-image"}
    for name in sorted(names):
        groups = _pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        if any(group["logGroupName"] == name for group in groups):
            yield Resource("log group", name)


def _log_streams(project: str, logs: CloudWatchLogsClient) -> Iterator[Resource]:
    # A job has its release's name; for `scones classify`, the digest of the source and a number follow.
    job = re.compile(rf"{re.escape(project)}-\d{{8}}-\d{{6}}(-[0-9a-f]{{8}}-\d+)?/")
    for group in _JOB_LOG_GROUPS:
        arguments = {"logGroupName": group, "logStreamNamePrefix": f"{project}-"}
        try:
            names = [
                stream["logStreamName"] for stream in _pages(logs, "describe_log_streams", "logStreams", **arguments)
            ]
        except ClientError as error:
            # The account never ran a job of this type.
            if error_code(error) == "ResourceNotFoundException":
                continue
            raise
        for name in filter(job.match, names):
            yield Resource("log stream", f"{group}:{name}")


def _pages(client: BaseClient, operation: str, member: str, **arguments: object) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def _is_tagged(project: str, arn: str, sagemaker: SageMakerClient) -> bool:
    # The listings name a resource for some time after its deletion.
    with ignoring_gone():
        return _has_tag(project, sagemaker.list_tags(ResourceArn=arn)["Tags"])
    return False


def _has_tag(project: str, tags: Sequence[Mapping[str, object]]) -> bool:
    return {"Key": TAG, "Value": project} in tags
