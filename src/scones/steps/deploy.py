"""`scones deploy`: deploys the storage stack, uploads the code to its bucket, and deploys the workflow stack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scones.contract.layout import CODE, MACHINES, REPEAT_SECONDS, RETENTION_SECONDS, TABLES
from scones.errors import UsageError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.package import function_zip, hashed_key, image_zip, state_machine, template
from scones.steps.account.stacks import Change, Stack, deploy_stack, find_stack, plan_stack, stack_outputs
from scones.steps.storage.s3 import find_object

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_s3 import S3Client

# The parameters that a function of the template refers to. A change of any other needs no new versions of functions.
FUNCTION_PARAMETERS = (
    "Project",
    "Bucket",
    "CodeKey",
    "EndpointMode",
    "OrdersTable",
    "ArrivalsTable",
    "ReviewsTable",
    "Rules",
    "ReviewSeconds",
    "Threshold",
)


@dataclass(frozen=True)
class _Artifact:
    key: str
    content: bytes


def deploy(
    settings: Settings, *, cloudformation: CloudFormationClient, s3: S3Client, progress: Progress
) -> dict[str, str]:
    """Deploy both stacks and return their outputs as one dictionary. Raises StackError."""
    deploy_stack(_storage(settings), cloudformation=cloudformation, progress=progress)
    storage = stack_outputs(settings.storage_stack, cloudformation=cloudformation)
    artifacts = _artifacts()
    for artifact in artifacts.values():
        _upload_once(storage["Bucket"], artifact, s3=s3)
    deploy_stack(_workflow(settings, storage, artifacts), cloudformation=cloudformation, progress=progress)
    return storage | stack_outputs(settings.workflow_stack, cloudformation=cloudformation)


def require_no_stack(settings: Settings, *, cloudformation: CloudFormationClient) -> None:
    """Raise UsageError if the project is deployed: the defaults would replace the settings that it runs with."""
    stack = find_stack(settings.workflow_stack, cloudformation=cloudformation)
    # A stack in review was only planned.
    if stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS":
        raise UsageError(
            f"project {settings.project} is deployed already, and this folder has no scones.toml: the defaults would "
            "replace its settings; run the command in the folder of its scones.toml, or add --defaults"
        )


def plan(settings: Settings, *, cloudformation: CloudFormationClient) -> list[Change]:
    """Return what `deploy` would change, without changing anything."""
    changes = plan_stack(_storage(settings), cloudformation=cloudformation)
    if find_stack(settings.storage_stack, cloudformation=cloudformation):
        storage = stack_outputs(settings.storage_stack, cloudformation=cloudformation)
    else:
        storage = _expected_storage(settings)
    return changes + plan_stack(_workflow(settings, storage, _artifacts()), cloudformation=cloudformation)


def _expected_storage(settings: Settings) -> dict[str, str]:
    """Return the storage stack's outputs as far as they are known before it exists."""
    unknown = "known-after-deploy"
    tables = {f"{name.title()}Table": f"{settings.project}-{name}" for name in TABLES}
    return {"Bucket": unknown, "ModelPackageGroup": settings.project, "ImageUri": unknown, **tables}


def _storage(settings: Settings) -> Stack:
    return Stack(settings.storage_stack, template("storage"), {"Project": settings.project}, settings.tags)


def _workflow(settings: Settings, storage: Mapping[str, str], artifacts: Mapping[str, _Artifact]) -> Stack:
    parameters = {
        "Project": settings.project,
        "Bucket": storage["Bucket"],
        "ModelPackageGroup": storage["ModelPackageGroup"],
        "ImageUri": f"{storage['ImageUri']}:{settings.image_tag}",
        "ImageKey": artifacts["image"].key,
        "CodeKey": artifacts["functions"].key,
        "DeliveryKey": artifacts["delivery"].key,
        "ReleaseKey": artifacts["release"].key,
        "DeployKey": artifacts["deploy"].key,
        "OrdersTable": storage["OrdersTable"],
        "ArrivalsTable": storage["ArrivalsTable"],
        "ReviewsTable": storage["ReviewsTable"],
        "Rules": settings.dispatch.to_json(),
        "ReviewSeconds": str(settings.review_minutes * 60),
        "KeptSeconds": str(RETENTION_SECONDS),
        "RepeatSeconds": str(REPEAT_SECONDS),
        "AlertEmail": settings.alert_email,
        "ReviewEmail": settings.review_email,
        # CloudFormation's parameters are strings: the empty one means the model's own thresholds.
        "Threshold": "" if settings.threshold is None else str(settings.threshold),
        "TrainInstanceType": settings.train_instance_type,
        "EvaluateInstanceType": settings.evaluate_instance_type,
        "EndpointMode": settings.endpoint_mode,
        "ServerlessMemoryMb": str(settings.serverless_memory_mb),
        "ServerlessMaxConcurrency": str(settings.serverless_max_concurrency),
        "RealtimeInstanceType": settings.realtime_instance_type,
        "RealtimeMinInstances": str(settings.realtime_min_instances),
        "RealtimeMaxInstances": str(settings.realtime_max_instances),
    }
    body = template("workflow")
    parameters["Revision"] = _revision(body, [parameters[name] for name in FUNCTION_PARAMETERS])
    return Stack(settings.workflow_stack, body, parameters, settings.tags)


def _revision(body: str, parameters: Sequence[str]) -> str:
    """Return a hash of all that the functions are made from, so that each change publishes new versions of them."""
    content = json.dumps([body, parameters]).encode()
    return hashlib.sha256(content).hexdigest()[:32]


def _artifacts() -> dict[str, _Artifact]:
    """Return the zip of the functions, that of the image's sources, and the state machines, by name."""
    zips = {"functions": function_zip(), "image": image_zip()}
    artifacts = {name: _Artifact(hashed_key(f"{CODE}{name}-", zip, ".zip"), zip) for name, zip in zips.items()}
    for name in MACHINES:
        asl = state_machine(name)
        artifacts[name] = _Artifact(hashed_key(f"{CODE}{name}-", asl, ".asl.json"), asl)
    return artifacts


def _upload_once(bucket: str, artifact: _Artifact, *, s3: S3Client) -> None:
    # The key has the content's hash: an object that exists is the same.
    if find_object(bucket, artifact.key, s3=s3) is None:
        s3.put_object(Bucket=bucket, Key=artifact.key, Body=artifact.content)
