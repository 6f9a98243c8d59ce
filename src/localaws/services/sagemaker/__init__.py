"""SageMaker on this machine: jobs and endpoints are processes under SageMaker's container contract.

Plugs into ministack's registries. Imported by the server alone: the command line starts without it.
"""

from __future__ import annotations

from ministack import app
from ministack.core import router
from ministack.services import tagging

from localaws.images import ImageRegistry
from localaws.services.sagemaker import api, cloudformation, integrations, state, store, tags
from localaws.services.sagemaker.containers import container
from localaws.services.sagemaker.hosting import blue_green, capture


def install(images: ImageRegistry) -> None:
    """Register the service with the engine; `images` maps image URIs to commands."""
    container.use_images(images)
    app._loaded_modules["sagemaker"] = state
    app._state_map["sagemaker"] = "sagemaker"
    app.SERVICE_REGISTRY["sagemaker"] = {"module": "sagemaker"}
    app.SERVICE_HANDLERS["sagemaker"] = api.handle_request
    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}
    tagging._COLLECTORS["sagemaker"] = tags.collect
    tagging._WRITERS["sagemaker"] = tags.write
    tagging._REMOVERS["sagemaker"] = tags.erase
    cloudformation.install()
    integrations.install()


def shutdown() -> None:
    """End every endpoint's process and write the captured invocations that are left.

    Jobs end with the server's other child processes, and become Failed at the next start.
    """
    # First, so that no container that is ended here is recorded as a failure.
    store.freeze()
    blue_green.shutdown()
    capture.flush()
