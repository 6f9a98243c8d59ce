"""SageMaker as the engine's persistence expects a service: a module of stores, with functions that save and restore."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import AccountRegionScopedDict, request_scope

from localaws.services.sagemaker.hosting import endpoints
from localaws.services.sagemaker.jobs import processing, training, transform
from localaws.services.sagemaker.store import (
    ENDPOINT_CONFIGS,
    ENDPOINTS,
    LOCK,
    MODEL_PACKAGE_GROUPS,
    MODEL_PACKAGES,
    MODELS,
    PROCESSING_JOBS,
    TAGS,
    TRAINING_JOBS,
    TRANSFORM_JOBS,
)

# The engine finds stores by the names in this module, which is why they are imported one by one.
_STORES = {
    "training_jobs": TRAINING_JOBS,
    "processing_jobs": PROCESSING_JOBS,
    "transform_jobs": TRANSFORM_JOBS,
    "models": MODELS,
    "endpoint_configs": ENDPOINT_CONFIGS,
    "endpoints": ENDPOINTS,
    "model_package_groups": MODEL_PACKAGE_GROUPS,
    "model_packages": MODEL_PACKAGES,
    "tags": TAGS,
}


def get_state() -> dict[str, Any]:
    """Return a consistent copy of all stores, of every account and region."""
    with LOCK:
        return {key: AccountRegionScopedDict.from_dict(store.to_dict()) for key, store in _STORES.items()}


def load_persisted_state(data: dict[str, Any]) -> None:
    """Restore what `get_state` returned: jobs that were running become Failed, and endpoints start again."""
    with LOCK:
        for key, store in _STORES.items():
            store.update(data.get(key) or {})
    # Keys are (account, region, name), and recovery runs once for each account and region.
    scopes = {scoped_name[:2] for store in _STORES.values() for scoped_name in store.to_dict()}
    for account, region in scopes:
        with request_scope(account, region), LOCK:
            for kind in (training.KIND, processing.KIND, transform.KIND):
                kind.recover()
            endpoints.recover()


def reset() -> None:
    """Delete every record, for the engine's own reset; running processes end with the server."""
    with LOCK:
        for store in _STORES.values():
            store.clear()
