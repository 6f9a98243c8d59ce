"""Images and folders of images for the tests of the steps, and S3 clients of moto and of localaws."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from moto import mock_aws
from PIL import Image

from scones.progress import Progress
from scones.steps.dataset.download import Archive

Noise = Callable[..., bytes]


@dataclass
class Uploads:
    """An S3 client that keeps the keys of the objects that it puts."""

    client: Any
    keys: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def put_object(self, **arguments: Any) -> Any:
        self.keys.append(arguments["Key"])
        return self.client.put_object(**arguments)


class Notes(Progress):
    """A progress that keeps its notes."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def note(self, text: str) -> None:
        self.noted.append(text)


@dataclass
class Wrapped:
    """A client in front of another one: answers some operations itself."""

    client: Any
    answers: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return self.answers.get(name) or getattr(self.client, name)


@dataclass
class Forbidding:
    """The clients of an account where the caller may not call some operations, `service.operation`."""

    client: Any
    operations: tuple[str, ...]

    def __call__(self, service: str) -> Any:
        names = [name.partition(".")[2] for name in self.operations if name.startswith(f"{service}.")]
        return Unpaged(self.client(service), dict.fromkeys(names, self.refuse))

    def refuse(self, **_: Any) -> Any:
        error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
        raise ClientError(error, "Forbidden")


class Unpaged(Wrapped):
    """A client whose paginators call the operations that it answers itself."""

    def get_paginator(self, operation: str) -> Any:
        return (
            SimpleNamespace(paginate=self.answers[operation])
            if operation in self.answers
            else (self.client.get_paginator(operation))
        )


@dataclass
class Lossy:
    """A client in front of another one, of whose calls of one operation the first has no answer.

    The call has taken effect, as if its answer was lost, unless `before` is set. A paginator's pages are an operation's
    calls, too. `calls` counts them all.
    """

    client: Any
    operation: str
    before: bool = False
    calls: int = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return partial(self._call, method) if name == self.operation else method

    def get_paginator(self, operation: str) -> Any:
        paginator = self.client.get_paginator(operation)
        if operation != self.operation:
            return paginator
        return SimpleNamespace(paginate=lambda **arguments: self._call(paginator.paginate, **arguments))

    def _call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        self.calls += 1
        answer = None if self.before and self.calls == 1 else method(**arguments)
        if self.calls == 1:
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1:1")
        return answer


@pytest.fixture(scope="session")
def noise() -> Noise:
    """Returns a function that encodes an image of coloured noise; different seeds give unrelated images."""

    def encode(seed: int, *, size: tuple[int, int] = (16, 16), kind: str = "PNG", mirror: bool = False) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels[:, ::-1].copy() if mirror else pixels).save(buffer, kind)
        return buffer.getvalue()

    return encode


@pytest.fixture
def folder(tmp_path: Path, noise: Noise) -> Callable[..., Path]:
    """Returns a function that writes `count` images into each of the named class folders."""

    def write(*classes: str, count: int = 10) -> Path:
        for number, label in enumerate(classes):
            (tmp_path / "images" / label).mkdir(parents=True)
            for seed in range(count):
                (tmp_path / "images" / label / f"{seed:03}.png").write_bytes(noise(1000 * number + seed))
        return tmp_path / "images"

    return write


@pytest.fixture(params=["moto", "localaws"])
def s3(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An S3 client of moto, then one of localaws."""
    if request.param == "localaws":
        yield request.getfixturevalue("localaws").client("s3")
        return
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = f"images-{abs(hash(request.node.nodeid)):x}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def refused() -> Iterator[Archive]:
    """An archive on a port that refuses connections."""
    # Bound without listening, so that no other process can use the port either.
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield Archive(f"http://127.0.0.1:{reserved.getsockname()[1]}/archive.tar.gz", 10, "0" * 32)


class Releases:
    """A fake Step Functions client with one release of this name, or without any (None)."""

    def __init__(self, name: str | None) -> None:
        self.name = name

    def get_paginator(self, operation: str) -> Releases:
        return self

    def paginate(self, **arguments: str) -> list[dict[str, Any]]:
        return [{"executions": [{"executionArn": "arn", "startDate": 1}] if self.name else []}]

    def describe_execution(self, executionArn: str) -> dict[str, str]:
        return {"input": json.dumps({"name": self.name, "digest": "0", "hyperparameters": {}})}


@pytest.fixture
def releases() -> type[Releases]:
    """The class of fake Step Functions clients."""
    return Releases
