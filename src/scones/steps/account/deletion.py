"""How each kind of resource in the inventory is deleted, and how a project's work is stopped before that."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.layout import TAG
from scones.errors import DeletionError
from scones.settings import Settings
from scones.steps.account.gone import ignoring_gone
from scones.steps.account.stacks import delete_stack, find_stack
from scones.steps.run.executions import list_executions, stop_execution
from scones.steps.storage.s3 import all_versions, delete_objects

if TYPE_CHECKING:
    from scones.clients import ClientFactory

_MACHINE_OUTPUTS: Final = ("DeliveryMachine", "ReleaseMachine", "DeployMachine")
_BUSY_ENDPOINT_STATUSES: Final = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_BUSY_JOB_STATUSES: Final = ("InProgress", "Stopping")
_POLL_SECONDS: Final = 1
# Longer than SageMaker takes to create or update an endpoint, or to stop a job.
_MAX_BUSY_SECONDS: Final = 3600
# Longer than a function that is still running can write: the longest timeout in workflow.yaml is 90 seconds.
_MAX_EMPTYINGS: Final = 120


@dataclass(frozen=True)
class Account:
    """The account that is cleaned up: `client` returns a service's client, `sleep` waits between two polls."""

    client: ClientFactory
    sleep: Callable[[float], None]


Deleter = Callable[[str, Account], object]


class StillBusyError(Exception):
    """A resource did not reach a state in which it can be deleted."""


def stop_arrivals(settings: Settings, account: Account) -> None:
    """Disable the rule that starts deliveries."""
    with ignoring_gone():
        account.client("events").disable_rule(Name=f"{settings.project}-arrivals")


def stop_executions(settings: Settings, account: Account) -> None:
    """Stop the executions of all state machines: they would create resources while the inventory is deleted."""
    stack = find_stack(settings.workflow_stack, cloudformation=account.client("cloudformation"))
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())} if stack else {}
    stepfunctions = account.client("stepfunctions")
    for machine in [outputs[name] for name in _MACHINE_OUTPUTS if name in outputs]:
        with ignoring_gone():
            # The whole list first, because stopping between two pages of a listing can make it skip.
            for execution in list(list_executions(machine, stepfunctions=stepfunctions, status="RUNNING")):
                stop_execution(execution["executionArn"], "Cleanup", stepfunctions=stepfunctions)


def _wait_while(busy: Collection[str], status: Callable[[], str], resource: str, account: Account) -> None:
    """Poll `status()` until it is not one of `busy`. Raises StillBusyError if that takes over `_MAX_BUSY_SECONDS`."""
    last = ""
    for _ in range(_MAX_BUSY_SECONDS // _POLL_SECONDS):
        last = status()
        if last not in busy:
            return
        account.sleep(_POLL_SECONDS)
    raise StillBusyError(f"{resource} is still {last} after {_MAX_BUSY_SECONDS // 60} minutes")


def _deregister_target(resource: str, account: Account) -> None:
    """Deregister a scalable target; AWS deletes its policies and their alarms with it."""
    account.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension="sagemaker:variant:DesiredInstanceCount"
    )


def _delete_build(build: str, account: Account) -> None:
    codebuild = account.client("codebuild")

    def stopped() -> str:
        builds = codebuild.batch_get_builds(ids=[build])["builds"]
        if not builds or builds[0]["buildComplete"]:
            return "complete"
        codebuild.stop_build(id=build)
        return "running"

    _wait_while(["running"], stopped, f"image build {build}", account)
    codebuild.batch_delete_builds(ids=[build])


def _delete_endpoint(name: str, account: Account) -> None:
    sagemaker = account.client("sagemaker")

    def status() -> str:
        return sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]

    # SageMaker refuses to delete an endpoint that it is creating or updating.
    _wait_while(_BUSY_ENDPOINT_STATUSES, status, f"endpoint {name}", account)
    sagemaker.delete_endpoint(EndpointName=name)


def _delete_job(kind: str) -> Deleter:
    """Return the deleter of `training` or `processing` jobs."""

    def delete(name: str, account: Account) -> None:
        _stop_job(kind, name, account)
        getattr(account.client("sagemaker"), f"delete_{kind}_job")(**{f"{kind.title()}JobName": name})

    return delete


def _untag_transform_job(name: str, account: Account) -> None:
    """Stop a transform job and remove the project's tag."""
    # SageMaker has no call that deletes these jobs; they cost nothing once they have ended.
    job = _stop_job("transform", name, account)
    account.client("sagemaker").delete_tags(ResourceArn=job["TransformJobArn"], TagKeys=[TAG])


