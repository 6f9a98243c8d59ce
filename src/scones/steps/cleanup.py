"""Cleanup: deletes all that is the project's, then lists every service again and says what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from scones.contract.layout import TAG
from scones.errors import LeftBehindError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.inventory import Client, Resource, inventory
from scones.steps.account.stacks import delete_stack, find_stack, stack_outputs

# Listings lag behind deletions; this is how long we wait for them before we call something left behind.
_SETTLE_SECONDS = 60


def cleanup(
    settings: Settings, *, client: Client, progress: Progress, sleep: Callable[[float], None] = time.sleep
) -> list[Resource]:
    """Delete the project's resources and return them. Raises LeftBehindError naming what is still there afterwards."""
    _stop_executions(settings, client=client)
    deleted: list[Resource] = []
    for resource in inventory(settings, client=client):
        if delete := _DELETE.get(resource.kind):
            progress.update(len(deleted), detail=f"{resource.kind} {resource.id}")
            delete(resource.id, client)
            deleted.append(resource)
    progress.update(len(deleted), len(deleted), "listing every service again")
    left = _settled(settings, client=client, sleep=sleep)
    if left:
        names = [f"{resource.kind} {resource.id}" for resource in left]
        message = f"cleanup left {len(left)} behind: {', '.join(names)}; run it again, or delete them by hand"
        raise LeftBehindError(message, names)
    return deleted


def _settled(settings: Settings, *, client: Client, sleep: Callable[[float], None]) -> list[Resource]:
    for _ in range(_SETTLE_SECONDS // 5):
        if not (left := list(inventory(settings, client=client))):
            break
        sleep(5)
    return left


def _stop_executions(settings: Settings, *, client: Client) -> None:
    cloudformation, stepfunctions = client("cloudformation"), client("stepfunctions")
    if not find_stack(settings.workflow_stack, cloudformation=cloudformation):
        return
    outputs = stack_outputs(settings.workflow_stack, cloudformation=cloudformation)
    for machine in (outputs[name] for name in ("DeliveryMachine", "ReleaseMachine", "DeployMachine") if name in outputs):
        pages = stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
        for execution in [execution for page in pages for execution in page["executions"]]:
            stepfunctions.stop_execution(executionArn=execution["executionArn"], error="Cleanup")


def _empty_bucket(name: str, client: Client) -> None:
    s3 = client("s3")
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for start in range(0, len(versions), 1000):
            doomed = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions[start : start + 1000]]
            s3.delete_objects(Bucket=name, Delete={"Objects": doomed, "Quiet": True})


def _delete_bucket(name: str, client: Client) -> None:
    _empty_bucket(name, client)
    client("s3").delete_bucket(Bucket=name)


def _deregister(resource: str, client: Client) -> None:
    """Deregister a scalable target; its policies and their alarms go with it."""
    client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension="sagemaker:variant:DesiredInstanceCount"
    )


def _delete_build(build: str, client: Client) -> None:
    codebuild = client("codebuild")
    while not codebuild.batch_get_builds(ids=[build])["builds"][0]["buildComplete"]:
        codebuild.stop_build(id=build)
        time.sleep(1)
    codebuild.batch_delete_builds(ids=[build])


def _delete_endpoint(name: str, client: Client) -> None:
    """Delete an endpoint once it is done with what it is doing: SageMaker refuses it in between."""
    sagemaker = client("sagemaker")
    while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] not in (
        "InService",
        "OutOfService",
        "Failed",
    ):
        time.sleep(1)
    sagemaker.delete_endpoint(EndpointName=name)


def _delete_job(kind: str) -> Callable[[str, Client], None]:
    """Return how a `training` or `processing` job is deleted: SageMaker deletes only what has ended."""

    def delete(name: str, client: Client) -> None:
        _ended(kind, name, client)
        getattr(client("sagemaker"), f"delete_{kind}_job")(**{f"{kind.title()}JobName": name})

    return delete


def _disown_transform_job(name: str, client: Client) -> None:
    """End a transform job and take the project's tag off: SageMaker keeps these jobs for ever, at no cost."""
    job = _ended("transform", name, client)
    client("sagemaker").delete_tags(ResourceArn=job["TransformJobArn"], TagKeys=[TAG])


def _ended(kind: str, name: str, client: Client) -> dict[str, Any]:
    """Stop a job where it still runs; gives its description once it has ended."""
    sagemaker, job = client("sagemaker"), {f"{kind.title()}JobName": name}
    while True:
        described = dict(getattr(sagemaker, f"describe_{kind}_job")(**job))
        status = described[f"{kind.title()}JobStatus"]
        if status not in ("InProgress", "Stopping"):
            return described
        if status == "InProgress":
            getattr(sagemaker, f"stop_{kind}_job")(**job)
        time.sleep(1)


def _delete_log_stream(name: str, client: Client) -> None:
    group, _, stream = name.partition(":")
    client("logs").delete_log_stream(logGroupName=group, logStreamName=stream)


def _delete_rule(name: str, client: Client) -> None:
    events = client("events")
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
    if targets:
        events.remove_targets(Rule=name, Ids=targets)
    events.delete_rule(Name=name)


def _delete_role(name: str, client: Client) -> None:
    iam = client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def _call(service: str, operation: str, argument: str) -> Callable[[str, Client], Any]:
    return lambda name, client: getattr(client(service), operation)(**{argument: name})


_DELETE: dict[str, Callable[[str, Client], Any]] = {
    "scalable target": _deregister,
    "image build": _delete_build,
    "endpoint": _delete_endpoint,
    "endpoint config": _call("sagemaker", "delete_endpoint_config", "EndpointConfigName"),
    "model": _call("sagemaker", "delete_model", "ModelName"),
    "model package": _call("sagemaker", "delete_model_package", "ModelPackageName"),
    "training job": _delete_job("training"),
    "processing job": _delete_job("processing"),
    "transform job": _disown_transform_job,
    "bucket": _delete_bucket,
    "function": _call("lambda", "delete_function", "FunctionName"),
    "state machine": _call("stepfunctions", "delete_state_machine", "stateMachineArn"),
    "rule": _delete_rule,
    "table": _call("dynamodb", "delete_table", "TableName"),
    "queue": _call("sqs", "delete_queue", "QueueUrl"),
    "topic": _call("sns", "delete_topic", "TopicArn"),
    "alarm": lambda name, client: client("cloudwatch").delete_alarms(AlarmNames=[name]),
    "role": _delete_role,
    "stack": lambda name, client: delete_stack(name, cloudformation=client("cloudformation")),
    "log group": _call("logs", "delete_log_group", "logGroupName"),
    "log stream": _delete_log_stream,
}
