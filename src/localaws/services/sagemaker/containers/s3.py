"""SageMaker's requests to S3, where those of a job can meet a fault.

A fault stands for one that outlasts SageMaker's own retries, so the job fails and its FailureReason names it.
"""

from __future__ import annotations

from contextvars import ContextVar

from localaws.faults.errors import ANSWERED, error_answer
from localaws.faults.injector import injector
from localaws.faults.operations import Operation, Request, rest_operation
from localaws.faults.rules import Call
from localaws.services.sagemaker import engine
from localaws.services.sagemaker.engine import HttpRequest
from localaws.services.sagemaker.errors import ContainerError
from localaws.wire import Answer

_is_job: ContextVar[bool] = ContextVar("is_job", default=False)


def mark_job() -> None:
    """Count the requests of this thread, and of threads with a copy of its context, as those of a job."""
    _is_job.set(True)


def call(request: HttpRequest) -> Answer:
    """Return S3's answer. Raises ContainerError if the connection breaks, which only an injected fault does here."""
    operation = _operation(request) if injector.is_armed and _is_job.get() else None
    kind = injector.take(Call("job", "s3", operation.name)) if operation else None
    if operation is None or kind is None:
        return engine.call("s3", request)
    if kind in ANSWERED:
        return error_answer(operation, kind)
    if kind == "lost-answer":
        engine.call("s3", request)
    raise ContainerError(
        f"InternalServerError: We encountered an internal error. Please try again. "
        f"({operation.name} of s3:/{request.path}: {kind}, injected by localaws)"
    )


def _operation(request: HttpRequest) -> Operation:
    asked = Request(request.method, request.path, request.query, request.headers)
    return Operation("s3", rest_operation("s3", asked), "rest-xml")
