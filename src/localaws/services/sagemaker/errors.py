"""Errors of SageMaker's API beyond those that all APIs share, and the failures of a container.

SageMaker answers with ValidationException for most missing or duplicate resources, whatever its API reference lists.
"""

from __future__ import annotations

from localaws.wire import ApiError


class ResourceInUse(ApiError):
    """Raised if a job of this name exists."""


class ConflictException(ApiError):
    """Raised if a model package group still contains packages."""


class ValidationError(ApiError):
    """The runtime's name for a bad request: raised if an endpoint does not exist or a body is too large."""


class ServiceUnavailable(ApiError):
    """Raised if an endpoint exists but nothing answers at the moment; clients retry it."""

    status = 503


class ModelError(ApiError):
    """Raised if the container answers with a status other than 2xx; status 0 means that it did not answer."""

    status = 424

    def __init__(self, message: str, original_status: int, original_message: str, log_stream_arn: str) -> None:
        super().__init__(message)
        self.members = {
            "OriginalStatusCode": original_status,
            "OriginalMessage": original_message,
            "LogStreamArn": log_stream_arn,
        }


class ContainerError(Exception):
    """Raised if a container or its data fails. The message becomes the FailureReason of the job or the endpoint."""


class UnhealthyError(ContainerError):
    """Raised if a serving container does not answer its ping in time."""
