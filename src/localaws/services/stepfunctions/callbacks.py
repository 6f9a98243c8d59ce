"""Tasks that wait for an answer (`.waitForTaskToken`): as on AWS, each attempt has a token that is answered once.

Replaces ministack's own waiting, which loses a second answer or the function's error. Runs on the execution's thread;
answers arrive on the server's threads.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import stepfunctions as engine

Applied = Callable[..., Any]

_MAX_SECONDS = 99_999_999
_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_run_task = engine._execute_task
_answering = threading.Lock()
_execution: ContextVar[Mapping[str, Any] | None] = ContextVar("execution", default=None)


def execute_task(
    state: Mapping[str, Any], data: object, execution: Mapping[str, Any], context: Mapping[str, Any]
) -> tuple[object, str | None]:
    """Run a Task in a context of its own, since branches share theirs; its TimeoutSeconds may be an expression."""
    own = dict(context)
    if isinstance(state.get("TimeoutSeconds"), str):
        seconds = engine._jsonata_state_field(state, "TimeoutSeconds", "number", data, own)
        state = {**state, "TimeoutSeconds": seconds}
    _execution.set(execution)
    ended: tuple[object, str | None] = _run_task(state, data, execution, own)
    return ended


def with_new_token(apply: Applied) -> Applied:
    """Return `apply`, which evaluates a Task's arguments, so that a Task that waits gets a new token each time."""

    def applied(state: Mapping[str, Any], data: object, context: dict[str, Any] | None = None) -> object:
        if context and "Task" in context:
            context["Task"]["Token"] = str(uuid.uuid4())
        return apply(state, data, context)

    return applied


def wait_for_answer(resource: str, arguments: object, token: str, state: Mapping[str, Any]) -> object:
    """Call the resource with a token, wait for the answer and return it.

    Raises ministack's execution error if the call or the task fails, or if no answer comes within TimeoutSeconds.
    """
    seconds = state.get("TimeoutSeconds", _MAX_SECONDS)
    deadline = time.monotonic() + seconds
    answered = threading.Event()
    task: dict[str, Any] = {"event": answered, "result": None, "error": None, "execution": _execution.get()}
    failure = engine._ExecutionError("States.Timeout", f"No answer came within {seconds} seconds")
    engine._task_tokens[token] = task
    try:
        result = engine._invoke_resource_with_timeout(resource.removesuffix(".waitForTaskToken"), arguments, seconds)
        details = {"resource": resource, "output": json.dumps(result)}
        engine._add_event(task["execution"], "TaskSubmitted", {"taskSubmittedEventDetails": details})
        answered.wait(max(0, deadline - time.monotonic()))
    except engine._ExecutionError as error:
        failure = error
    finally:
        with _answering:
            engine._task_tokens.pop(token, None)
    # An accepted answer counts, even if the call that requested it failed afterwards.
    if not answered.is_set():
        raise failure
    if task["error"] is not None:
        raise engine._ExecutionError(task["error"]["Error"], task["error"]["Cause"])
    return json.loads(task["result"])


def send_success(request: Mapping[str, Any]) -> object:
    """Answer SendTaskSuccess."""
    output = request.get("output", "")
    try:
        json.loads(output)
    except (ValueError, RecursionError) as error:
        return error_response_json("InvalidOutput", f"Invalid Output: '{error}'", 400)
    return _answer(request.get("taskToken", ""), "result", output)


def send_failure(request: Mapping[str, Any]) -> object:
    """Answer SendTaskFailure."""
    return _answer(
        request.get("taskToken", ""), "error", {"Error": request.get("error", ""), "Cause": request.get("cause", "")}
    )


def _answer(token: str, field: str, value: object) -> object:
    with _answering:
        task = engine._task_tokens.get(token)
        if task is not None and _waits(task):
            task[field] = value
            task["event"].set()
            return json_response({})
    if _TOKEN.fullmatch(token):
        return error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)
    return error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)


def _waits(task: Mapping[str, Any]) -> bool:
    execution = task.get("execution")
    return not task["event"].is_set() and (execution is None or execution["status"] == "RUNNING")
