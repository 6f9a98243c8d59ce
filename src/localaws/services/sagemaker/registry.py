"""The model registry: groups, and packages with versions that people or pipelines approve."""

from __future__ import annotations

import time
from typing import Any

from localaws.services.sagemaker import checks, store, tags
from localaws.services.sagemaker.errors import ConflictException, ValidationException
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import MODEL_PACKAGE_GROUPS, MODEL_PACKAGES, Record


def create_model_package_group(request: dict[str, Any]) -> dict[str, Any]:
    checks.refuse(request, "ManagedConfiguration")
    name = request["ModelPackageGroupName"]
    arn = store.arn("model-package-group", name)
    if name in MODEL_PACKAGE_GROUPS:
        raise ValidationException(f"Model Package Group already exists: {arn}")
    MODEL_PACKAGE_GROUPS[name] = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "_Arn": arn,
        "_LastVersion": 0,
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": time.time(),
        "CreatedBy": {},
    }
    tags.put(arn, request.get("Tags", []))
    return {"ModelPackageGroupArn": arn}


def describe_model_package_group(request: dict[str, Any]) -> dict[str, Any]:
    return _find_group(request["ModelPackageGroupName"])


def list_model_package_groups(request: dict[str, Any]) -> dict[str, Any]:
    checks.refuse(request, "CrossAccountFilterOption")
    groups = MODEL_PACKAGE_GROUPS.values()
    return page(groups, request, "ModelPackageGroupSummaryList", name="ModelPackageGroupName")


def delete_model_package_group(request: dict[str, Any]) -> dict[str, Any]:
    """Raises ConflictException while the group has packages."""
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
    """A new version of a group, PendingManualApproval unless told otherwise; or a package of its own name."""
    checks.refuse(
        request,
        "AdditionalInferenceSpecifications",
        "ModelCard",
        "SourceAlgorithmSpecification",
        "SourceUri",
        "ValidationSpecification",
    )
    if ("ModelPackageGroupName" in request) == ("ModelPackageName" in request):
        raise ValidationException("Exactly one of ModelPackageGroupName and ModelPackageName must be provided")
    if "ModelPackageGroupName" in request and request.get("Tags"):
        raise ValidationException("Tags cannot be given to a versioned model package: it has those of its group")
    named = _next_version(request) if "ModelPackageGroupName" in request else _unversioned(request)
    MODEL_PACKAGES[named["ModelPackageArn"]] = {
        **{key: value for key, value in request.items() if key not in ("Tags", "ClientToken")},
        **named,
        "_Arn": named["ModelPackageArn"],
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": time.time(),
        "CreatedBy": {},
    }
    tags.put(named["ModelPackageArn"], request.get("Tags", []))
    return {"ModelPackageArn": named["ModelPackageArn"]}


def describe_model_package(request: dict[str, Any]) -> dict[str, Any]:
    return _find_package(request["ModelPackageName"])


def list_model_packages(request: dict[str, Any]) -> dict[str, Any]:
    kind = request.get("ModelPackageType", "Versioned" if "ModelPackageGroupName" in request else "Unversioned")
    group = request.get("ModelPackageGroupName")
    chosen = [
        package
        for package in MODEL_PACKAGES.values()
        if kind in ("Both", "Versioned" if "ModelPackageVersion" in package else "Unversioned")
        and (group is None or _group_name(group) == package.get("ModelPackageGroupName"))
        and request.get("ModelApprovalStatus") in (None, package.get("ModelApprovalStatus"))
    ]
    return page(chosen, request, "ModelPackageSummaryList", name="ModelPackageName", status="ModelPackageStatus")


def update_model_package(request: dict[str, Any]) -> dict[str, Any]:
    checks.refuse(
        request,
        "AdditionalInferenceSpecificationsToAdd",
        "InferenceSpecification",
        "ModelCard",
        "SourceUri",
    )
    record = _find_package(request["ModelPackageArn"])
    removed = request.get("CustomerMetadataPropertiesToRemove", [])
    metadata = {**record.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    members = {
        key: request[key] for key in ("ModelApprovalStatus", "ApprovalDescription", "ModelLifeCycle") if key in request
    }
    kept = {key: value for key, value in metadata.items() if key not in removed}
    store.change(MODEL_PACKAGES, record["_Arn"], CustomerMetadataProperties=kept, LastModifiedBy={}, **members)
    return {"ModelPackageArn": record["_Arn"]}


def delete_model_package(request: dict[str, Any]) -> dict[str, Any]:
    record = _find_package(request["ModelPackageName"])
    del MODEL_PACKAGES[record["_Arn"]]
    tags.forget(record["_Arn"])
    return {}


def approved_container(name: str) -> dict[str, Any]:
    """The container of a package. Raises ValidationException unless it is approved and has exactly one."""
    record = _find_package(name)
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
    name, version = group["ModelPackageGroupName"], group["_LastVersion"] + 1
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
