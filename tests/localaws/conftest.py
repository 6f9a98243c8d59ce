import http.client
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

ROLE = "arn:aws:iam::000000000000:role/any"
Ask = Callable[..., tuple[int, dict[str, Any]]]
_numbers = itertools.count()


def _has_ended(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, FileNotFoundError):
        return True


@pytest.fixture(scope="session")
def ended(eventually: Callable[..., Any]) -> Callable[[int], bool]:
    """Waits until a process has ended; a zombie has."""
    return lambda pid: bool(eventually(lambda: _has_ended(pid)))


@pytest.fixture(scope="session")
def zipped() -> Callable[..., bytes]:
    """Makes a deployment package; keys are module names."""

    def make(**sources: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as package:
            for name, source in sources.items():
                package.writestr(f"{name}.py", source)
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def make_function(localaws: Any, zipped: Callable[..., bytes]) -> Callable[..., str]:
    """Deploys a source with `handler(event, context)` and returns the function's name."""

    def make(source: str, **settings: Any) -> str:
        name = f"function-{next(_numbers)}"
        localaws.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": zipped(app=source)},
            **{"Timeout": 60, **settings},
        )
        return name

    return make


@pytest.fixture(scope="session")
def invoke(localaws: Any) -> Callable[..., Any]:
    """Invokes a function, from any thread; gives (payload, FunctionError or None)."""
    # Clients may be shared by threads, but not made by several at once.
    client = localaws.client("lambda")

    def call(name: str, event: object = None) -> tuple[Any, str | None]:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    return call


@pytest.fixture
def ask(localaws: Any) -> Iterator[Ask]:
    """Sends a request to the injector and returns its status and JSON; everything is cleared afterwards."""

    def send(method: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(urlsplit(localaws.url).netloc, timeout=60)
        connection.request(method, "/_localaws/faults", body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    yield send
    send("DELETE")


@pytest.fixture
def inject(ask: Ask) -> Callable[..., None]:
    """Adds a rule to the injector."""

    def add(**rule: object) -> None:
        assert ask("POST", json.dumps(rule).encode()) == (200, {})

    return add


@pytest.fixture
def report(ask: Ask) -> Callable[[], dict[str, Any]]:
    """Returns what was called and what was injected."""
    return lambda: ask("GET")[1]
