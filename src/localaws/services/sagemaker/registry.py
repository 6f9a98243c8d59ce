"""The model registry: model package groups, and versioned model packages that people or pipelines approve."""

from __future__ import annotations

import time
from typing import Any

from localaws.services.sagemaker import checks, store, tags
from localaws.services.sagemaker.errors import ConflictException
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import MODEL_PACKAGE_GROUPS, MODEL_PACKAGES, Record
from localaws.wire import ValidationException

_NOT_IMPLEMENTED_IN_CREATE = (
    "AdditionalInferenceSpecifications",
    "ModelCard",
    "SourceAlgorithmSpecification",
    "SourceUri",
    "ValidationSpecification",
)
_NOT_IMPLEMENTED_IN_UPDATE = (
    "AdditionalInferenceSpecificationsToAdd",
    "InferenceSpecification",
    "ModelCard",
    "SourceUri",
)


def create_model_package_group(request: dict[str, Any]) -> dict[str, Any]:
    """Create a group. Raises ValidationException if the name is taken."""
    checks.refuse(request, "ManagedConfiguration")
    name = request["ModelPackageGroupName"]
    arn = store.arn("model-package-group", name)
    if name in MODEL_PACKAGE_GROUPS:
        raise ValidationException(f"Model Package Group already exists: {arn}")
    MODEL_PACKAGE_GROUPS[name] = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "_Arn": arn,
        # Kept apart from the packages, because a deleted version's number is never used again.
        "_LastVersion": 0,
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": time.time(),
        "CreatedBy": {},
    }
    tags.put(arn, request.get("Tags", []))
    return {"ModelPackageGroupArn": arn}


def describe_model_package_group(request: dict[str, Any]) -> dict[str, Any]:
    """Describe a group by name or ARN. Raises ValidationException if it does not exist."""
    return _find_group(request["ModelPackageGroupName"])


def list_model_package_groups(request: dict[str, Any]) -> dict[str, Any]:
    """Return one page of groups."""
    checks.refuse(request, "CrossAccountFilterOption")
    groups = MODEL_PACKAGE_GROUPS.values()
    return page(groups, request, "ModelPackageGroupSummaryList", name="ModelPackageGroupName")


def delete_model_package_group(request: dict[str, Any]) -> dict[str, Any]:
    """Delete a group. Raises ValidationException if it does not exist, ConflictException while it has packages."""
    record = _find_group(request["ModelPackageGroupName"])
    name = record["ModelPackageGroupName"]
    if any(package.get("ModelPackageGroupName") == name for package in MODEL_PACKAGES.values()):
        raise ConflictException(
            f"Model Package Group {record['_Arn']} cannot be deleted because it still contains Model Packages"
        )
    del MODEL_PACKAGE_GROUPS[name]
    tags.forget(record["_Arn"])
    return {}


def create_model_package(request: dict[str, Any]) -> dict[str, Any]:
    """Create a version in a group, PendingManualApproval by default, or an unversioned package with its own name.

    Raises ValidationException if the group does not exist, the package does, or the request has both names or neither.
    """
    checks.refuse(request, *_NOT_IMPLEMENTED_IN_CREATE)
    # True if the request has both names, or neither.
    if ("ModelPackageGroupName" in request) == ("ModelPackageName" in request):
        raise ValidationException("Exactly one of ModelPackageGroupName and ModelPackageName must be provided")
    if "ModelPackageGroupName" in request and request.get("Tags"):
        raise ValidationException("Tags cannot be given to a versioned model package: it has those of its group")
    identity = _next_version(request) if "ModelPackageGroupName" in request else _unversioned(request)
    arn = identity["ModelPackageArn"]
    MODEL_PACKAGES[arn] = {
        **{key: value for key, value in request.items() if key not in ("Tags", "ClientToken")},
        **identity,
        "_Arn": arn,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": time.time(),
        "CreatedBy": {},
    }
    tags.put(arn, request.get("Tags", []))
    return {"ModelPackageArn": arn}


def describe_model_package(request: dict[str, Any]) -> dict[str, Any]:
    """Describe a package by name or ARN. Raises ValidationException if it does not exist."""
    return _find_package(request["ModelPackageName"])


