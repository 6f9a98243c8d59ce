"""One execution environment of a function, warm between invocations. Runs on the thread of whoever invokes.

Does not write CloudWatch Logs; it hands over what was printed.
"""

from __future__ import annotations

import json
import signal
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from localaws.services.awslambda.runtime_api import RESPONSE_BYTES, Invocation, Outcome
from localaws.services.awslambda.runtime_process import RuntimeProcess

INIT_SECONDS = 10.0


class Result(NamedTuple):
    """How one invocation ended. Times are in milliseconds, memory in megabytes; `init_ms` is None in a warm sandbox."""

    body: bytes
    error_type: str | None
    printed: str
    duration_ms: float
    init_ms: float | None
    memory_mb: int


class Sandbox:
    """`in_use`, `last_used`, `config`, `_proc` and `_discard_tmpdir` are what ministack's pool asks of a worker."""

    _proc = None

    def __init__(self, name: str, config: dict[str, Any], code_zip: bytes) -> None:
        self.config, self.in_use, self.last_used = config, False, time.time()
        self.log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[{config.get('Version', '$LATEST')}]{uuid.uuid4().hex}"
        self._code_zip = code_zip
        self._timeout = float(config["Timeout"])
        self._lock = threading.Lock()
        self._discarded = False
        self._runtime: RuntimeProcess | None = None

    def invoke(self, event: bytes, request_id: str, function_arn: str, trace_id: str | None) -> Result:
        """Run one event, in a new process where there is none alive; one at a time."""
        with self._lock:
            outcome, init_ms = self._warm()
            runtime, started = self._live(), time.monotonic()
            if outcome.kind == "ready":
                deadline_ms = int((time.time() + self._timeout) * 1000)
                runtime.api.invocations.put(Invocation(request_id, event, deadline_ms, function_arn, trace_id))
                outcome = runtime.wait(self._timeout, "response", "error")
            duration_ms = (time.monotonic() - started) * 1000
            body, error_type = self._answer(outcome, request_id, runtime.returncode)
            result = Result(body, error_type, runtime.printed(), duration_ms, init_ms, runtime.peak_mb())
            if self._discarded or outcome.kind not in ("response", "error"):
                self._end()
            return result

    def _warm(self) -> tuple[Outcome, float | None]:
        if self._runtime is not None and self._runtime.returncode is None:
            return Outcome("ready"), None
        self._end()
        started = time.monotonic()
        self._runtime = RuntimeProcess(self.config, self._code_zip, self.log_stream)
        outcome = self._runtime.wait(INIT_SECONDS + self._timeout, "ready", "init error")
        return outcome, (time.monotonic() - started) * 1000

    def _answer(self, outcome: Outcome, request_id: str, returncode: int | None) -> tuple[bytes, str | None]:
        if outcome.body is None:
            error_type = "Function.ResponseSizeTooLarge"
            message = (
                f"Response payload size ({outcome.size} bytes) exceeded maximum allowed payload size "
                f"({RESPONSE_BYTES} bytes)."
            )
        elif outcome.kind == "timeout":
            error_type = "Sandbox.Timedout"
            message = f"RequestId: {request_id} Error: Task timed out after {self._timeout:.2f} seconds"
        elif outcome.kind == "exit":
            error_type = "Runtime.ExitError"
            message = f"RequestId: {request_id} Error: Runtime exited {_how(returncode or 0)}"
        elif outcome.kind == "response":
            return outcome.body, None
        else:
            return outcome.body, str(json.loads(outcome.body).get("errorType", "Runtime.Unknown"))
        return json.dumps({"errorMessage": message, "errorType": error_type}).encode(), error_type

    def _live(self) -> RuntimeProcess:
        assert self._runtime is not None  # noqa: S101 - `_warm` has just set it
        return self._runtime

    def _discard_tmpdir(self) -> None:
        self._discarded = True
        # An invocation in flight ends first, as on AWS; it then sees the mark.
        if self._lock.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._lock.release()

    def _end(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.end()


def _how(returncode: int) -> str:
    if returncode == 0:
        return "without providing a reason"
    how = f"exit status {returncode}" if returncode > 0 else f"signal: {signal.strsignal(-returncode)}".lower()
    return f"with error: {how}"
