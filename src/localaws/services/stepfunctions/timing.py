"""The delays of retries and the timeout of an execution, of which ministack implements only a part."""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Mapping, Sequence
from random import SystemRandom
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as engine

# ministack sleeps at most this many seconds before a retry.
_ENGINE_SECONDS = 60
# ministack sleeps this many seconds before it begins an execution.
_ENGINE_HEAD_START = 0.15
_find = engine._find_matching_retrier
_run = engine._run_execution
_fail = engine._fail_execution
_uniform = SystemRandom().uniform

Retrier = Mapping[str, Any]


def delay_seconds(retrier: Retrier, retries: int, share: float) -> float:
    """Return the seconds before the next attempt after `retries` of them.

    `share` in [0, 1] is the random share of the delay that JitterStrategy FULL takes.

    Source: Amazon States Language, "Retrying after error".
    """
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** min(retries, 64)
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    return float(delay * share if retrier.get("JitterStrategy") == "FULL" else delay)


def sleep(seconds: float) -> None:
    """Sleep, except for the wait with which ministack begins every execution."""
    if seconds != _ENGINE_HEAD_START:
        time.sleep(seconds)


def find_retrier(retriers: Sequence[Retrier], error: str, counts: Mapping[int, int]) -> tuple[Retrier | None, int]:
    """Return ministack's choice of a retrier and its index, with the final delay as its IntervalSeconds."""
    retrier, index = _find(retriers, error, counts)
    if retrier is None:
        return None, index
    delay = delay_seconds(retrier, counts.get(index, 0), _uniform(0, 1))
    # ministack sleeps the rest itself.
    if delay > _ENGINE_SECONDS:
        time.sleep(delay - _ENGINE_SECONDS)
    return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, index


def run_in_time(execution_arn: str) -> None:
    """Run an execution by its ARN; the machine's TimeoutSeconds ends it as TIMED_OUT."""
    execution = engine._executions.get(execution_arn)
    machine = engine._state_machines.get(execution["stateMachineArn"]) if execution else None
    seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
    if seconds is None:
        _run(execution_arn)
        return
    # In a copy of the context, by which ministack's stores know the account and the region.
    timer = threading.Timer(seconds, contextvars.copy_context().run, (_time_out, execution))
    timer.daemon = True
    timer.start()
    try:
        _run(execution_arn)
    finally:
        timer.cancel()


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] == "RUNNING":
        execution.update(status="TIMED_OUT", stopDate=now_iso())
        engine._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
        engine._emit_execution_status_event(execution)


def fail(execution: dict[str, Any], error: str, cause: str) -> None:
    """Fail an execution that is still running; one that was stopped or timed out stays so."""
    if execution["status"] == "RUNNING":
        _fail(execution, error, cause)
