import io
import itertools
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import psutil
import pytest

ROLE = "arn:aws:iam::000000000000:role/any"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def ended() -> Callable[[int], bool]:
    """Tells whether a process ends within five seconds; a zombie has ended."""

    def wait(pid: int) -> bool:
        for _ in range(100):
            if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(0.05)
        return False

    return wait


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
            **{"Timeout": 20, **settings},
        )
        return name

    return make


@pytest.fixture(scope="session")
def invoke(localaws: Any) -> Callable[..., Any]:
    """Invokes a function; gives (payload, FunctionError or None)."""

    def call(name: str, event: object = None) -> tuple[Any, str | None]:
        answer = localaws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    return call
