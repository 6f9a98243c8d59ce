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

from scones.contract import FUNCTIONS, TAG
from scones.settings import Settings

# The shared groups hold the streams of all jobs in the account: ours are deleted stream by stream.
_JOB_LOGS = ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs")

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Resource:
    """One thing that cleanup would delete; `id` is what its delete call takes."""

    kind: str
    id: str


def inventory(settings: Settings, *, client: Client) -> list[Resource]:
    """Return what is the project's, in the order in which it can be deleted; `client` returns a service's client."""
    return [
        *_endpoints(settings.project, client("sagemaker")),
        *_endpoint_configs(settings.project, client("sagemaker")),
        *_models(settings.project, client("sagemaker")),
        *_jobs(settings.project, client("sagemaker")),
        *_model_packages(settings.project, client("sagemaker")),
        *_buckets(settings, client("s3")),
        *_stacks(settings, client("cloudformation")),
        *_log_groups(settings.project, client("logs")),
        *_log_streams(settings.project, client("logs")),
        *_tagged(settings, client("resourcegroupstaggingapi")),
    ]


def _endpoints(project: str, sagemaker: Any) -> Iterator[Resource]:
    for found in _pages(sagemaker, "list_endpoints", "Endpoints", NameContains=project):
        if _is_tagged(project, found["EndpointArn"], sagemaker):
            yield Resource("endpoint", found["EndpointName"])


def _endpoint_configs(project: str, sagemaker: Any) -> Iterator[Resource]:
    for found in _pages(sagemaker, "list_endpoint_configs", "EndpointConfigs", NameContains=project):
        if _is_tagged(project, found["EndpointConfigArn"], sagemaker):
            yield Resource("endpoint config", found["EndpointConfigName"])


def _models(project: str, sagemaker: Any) -> Iterator[Resource]:
    for found in _pages(sagemaker, "list_models", "Models", NameContains=project):
        if _is_tagged(project, found["ModelArn"], sagemaker):
            yield Resource("model", found["ModelName"])


def _jobs(project: str, sagemaker: Any) -> Iterator[Resource]:
    for found in _pages(sagemaker, "list_training_jobs", "TrainingJobSummaries", NameContains=project):
        if _is_tagged(project, found["TrainingJobArn"], sagemaker):
            yield Resource("training job", found["TrainingJobName"])
    for found in _pages(sagemaker, "list_processing_jobs", "ProcessingJobSummaries", NameContains=project):
        if _is_tagged(project, found["ProcessingJobArn"], sagemaker):
            yield Resource("processing job", found["ProcessingJobName"])


def _model_packages(project: str, sagemaker: Any) -> Iterator[Resource]:
    for group in _pages(sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList", NameContains=project):
        name = group["ModelPackageGroupName"]
        if not _is_tagged(project, group["ModelPackageGroupArn"], sagemaker):
            continue
        for found in _pages(sagemaker, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=name):
            yield Resource("model package", found["ModelPackageArn"])


def _buckets(settings: Settings, s3: Any) -> Iterator[Resource]:
    for found in s3.list_buckets(Prefix=settings.project).get("Buckets", []):
        try:
            tags = s3.get_bucket_tagging(Bucket=found["Name"])["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchTagSet", "NoSuchBucket"}:
                continue
            raise
        if _carries(settings.project, tags):
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


def _log_groups(project: str, logs: Any) -> Iterator[Resource]:
    ours = {f"/aws/lambda/{project}-{name}" for name in FUNCTIONS} | {f"/aws/sagemaker/Endpoints/{project}"}
    for name in sorted(ours):
        groups = _pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        if any(found["logGroupName"] == name for found in groups):
            yield Resource("log group", name)


def _log_streams(project: str, logs: Any) -> Iterator[Resource]:
    release = re.compile(rf"{re.escape(project)}-\d{{8}}-\d{{6}}/")
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
        for name in filter(release.match, names):
            yield Resource("log stream", f"{group}:{name}")


def _tagged(settings: Settings, tagging: Any) -> Iterator[Resource]:
    """Yield what the tag alone finds: a function, role or machine that no stack owns any more, say."""
    filters = [{"Key": TAG, "Values": [settings.project]}]
    for found in _pages(tagging, "get_resources", "ResourceTagMappingList", TagFilters=filters):
        yield Resource("tagged", found["ResourceARN"])


def _pages(client: Any, operation: str, member: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def _is_tagged(project: str, arn: str, sagemaker: Any) -> bool:
    return _carries(project, sagemaker.list_tags(ResourceArn=arn)["Tags"])


def _carries(project: str, tags: list[dict[str, str]]) -> bool:
    return {"Key": TAG, "Value": project} in tags
