from collections.abc import Callable
from typing import Any

Make = Callable[..., str]
Invoke = Callable[..., tuple[Any, str | None]]


def test_after_a_timeout_the_next_event_gets_a_new_process(make_function: Make, invoke: Invoke) -> None:
    name = make_function("import time\ndef handler(event, context):\n  time.sleep(event)\n  return 'woke'", Timeout=3)
    body, kind = invoke(name, 600)
    assert kind == "Unhandled"
    assert body["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 3.00 seconds" in body["errorMessage"]
    assert invoke(name, 0) == ("woke", None)
