"""SageMaker as the engine's persistence sees a service: a module with its stores, `get_state` and the way back."""

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

# Saving looks for stores among the names of this module, which is why they are imported one by one.
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
    with LOCK:
        return {key: AccountRegionScopedDict.from_dict(store.to_dict()) for key, store in _STORES.items()}


def load_persisted_state(data: dict[str, Any]) -> None:
    """Take over what `get_state` gave; running jobs have failed, and endpoints start again."""
    with LOCK:
        for key, store in _STORES.items():
            store.update(data.get(key) or {})
    scopes = {scoped[:2] for store in _STORES.values() for scoped in store.to_dict()}
    for account, region in scopes:
        with request_scope(account, region), LOCK:
            for kind in (training.KIND, processing.KIND, transform.KIND):
                kind.recover()
            endpoints.recover()


def reset() -> None:
    """Forget every record, for the engine's own reset; what is running goes on until the server stops."""
    with LOCK:
        for store in _STORES.values():
            store.clear()