def list_model_packages(request: dict[str, Any]) -> dict[str, Any]:
    """Return one page of packages, by type, group and approval status."""
    default_type = "Versioned" if "ModelPackageGroupName" in request else "Unversioned"
    package_type = request.get("ModelPackageType", default_type)
    group = _group_name(request["ModelPackageGroupName"]) if "ModelPackageGroupName" in request else None
    status = request.get("ModelApprovalStatus")
    matching = [
        package
        for package in MODEL_PACKAGES.values()
        if package_type in ("Both", "Versioned" if "ModelPackageVersion" in package else "Unversioned")
        and group in (None, package.get("ModelPackageGroupName"))
        and status in (None, package.get("ModelApprovalStatus"))
    ]
    return page(matching, request, "ModelPackageSummaryList", name="ModelPackageName", status="ModelPackageStatus")


def update_model_package(request: dict[str, Any]) -> dict[str, Any]:
    """Change a package's approval or metadata. Raises ValidationException if it does not exist."""
    checks.refuse(request, *_NOT_IMPLEMENTED_IN_UPDATE)
    record = _find_package(request["ModelPackageArn"])
    removed = request.get("CustomerMetadataPropertiesToRemove", [])
    metadata = {**record.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    members = {
        key: request[key] for key in ("ModelApprovalStatus", "ApprovalDescription", "ModelLifeCycle") if key in request
    }
    remaining = {key: value for key, value in metadata.items() if key not in removed}
    store.change(MODEL_PACKAGES, record["_Arn"], CustomerMetadataProperties=remaining, LastModifiedBy={}, **members)
    return {"ModelPackageArn": record["_Arn"]}


def delete_model_package(request: dict[str, Any]) -> dict[str, Any]:
    """Delete a package. Raises ValidationException if it does not exist."""
    record = _find_package(request["ModelPackageName"])
    del MODEL_PACKAGES[record["_Arn"]]
    tags.forget(record["_Arn"])
    return {}


def approved_container(name: str) -> dict[str, Any]:
    """Return the container of a package. Raises ValidationException unless it is approved and has exactly one."""
    record = _find_package(name)
    # Unversioned packages have no approval status and deploy at once.
    if record.get("ModelApprovalStatus", "Approved") != "Approved":
        raise ValidationException(
            f"Model Package {record['_Arn']} is in status {record['ModelApprovalStatus']}, only approved ones deploy"
        )
    containers = record.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise ValidationException(f"Model Package {record['_Arn']} has {len(containers)} containers; one runs here")
    container: dict[str, Any] = containers[0]
    return container


def _next_version(request: dict[str, Any]) -> dict[str, Any]:
    group = _find_group(request["ModelPackageGroupName"])
    name = group["ModelPackageGroupName"]
    version = group["_LastVersion"] + 1
    store.change(MODEL_PACKAGE_GROUPS, name, _LastVersion=version)
    return {
        "ModelPackageGroupName": name,
        "ModelPackageName": name,
        "ModelPackageVersion": version,
        "ModelPackageArn": store.arn("model-package", f"{name}/{version}"),
        "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
    }


def _unversioned(request: dict[str, Any]) -> dict[str, Any]:
    arn = store.arn("model-package", request["ModelPackageName"])
    if arn in MODEL_PACKAGES:
        raise ValidationException(f"Model Package already exists: {arn}")
    return {"ModelPackageArn": arn}


def _find_group(name_or_arn: str) -> Record:
    name = _group_name(name_or_arn)
    missing = ValidationException(f"ModelPackageGroup {store.arn('model-package-group', name)} does not exist.")
    return store.find(MODEL_PACKAGE_GROUPS, name, missing)


def _group_name(name_or_arn: str) -> str:
    return store.name_of(MODEL_PACKAGE_GROUPS, name_or_arn) or name_or_arn


def _find_package(name_or_arn: str) -> Record:
    arn = name_or_arn if name_or_arn.startswith("arn:") else store.arn("model-package", name_or_arn)
    return store.find(MODEL_PACKAGES, arn, ValidationException(f"ModelPackage {arn} does not exist."))


OPERATIONS = {
    "CreateModelPackageGroup": create_model_package_group,
    "DescribeModelPackageGroup": describe_model_package_group,
    "ListModelPackageGroups": list_model_package_groups,
    "DeleteModelPackageGroup": delete_model_package_group,
    "CreateModelPackage": create_model_package,
    "DescribeModelPackage": describe_model_package,
    "ListModelPackages": list_model_packages,
    "UpdateModelPackage": update_model_package,
    "DeleteModelPackage": delete_model_package,
}
