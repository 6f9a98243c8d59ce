"""Our own runtime for Python functions, where AWS's runtime interface client is not to be had, such as on macOS.

Runs in a sandbox, as a script that is given the handler's name: standard library and simplejson only. Sources: Lambda
Developer Guide, "Using the Lambda runtime API for custom runtimes" and "Lambda context object in Python"; the errors,
log lines and JSON are those of awslambdaric 4.2.2.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from decimal import Decimal
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any

import simplejson
from simplejson.raw_json import RawJSON

Handler = Callable[[object, object], object]
_API = "/2018-06-01/runtime"
_NO_BREAK_SPACE = "\u00a0"


class RuntimeFault(Exception):
    """Raised for what the runtime finds wrong with a function; `kind` is Lambda's error type."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class FunctionContext:
    """The second argument of a handler, from the headers of an invocation."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        # Only AWS's mobile SDKs send these two.
        self.client_context = None
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left before the function times out."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


class _RequestIds(logging.Filter):
    """Gives each log record the id of the current request, as `aws_request_id`."""

    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.current
        return True


def find_handler(name: str) -> Handler:
    """Return the function MODULE.FUNCTION. Raises RuntimeFault if it does not exist, and whatever the module raises."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise RuntimeFault("Runtime.MalformedHandlerName", f"Bad handler '{name}': it has no dot")
    if module_name.partition(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise RuntimeFault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise RuntimeFault("Runtime.UserCodeSyntaxError", message, trace) from error
    try:
        handler: Handler = getattr(module, function)
    except AttributeError as error:
        message = f"Handler '{function}' missing on module '{module_name}'"
        raise RuntimeFault("Runtime.HandlerNotFound", message) from error
    return handler


def encode(value: object) -> bytes:
    """Return a handler's result as Lambda sends it: bytes as they are, everything else as JSON.

    Raises RuntimeFault for what JSON cannot hold.
    """
    if isinstance(value, bytes):
        return value
    try:
        # simplejson, as in Lambda: its JSON has named tuples as objects and nested bytes as text.
        text = simplejson.dumps(value, default=_decimal, use_decimal=False, ensure_ascii=False, allow_nan=True)
        return str(text).encode()
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _decimal(value: object) -> object:
    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else RawJSON(str(value))
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def describe(error: Exception, request_id: str = "") -> dict[str, Any]:
    """Return an error in the form that callers of a function get."""
    if isinstance(error, RuntimeFault):
        kind = error.kind
        trace = error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        # The trace begins with the function's own first frame.
        own = [number for number, frame in enumerate(frames) if frame.filename != __file__]
        kind = type(error).__name__
        trace = traceback.format_list(frames[own[0] :] if own else [])
    # A lone surrogate can neither be sent nor printed.
    message = str(error).encode(errors="backslashreplace").decode()
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def log_line(error: Mapping[str, Any]) -> str:
    """Return an error as the one event of the log that it is: its lines are separated by carriage returns."""
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}", "Traceback (most recent call last):"]
    for line in "\n".join(error["stackTrace"]).splitlines():
        bare = line.lstrip(" ")
        lines.append(_NO_BREAK_SPACE * (len(line) - len(bare)) + bare)
    return "\r".join(lines)


def _log_with(ids: _RequestIds) -> None:
    layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(ids)
    logging.getLogger().addHandler(handler)


def _run(handler: Handler, event: bytes, context: FunctionContext) -> tuple[str, bytes]:
    """Return "response" or "error", and what to report."""
    try:
        try:
            parsed = simplejson.loads(event)
        except ValueError as error:
            raise RuntimeFault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
        return "response", encode(handler(parsed, context))
    # An exit is not an error of the function: it ends the process, which the sandbox reports.
    except Exception as error:
        described = describe(error, context.aws_request_id)
        print(log_line(described))
        return "error", encode(described)


def main(name: str, address: str) -> None:
    """Run the handler `name` for each event of the Runtime API at `address`, until that closes."""
    ids = _RequestIds()
    _log_with(ids)
    api = HTTPConnection(address)
    try:
        handler = find_handler(name)
    except Exception as error:
        described = describe(error)
        print(log_line(described))
        _post(api, "/init/error", encode(described))
        sys.exit(1)
    while True:
        api.request("GET", f"{_API}/invocation/next")
        response = api.getresponse()
        event = response.read()
        if response.status != 200:
            return
        context = FunctionContext(dict(response.headers))
        ids.current = context.aws_request_id
        # The X-Ray SDK reads it.
        os.environ["_X_AMZN_TRACE_ID"] = response.headers.get("Lambda-Runtime-Trace-Id", "")
        kind, report = _run(handler, event, context)
        _post(api, f"/invocation/{context.aws_request_id}/{kind}", report)


def _post(api: HTTPConnection, path: str, body: bytes) -> None:
    api.request("POST", _API + path, body, {"Content-Type": "application/json"})
    api.getresponse().read()


if __name__ == "__main__":
    main(sys.argv[1], os.environ["AWS_LAMBDA_RUNTIME_API"])
