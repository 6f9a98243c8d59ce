"""One invocation of a Python function: take a sandbox from the pool, run the event, write the log.

Runs on the caller's thread. Retries, dead-letter queues and concurrency limits are ministack's.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.lambda_runtime import acquire_worker, release_worker
from ministack.services import cloudwatch_logs, lambda_svc

from localaws.services.awslambda.code import log_group
from localaws.services.awslambda.sandbox import InvocationResult, Sandbox

# CloudWatch Logs takes events of 256 KiB, of which 26 bytes are its own.
_MAX_LINE_CHARS = 262_118


def runs_in_sandbox(config: Mapping[str, Any]) -> bool:
    """Return whether a function with this configuration runs in a sandbox; ministack runs all others."""
    return config.get("PackageType", "Zip") == "Zip" and str(config.get("Runtime", "")).startswith("python")


def execute(function: Mapping[str, Any], event: object, request_id: str) -> dict[str, Any]:
    """Run an event and write its log lines; replaces `lambda_svc._execute_function_warm` and returns the same form.

    Returns "body" (parsed JSON, or bytes), "error" (whether the function failed), "log" and "request_id".
    """
    config = function["config"]
    # Ends sandboxes that have been idle for a while.
    lambda_svc._ensure_reaper_thread()
    sandbox, _ = acquire_worker(
        config["FunctionName"], config, function["code_zip"], qualifier=config.get("Version", "$LATEST")
    )
    try:
        trace_id = lambda_svc._xray_trace_id_for_invocation(config)
        result = sandbox.invoke(json.dumps(event).encode(), request_id, config["FunctionArn"], trace_id)
    finally:
        release_worker(sandbox)
    lines = log_lines(result, request_id, config)
    _put_log(sandbox, lines)
    return {
        "body": _parsed(result.body),
        "error": result.error_type is not None,
        "log": "\n".join(lines),
        "request_id": request_id,
    }


def _parsed(body: bytes) -> object:
    # ministack's other services expect objects and arrays parsed, and everything else as the function has sent it.
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return value if isinstance(value, dict | list) else body


def log_lines(result: InvocationResult, request_id: str, config: Mapping[str, Any]) -> list[str]:
    """Return the log lines of an invocation as Lambda writes them; times are in milliseconds, memory in megabytes."""
    version = config.get("Version", "$LATEST")
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {result.duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(result.duration_ms + (result.init_ms or 0))} ms",
        f"Memory Size: {config['MemorySize']} MB",
        f"Max Memory Used: {result.memory_mb} MB",
    ]
    if result.init_ms is not None:
        report.append(f"Init Duration: {result.init_ms:.2f} ms")
    if result.error_type == "Sandbox.Timedout":
        report.append("Status: timeout")
    elif result.error_type is not None:
        report += ["Status: error", f"Error Type: {result.error_type}"]
    printed = [line for line in result.printed.split("\n") if line]
    start = f"START RequestId: {request_id} Version: {version}"
    return [start, *printed, f"END RequestId: {request_id}", "\t".join(report) + "\t"]


def _put_log(sandbox: Sandbox, lines: list[str]) -> None:
    group_name = log_group(sandbox.config)
    stream = {"logGroupName": group_name, "logStreamName": sandbox.log_stream}
    group = cloudwatch_logs._log_groups.get(group_name)
    if group is None:
        cloudwatch_logs._create_log_group({"logGroupName": group_name})
    if group is None or sandbox.log_stream not in group["streams"]:
        cloudwatch_logs._create_log_stream(stream)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line[:_MAX_LINE_CHARS]} for line in lines]
    cloudwatch_logs._put_log_events({**stream, "logEvents": events})
