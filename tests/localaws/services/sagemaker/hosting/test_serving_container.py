"""A serving container without an endpoint."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localaws.images import ImageRegistry
from localaws.services.sagemaker.containers import container
from localaws.services.sagemaker.containers.logs import LogStream
from localaws.services.sagemaker.errors import ContainerError, ServiceUnavailable
from localaws.services.sagemaker.hosting.serving_container import NoReplyError, ServingContainer

TOY_IMAGE = Path(__file__).parents[1] / "toy_image.py"


@pytest.fixture
def make_container() -> Iterator[Callable[..., ServingContainer]]:
    container.use_images(ImageRegistry({"toy": (sys.executable, str(TOY_IMAGE))}))
    made = []

    def make(**environment: str) -> ServingContainer:
        variant = {"VariantName": "v", "Image": "toy", "Environment": environment}
        made.append(ServingContainer(variant, LogStream("/aws/sagemaker/Endpoints/unit", "v/i-0")))
        return made[-1]

    yield make
    for server in made:
        server.close()


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_container_that_never_becomes_healthy_is_ended(make_container: Callable[..., ServingContainer]) -> None:
    server = make_container(TOY_BEHAVIOUR="unhealthy")
    with pytest.raises(ContainerError, match="did not pass the ping health check"):
        server.start(1)
    assert server._process.poll() is not None
    assert _refuses(server._port)
    assert not server._folder.exists()


def test_connections_are_kept_but_never_one_that_the_container_closed(
    make_container: Callable[..., ServingContainer], eventually: Callable[..., Any]
) -> None:
    server = make_container()
    server.start(60)

    def used_twice() -> Any:
        assert server.invoke(b"x", {"content-type": "text/plain"}).body == b"x"
        ((_, first),) = server._connections
        assert server.invoke(b"y", {}).body == b"y"
        ((_, second),) = server._connections
        return first if second is first else None

    # A machine that stands still for a second makes even the next request find an idle connection.
    kept = eventually(used_twice)
    kept.sock.shutdown(socket.SHUT_RDWR)
    assert server.invoke(b"z", {}).body == b"z"
    assert server._connections[0][1] is not kept


def test_a_request_that_kills_the_container_is_sent_once(make_container: Callable[..., ServingContainer]) -> None:
    server = make_container()
    server.start(60)
    server.invoke(b"warm", {})
    with pytest.raises(NoReplyError):
        server.invoke(b"die", {})


def test_a_closed_container_is_unavailable(make_container: Callable[..., ServingContainer]) -> None:
    server = make_container()
    server.start(60)
    server.close()
    with pytest.raises(ServiceUnavailable):
        server.invoke(b"x", {})
