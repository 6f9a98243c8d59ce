"""One execution environment of a function, warm between invocations. Runs on the caller's thread.

Returns the output of the function; `execution` writes it to CloudWatch Logs.
"""

from __future__ import annotations

import json
import signal
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from localaws.services.awslambda.runtime_api import MAX_RESPONSE_BYTES, Invocation, RuntimeReport
from localaws.services.awslambda.runtime_process import RuntimeProcess

# Lambda Developer Guide, "Init phase".
INIT_SECONDS = 10.0


class InvocationResult(NamedTuple):
    """The result of one invocation; times are in milliseconds, memory in megabytes.

    `body` is the response, or the error as JSON if `error_type` is given; `init_ms` is None in a warm sandbox.
    """

    body: bytes
    error_type: str | None
    printed: str
    duration_ms: float
    init_ms: float | None
    memory_mb: int


class Sandbox:
    """A worker of ministack's pool; the process starts with the first event.

    `config` is ministack's configuration of the function and `code_zip` its deployment package.
    """

    # ministack's pool ends a worker through `_discard_tmpdir` alone if it has no process of its own.
    _proc = None

    def __init__(self, name: str, config: dict[str, Any], code_zip: bytes) -> None:
        # The pool reads `config` and `last_used`, and reads and sets `in_use`.
        self.config = config
        self.in_use = False
        self.last_used = time.time()
        self.log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[{config.get('Version', '$LATEST')}]{uuid.uuid4().hex}"
        self._code_zip = code_zip
        self._timeout = float(config["Timeout"])
        self._lock = threading.Lock()
        self._discarded = False
        self._runtime: RuntimeProcess | None = None

    def invoke(self, event: bytes, request_id: str, function_arn: str, trace_id: str | None) -> InvocationResult:
        """Run one event (JSON) and return its result; starts a process if none is alive.

        Events of several threads run one after the other.
        """
        with self._lock:
            runtime, report, init_ms = self._ready_runtime()
            started = time.monotonic()
            if report.kind == "ready":
                deadline_ms = int((time.time() + self._timeout) * 1000)
                runtime.api.invocations.put(Invocation(request_id, event, deadline_ms, function_arn, trace_id))
                report = runtime.wait(self._timeout, "response", "error")
            duration_ms = (time.monotonic() - started) * 1000
            body, error_type = self._answer(report, request_id, runtime.returncode)
            result = InvocationResult(body, error_type, runtime.printed(), duration_ms, init_ms, runtime.peak_mb())
            # As on AWS a sandbox survives an exception of its function, but not a timeout or a failed start.
            if self._discarded or report.kind not in ("response", "error"):
                self._end()
            return result

    def _ready_runtime(self) -> tuple[RuntimeProcess, RuntimeReport, float | None]:
        """Return a live runtime, its report and, if it was started for this event, the milliseconds that took."""
        if self._runtime is not None and self._runtime.returncode is None:
            return self._runtime, RuntimeReport("ready"), None
        self._end()
        started = time.monotonic()
        self._runtime = RuntimeProcess(self.config, self._code_zip, self.log_stream)
        # On AWS an initialisation of more than 10 seconds goes on within the timeout of the first invocation.
        report = self._runtime.wait(INIT_SECONDS + self._timeout, "ready", "init error")
        return self._runtime, report, (time.monotonic() - started) * 1000

    def _answer(self, report: RuntimeReport, request_id: str, returncode: int | None) -> tuple[bytes, str | None]:
        """Return the response, or Lambda's error as JSON and its type."""
        if report.body is None:
            error_type = "Function.ResponseSizeTooLarge"
            message = (
                f"Response payload size ({report.size} bytes) exceeded maximum allowed payload size "
                f"({MAX_RESPONSE_BYTES} bytes)."
            )
        elif report.kind == "timeout":
            error_type = "Sandbox.Timedout"
            message = f"RequestId: {request_id} Error: Task timed out after {self._timeout:.2f} seconds"
        elif report.kind == "exit":
            error_type = "Runtime.ExitError"
            message = f"RequestId: {request_id} Error: Runtime exited {_exit_reason(returncode or 0)}"
        elif report.kind == "response":
            return report.body, None
        else:
            return report.body, str(json.loads(report.body).get("errorType", "Runtime.Unknown"))
        return json.dumps({"errorMessage": message, "errorType": error_type}).encode(), error_type

    def _discard_tmpdir(self) -> None:
        """End the sandbox; called by the pool, for an idle sandbox or after new code or configuration."""
        self._discarded = True
        # An invocation in flight ends first, as on AWS; it then ends the sandbox itself.
        if self._lock.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._lock.release()

    def _end(self) -> None:
        runtime = self._runtime
        self._runtime = None
        if runtime is not None:
            runtime.end()


def _exit_reason(returncode: int) -> str:
    if returncode == 0:
        return "without providing a reason"
    if returncode > 0:
        return f"with error: exit status {returncode}"
    # macOS adds the number: "Killed: 9".
    return f"with error: signal: {str(signal.strsignal(-returncode)).partition(':')[0].lower()}"
