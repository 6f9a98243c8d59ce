"""Blue/green deployments: the containers that serve each endpoint, and their replacement.

New containers start beside the old ones, which serve until all of the new ones are healthy, and end after their last
invocation.
"""

from __future__ import annotations

import contextvars
import logging
import random
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from localaws.services.sagemaker import store
from localaws.services.sagemaker.containers.logs import LogStream
from localaws.services.sagemaker.errors import ContainerError, ServiceUnavailable, ValidationError
from localaws.services.sagemaker.hosting.serving_container import ServingContainer

_LOG = logging.getLogger("localaws")
_LOG_GROUP = "/aws/sagemaker/Endpoints"
# Shorter than SageMaker's 30 seconds, because a user waits for the server to stop.
_SHUTDOWN_GRACE_SECONDS = 3.0

Variant = Mapping[str, Any]
# The containers in service by endpoint ARN; guarded by the store's lock.
_fleet: dict[str, list[ServingContainer]] = {}


def deploy(arn: str, name: str, variants: Sequence[Variant], on_end: Callable[[str | None], bool]) -> None:
    """Start containers for `variants` on a thread; `on_end` receives None, or the reason why they did not start.

    `on_end` is called with the store locked. If it returns False, the endpoint was deleted, and the containers end.
    """
    # The context carries the account and the region, which the engine keeps in context variables.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_deploy, arn, name, variants, on_end), name=arn, daemon=True).start()


def remove(arn: str) -> None:
    """Take the endpoint out of service; each container ends after its last invocation."""
    with store.LOCK:
        containers = _fleet.pop(arn, [])
    for container in containers:
        threading.Thread(target=container.drain, daemon=True).start()


@contextmanager
def acquire(arn: str, target_variant: str | None) -> Iterator[ServingContainer]:
    """Yield a container of the endpoint, of the target variant or by the variants' weights, until the block ends.

    Raises ServiceUnavailable if the endpoint has no container yet, ValidationError if it does not have the variant.
    """
    with store.LOCK:
        containers = _fleet.get(arn, [])
        if not containers:
            raise ServiceUnavailable("The endpoint is starting; try again")
        container = _choose(containers, target_variant)
        # Under the lock, so that an update cannot drain the container between the choice and the invocation.
        container.acquire()
    try:
        yield container
    finally:
        container.release()


def shutdown() -> None:
    """End every container at once, whatever it is answering."""
    with store.LOCK:
        containers = [container for group in _fleet.values() for container in group]
        _fleet.clear()
    if containers:
        with ThreadPoolExecutor(len(containers)) as pool:
            list(pool.map(lambda container: container.close(_SHUTDOWN_GRACE_SECONDS), containers))


def _choose(containers: Sequence[ServingContainer], target_variant: str | None) -> ServingContainer:
    if target_variant is not None:
        for container in containers:
            if container.variant["VariantName"] == target_variant:
                return container
        raise ValidationError(f"Variant {target_variant} is not found")
    weights = [container.variant["Weight"] for container in containers]
    # Weights that are all zero share the traffic equally.
    return random.choices(containers, weights if sum(weights) else None)[0]  # noqa: S311 - traffic, not secrets


def _deploy(arn: str, name: str, variants: Sequence[Variant], on_end: Callable[[str | None], bool]) -> None:
    new: list[ServingContainer] = []
    reason = None
    try:
        for variant in variants:
            new.append(_start(name, variant))
    except ContainerError as error:
        reason = str(error)
    except Exception as error:
        _LOG.exception("%s failed in localaws itself", arn)
        reason = f"InternalServerError: {error!r}"
    # The record and the fleet change together: an invocation sees both before the deployment or both after it.
    with store.LOCK:
        is_deployed = on_end(reason) and reason is None
        to_drain = _fleet.get(arn, []) if is_deployed else new
        if is_deployed:
            _fleet[arn] = new
    for container in to_drain:
        container.drain()


def _start(name: str, variant: Variant) -> ServingContainer:
    log = LogStream(f"{_LOG_GROUP}/{name}", f"{variant['VariantName']}/i-{uuid.uuid4().hex[:17]}")
    container = ServingContainer(variant, log)
    container.start(variant["StartupSeconds"])
    container.keep_alive()
    return container
