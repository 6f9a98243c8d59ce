"""Deploy: brings the two stacks to what `infra/` says: storage, then the code into its bucket, then the workflow."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from scones.contract.layout import CODE, KEPT_SECONDS, MACHINES, TABLES
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.package import function_zip, hashed_key, image_zip, state_machine, template
from scones.steps.account.stacks import Change, Stack, deploy_stack, find_stack, plan_stack, stack_outputs


def deploy(settings: Settings, *, cloudformation: Any, s3: Any, progress: Progress) -> dict[str, str]:
    """Deploy both stacks and return their outputs in one. Raises StackError."""
    deploy_stack(_storage(settings), cloudformation=cloudformation, progress=progress)
    storage = stack_outputs(settings.storage_stack, cloudformation=cloudformation)
    for key, content in _artifacts().items():
        _upload_once(storage["Bucket"], key, content, s3=s3)
    deploy_stack(_workflow(settings, storage), cloudformation=cloudformation, progress=progress)
    return storage | stack_outputs(settings.workflow_stack, cloudformation=cloudformation)


def plan(settings: Settings, *, cloudformation: Any) -> list[Change]:
    """Return what `deploy` would change, and change nothing."""
    changes = plan_stack(_storage(settings), cloudformation=cloudformation)
    if find_stack(settings.storage_stack, cloudformation=cloudformation):
        storage = stack_outputs(settings.storage_stack, cloudformation=cloudformation)
    else:
        unknown = "known-after-deploy"
        storage = {"Bucket": unknown, "ModelPackageGroup": settings.project, "ImageUri": unknown}
        storage |= {f"{name.title()}Table": f"{settings.project}-{name}" for name in TABLES}
    return changes + plan_stack(_workflow(settings, storage), cloudformation=cloudformation)


def _storage(settings: Settings) -> Stack:
    return Stack(settings.storage_stack, template("storage"), {"Project": settings.project}, settings.tags)


def _workflow(settings: Settings, storage: dict[str, str]) -> Stack:
    code, image, delivery, release, deploy = _artifacts()
    parameters = {
        "Project": settings.project,
        "Bucket": storage["Bucket"],
        "ModelPackageGroup": storage["ModelPackageGroup"],
        "ImageUri": f"{storage['ImageUri']}:{settings.image_tag}",
        "ImageKey": image,
        "CodeKey": code,
        "DeliveryKey": delivery,
        "ReleaseKey": release,
        "DeployKey": deploy,
        "OrdersTable": storage["OrdersTable"],
        "ArrivalsTable": storage["ArrivalsTable"],
        "ReviewsTable": storage["ReviewsTable"],
        "Rules": settings.dispatch.to_json(),
        "ReviewSeconds": str(settings.review_minutes * 60),
        "KeptSeconds": str(KEPT_SECONDS),
        "Threshold": "" if settings.threshold is None else str(settings.threshold),
        "TrainInstanceType": settings.train_instance_type,
        "EvaluateInstanceType": settings.evaluate_instance_type,
        "EndpointMode": settings.endpoint_mode,
        "ServerlessMemoryMb": str(settings.serverless_memory_mb),
        "RealtimeInstanceType": settings.realtime_instance_type,
        "RealtimeMinInstances": str(settings.realtime_min_instances),
        "RealtimeMaxInstances": str(settings.realtime_max_instances),
    }
    return Stack(settings.workflow_stack, template("workflow"), parameters, settings.tags)


def _artifacts() -> dict[str, bytes]:
    """Return S3 key -> content: functions, what the image is built of, then the state machines, in this order."""
    zips = {"functions": function_zip(), "image": image_zip()}
    machines = {name: state_machine(name) for name in MACHINES}
    artifacts = {hashed_key(f"{CODE}{name}-", content, ".zip"): content for name, content in zips.items()}
    return artifacts | {hashed_key(f"{CODE}{name}-", asl, ".asl.json"): asl for name, asl in machines.items()}


def _upload_once(bucket: str, key: str, content: bytes, *, s3: Any) -> None:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        s3.put_object(Bucket=bucket, Key=key, Body=content)