def _stop_job(kind: str, name: str, account: Account) -> dict[str, Any]:
    """Stop a job unless it has ended; return its description once it has."""
    sagemaker = account.client("sagemaker")
    noun = f"{kind.title()}Job"
    job: dict[str, Any] = {}

    def stopped() -> str:
        job.update(getattr(sagemaker, f"describe_{kind}_job")(**{f"{noun}Name": name}))
        status: str = job[f"{noun}Status"]
        if status == "InProgress":
            try:
                getattr(sagemaker, f"stop_{kind}_job")(**{f"{noun}Name": name})
            except ClientError as error:
                # A job may end between the two calls, and SageMaker refuses to stop one that has ended.
                if error_code(error) != "ValidationException":
                    raise
        return status

    _wait_while(_BUSY_JOB_STATUSES, stopped, f"{kind} job {name}", account)
    return job


def _delete_bucket(name: str, account: Account) -> None:
    """Empty a bucket until it can be deleted. Raises DeletionError if it is written to for too long."""
    last = ""
    for _ in range(_MAX_EMPTYINGS):
        last = _empty_bucket(name, account) or last
        try:
            account.client("s3").delete_bucket(Bucket=name)
        except ClientError as error:
            if error_code(error) != "BucketNotEmpty":
                raise
            # A camera, or a function that is still running, wrote between the two calls.
            account.sleep(_POLL_SECONDS)
        else:
            return
    raise DeletionError(
        f"something still writes to s3://{name}, the last object being {last}; "
        "stop what uploads there, such as a camera, and run `scones cleanup` again"
    )


def _empty_bucket(name: str, account: Account) -> str:
    """Delete all that a bucket holds; return the last key, "" if it held nothing."""
    last = ""
    s3 = account.client("s3")
    for uploads in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
        for upload in uploads.get("Uploads", []):
            with ignoring_gone():
                s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    # Versions and delete markers: a versioned bucket is empty only without both.
    for page in all_versions(name, "", s3=s3):
        delete_objects(name, page, s3=s3, sleep=account.sleep)
        last = page[-1]["Key"] if page else last
    return last


def _delete_log_stream(name: str, account: Account) -> None:
    group, _, stream = name.partition(":")
    account.client("logs").delete_log_stream(logGroupName=group, logStreamName=stream)


def _delete_rule(name: str, account: Account) -> None:
    events = account.client("events")
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
    if targets:
        events.remove_targets(Rule=name, Ids=targets)
    events.delete_rule(Name=name)


def _delete_role(name: str, account: Account) -> None:
    iam = account.client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        with ignoring_gone():
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def _delete_alarm(name: str, account: Account) -> None:
    account.client("cloudwatch").delete_alarms(AlarmNames=[name])


def _delete_stack(name: str, account: Account) -> None:
    delete_stack(name, cloudformation=account.client("cloudformation"), sleep=account.sleep)


def _call(service: str, operation: str, argument: str) -> Deleter:
    """Return the deleter for a kind that takes one call with one argument."""
    return lambda name, account: getattr(account.client(service), operation)(**{argument: name})


# By the inventory's kinds. "tagged" has no deleter: what carries the tag but is of no other kind is only reported.
DELETE: Final[dict[str, Deleter]] = {
    "scalable target": _deregister_target,
    "image build": _delete_build,
    "endpoint": _delete_endpoint,
    "endpoint config": _call("sagemaker", "delete_endpoint_config", "EndpointConfigName"),
    "model": _call("sagemaker", "delete_model", "ModelName"),
    "model package": _call("sagemaker", "delete_model_package", "ModelPackageName"),
    "training job": _delete_job("training"),
    "processing job": _delete_job("processing"),
    "transform job": _untag_transform_job,
    "bucket": _delete_bucket,
    "function": _call("lambda", "delete_function", "FunctionName"),
    "state machine": _call("stepfunctions", "delete_state_machine", "stateMachineArn"),
    "rule": _delete_rule,
    "table": _call("dynamodb", "delete_table", "TableName"),
    "queue": _call("sqs", "delete_queue", "QueueUrl"),
    "topic": _call("sns", "delete_topic", "TopicArn"),
    "alarm": _delete_alarm,
    "role": _delete_role,
    "stack": _delete_stack,
    "log group": _call("logs", "delete_log_group", "logGroupName"),
    "log stream": _delete_log_stream,
}
