"""Models: an image, an archive in S3 and an environment under a name, given directly or by an approved model package.

A model has one container and one archive; inference pipelines and multi-model containers are not implemented.
"""

from __future__ import annotations

import time
from typing import Any

from localaws.services.sagemaker import checks, registry, store, tags
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import MODELS, Record
from localaws.wire import ValidationException

_NOT_IMPLEMENTED = (
    "AdditionalModelDataSources",
    "ContainerHostname",
    "ImageConfig",
    "InferenceSpecificationName",
    "ModelDataSource",
    "MultiModelConfig",
)


def create_model(request: dict[str, Any]) -> dict[str, Any]:
    """Create a model. Raises ValidationException if the name is taken or the container cannot run here."""
    checks.require(request, "ExecutionRoleArn")
    checks.refuse(request, "InferenceExecutionConfig")
    name = request["ModelName"]
    arn = store.arn("model", name)
    if name in MODELS:
        raise ValidationException(f'Cannot create already existing model "{arn}".')
    MODELS[name] = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "_Arn": arn,
        # Resolved now: a package that is rejected later does not change the models that were made from it.
        "_Container": _resolve(_only_container(request)),
        "ModelArn": arn,
        "CreationTime": time.time(),
    }
    tags.put(arn, request.get("Tags", []))
    return {"ModelArn": arn}


def describe_model(request: dict[str, Any]) -> dict[str, Any]:
    """Describe a model. Raises ValidationException if it does not exist."""
    return find(request["ModelName"])


def list_models(request: dict[str, Any]) -> dict[str, Any]:
    """Return one page of models."""
    return page(MODELS.values(), request, "Models", name="ModelName")


def delete_model(request: dict[str, Any]) -> dict[str, Any]:
    """Delete a model. Raises ValidationException if it does not exist."""
    record = find(request["ModelName"])
    del MODELS[record["ModelName"]]
    tags.forget(record["_Arn"])
    return {}


def find(name: str) -> Record:
    """Return a model's record. Raises ValidationException if it does not exist."""
    missing = ValidationException(f'Could not find model "{store.arn("model", name)}".')
    return store.find(MODELS, name, missing)


def _only_container(request: dict[str, Any]) -> dict[str, Any]:
    containers = [*request.get("Containers", []), *filter(None, [request.get("PrimaryContainer")])]
    if len(containers) != 1:
        raise ValidationException("A model here has one container: give PrimaryContainer, or one of Containers")
    definition: dict[str, Any] = containers[0]
    checks.refuse(definition, *_NOT_IMPLEMENTED)
    checks.allow(definition, "Mode", "SingleModel")
    return definition


def _resolve(definition: dict[str, Any]) -> dict[str, Any]:
    """Return Image, ModelDataUrl and Environment, from the model package if the definition names one."""
    if "ModelPackageName" in definition:
        package = registry.approved_container(definition["ModelPackageName"])
        # The model's own variables override those of the package.
        environment = {**package.get("Environment", {}), **definition.get("Environment", {})}
        definition = {**package, "Environment": environment}
    checks.require(definition, "Image")
    return {key: definition[key] for key in ("Image", "ModelDataUrl", "Environment") if key in definition}


OPERATIONS = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "ListModels": list_models,
    "DeleteModel": delete_model,
}
