"""SageMaker's records: one store for each type of resource, by account, region and name.

Records hold the members of the Describe answer and private ones, which begin with an underscore; all are plain JSON.
"""

from __future__ import annotations

import threading
import time
from collections.abc import MutableMapping
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from localaws.wire import ApiError

# A record is never changed in place but replaced, so a shallow copy of a store is a consistent snapshot of it.
Record = dict[str, Any]
Store = MutableMapping[str, Record]

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


def arn(resource_type: str, name: str) -> str:
    """Return the ARN in the request's account and region."""
    # SageMaker's ARNs have names in lower case, although its names are case-sensitive.
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{resource_type}/{name.lower()}"


def find(records: Store, name: str, missing: ApiError) -> Record:
    """Return the record of this name. Raises `missing` if it does not exist."""
    record = records.get(name)
    if record is None:
        raise missing
    return record


def name_of(records: Store, resource_arn: str) -> str | None:
    """Return the name under which the resource with this ARN is stored, or None."""
    names = (name for name, record in records.items() if record["_Arn"] == resource_arn)
    return next(names, None)


def exists(resource_arn: str) -> bool:
    """Return whether any resource of the request's account and region has the ARN."""
    return any(name_of(records, resource_arn) for records in _RESOURCES)


def change(records: Store, name: str, **members: object) -> None:
    """Replace members of a record and its LastModifiedTime, unless it was deleted or the store is frozen."""
    # A job's thread may finish after its record was deleted.
    with LOCK:
        if name in records and not is_frozen():
            records[name] = {**records[name], "LastModifiedTime": time.time(), **members}


def freeze() -> None:
    """Ignore all later changes.

    A server that stops ends its child processes, which must not be recorded as failures of their jobs.
    """
    _frozen.set()


def is_frozen() -> bool:
    """Return whether `freeze` was called."""
    return _frozen.is_set()
