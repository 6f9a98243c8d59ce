"""The fleet: which servers answer for which endpoint, and how others take their place.

A new set of servers is started beside the old one, which serves until all of the new are healthy, and ends once its
last invocation has.
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
from localaws.services.sagemaker.hosting.serving_container import Server

_LOG = logging.getLogger("localaws")
_LOG_GROUP = "/aws/sagemaker/Endpoints"
_SHUTDOWN_GRACE_SECONDS = 3.0

Variant = Mapping[str, Any]
_fleet: dict[str, list[Server]] = {}


def deploy(arn: str, name: str, variants: Sequence[Variant], then: Callable[[str | None], bool]) -> None:
    """Start servers for `variants` on a thread; `then` gets None, or why they do not start.

    `then` is called with the store locked; where it answers False the endpoint is gone, and the servers with it.
    """
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_deploy, arn, name, variants, then), name=arn, daemon=True).start()


def withdraw(arn: str) -> None:
    """Take the endpoint's servers away; each ends when its last invocation has."""
    with store.LOCK:
        servers = _fleet.pop(arn, [])
    for server in servers:
        threading.Thread(target=server.retire, daemon=True).start()


@contextmanager
def borrowed(arn: str, target_variant: str | None) -> Iterator[Server]:
    """A server of the endpoint, by the variants' weights or of the variant that the caller wants.

    Raises ServiceUnavailable where the endpoint has no server, ValidationError where it has not that variant.
    """
    with store.LOCK:
        servers = _fleet.get(arn, [])
        if not servers:
            raise ServiceUnavailable("The endpoint is starting; try again")
        server = _choose(servers, target_variant)
        server.acquire()
    try:
        yield server
    finally:
        server.release()


def shutdown() -> None:
    """End every server at once."""
    with store.LOCK:
        servers = [server for group in _fleet.values() for server in group]
        _fleet.clear()
    if servers:
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(lambda server: server.close(_SHUTDOWN_GRACE_SECONDS), servers))


def _choose(servers: Sequence[Server], target_variant: str | None) -> Server:
    if target_variant is not None:
        for server in servers:
            if server.variant["VariantName"] == target_variant:
                return server
        raise ValidationError(f"Variant {target_variant} is not found")
    weights = [server.variant["Weight"] for server in servers]
    return random.choices(servers, weights if sum(weights) else None)[0]  # noqa: S311 - traffic, not secrets


def _deploy(arn: str, name: str, variants: Sequence[Variant], then: Callable[[str | None], bool]) -> None:
    started: list[Server] = []
    why = None
    try:
        for variant in variants:
            started.append(_start(name, variant))
    except ContainerError as error:
        why = str(error)
    except Exception as error:
        _LOG.exception("%s failed in localaws itself", arn)
        why = f"InternalServerError: {error!r}"
    with store.LOCK:
        is_wanted = then(why) and why is None
        out = _fleet.get(arn, []) if is_wanted else started
        if is_wanted:
            _fleet[arn] = started
    for server in out:
        server.retire()


def _start(name: str, variant: Variant) -> Server:
    log = LogStream(f"{_LOG_GROUP}/{name}", f"{variant['VariantName']}/i-{uuid.uuid4().hex[:17]}")
    server = Server(variant, log)
    server.start(variant["StartupSeconds"])
    server.keep_alive()
    return server
