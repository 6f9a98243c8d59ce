from collections.abc import Callable
from typing import Any

Make = Callable[..., str]
Invoke = Callable[..., tuple[Any, str | None]]


def test_memory_over_the_limit_fails_the_invocation_only(make_function: Make, invoke: Invoke) -> None:
    name = make_function("def handler(event, context):\n  return len(bytearray(event << 20))", MemorySize=128)
    body, _ = invoke(name, 600)
    assert body["errorType"] in ("MemoryError", "Runtime.ExitError")
    assert invoke(name, 10) == (10 << 20, None)
