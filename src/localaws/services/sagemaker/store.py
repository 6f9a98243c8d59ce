"""What SageMaker remembers: one dictionary of records for each kind of resource, by account, region and name.

A record is never changed in place but replaced, so a shallow copy of a store is a consistent snapshot of it. Records
hold the members of the Describe answer and private ones, which begin with an underscore; all are plain JSON.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from localaws.services.sagemaker.errors import SageMakerError

Record = dict[str, Any]

# Held while an operation runs: operations are short and do no I/O.
LOCK = threading.RLock()

TRAINING_JOBS = AccountRegionScopedDict()
PROCESSING_JOBS = AccountRegionScopedDict()
TRANSFORM_JOBS = AccountRegionScopedDict()
MODELS = AccountRegionScopedDict()
ENDPOINT_CONFIGS = AccountRegionScopedDict()
ENDPOINTS = AccountRegionScopedDict()
MODEL_PACKAGE_GROUPS = AccountRegionScopedDict()
MODEL_PACKAGES = AccountRegionScopedDict()
TAGS = AccountRegionScopedDict()

_RESOURCES = (
    TRAINING_JOBS,
    PROCESSING_JOBS,
    TRANSFORM_JOBS,
    MODELS,
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    MODEL_PACKAGE_GROUPS,
    MODEL_PACKAGES,
)
_frozen = threading.Event()


def arn(kind: str, name: str) -> str:
    """The ARN in the request's account and region; SageMaker writes names in lower case there."""
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{kind}/{name.lower()}"


def find(records: Any, name: str, missing: SageMakerError) -> Record:
    """The record of this name. Raises `missing` where there is none."""
    record: Record | None = records.get(name)
    if record is None:
        raise missing
    return record


def name_of(records: Any, resource_arn: str) -> str | None:
    """The name under which the resource with this ARN is kept."""
    names = (name for name, record in records.items() if record["_Arn"] == resource_arn)
    return next(names, None)


def exists(resource_arn: str) -> bool:
    """Whether any resource of this account and region has the ARN."""
    return any(name_of(records, resource_arn) for records in _RESOURCES)


def change(records: Any, name: str, **members: Any) -> None:
    """Replace members of a record and its LastModifiedTime; nothing happens where it was deleted meanwhile."""
    with LOCK:
        if name in records and not is_frozen():
            records[name] = {**records[name], "LastModifiedTime": time.time(), **members}


def freeze() -> None:
    """From now on nothing changes: what a stopping server does to its children is not their own failure."""
    _frozen.set()


def is_frozen() -> bool:
    return _frozen.is_set()
