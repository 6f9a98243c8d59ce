"""The execution that the current thread runs, for integrations that act on behalf of it."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions as engine

_execution_arn: contextvars.ContextVar[str] = contextvars.ContextVar("execution_arn", default="")


def remembered(run: Callable[[str], None]) -> Callable[[str], None]:
    """Return `run`, which runs an execution by its ARN, so that `is_running` knows which one."""

    def run_and_remember(execution_arn: str) -> None:
        _execution_arn.set(execution_arn)
        run(execution_arn)

    return run_and_remember


def is_running() -> bool:
    """Whether the execution of this thread still runs; True outside of one."""
    execution: dict[str, Any] = engine._executions.get(_execution_arn.get()) or {}
    return bool(execution.get("status", "RUNNING") == "RUNNING")
