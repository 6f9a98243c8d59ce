"""Errors that SageMaker's API answers with; a class's name is the code that AWS sends. Raised anywhere in this package.

SageMaker answers most missing or duplicate resources with ValidationException, whatever its API reference lists.
"""

from __future__ import annotations


class SageMakerError(Exception):
    """Base of the tree; the message is the one that the client sees."""

    status = 400

    @property
    def code(self) -> str:
        return type(self).__name__


class ValidationException(SageMakerError):
    """A request that is malformed, or names what is not there."""


class SerializationException(SageMakerError):
    """A body that is not JSON, or a member of the wrong type."""


class UnknownOperationException(SageMakerError):
    """An operation that this SageMaker does not have."""


class ResourceInUse(SageMakerError):
    """A job of this name exists."""


class ConflictException(SageMakerError):
    """A model package group that still holds packages."""


class ValidationError(SageMakerError):
    """The runtime's name for a bad request: an endpoint that is not there, a body that is too large."""


class ServiceUnavailable(SageMakerError):
    """The endpoint exists but nothing answers at the moment; clients retry it."""

    status = 503


class ModelError(SageMakerError):
    """The container answered with another status than 2xx (0: it did not answer)."""

    status = 424

    def __init__(self, message: str, original_status: int, original_message: str, log_stream_arn: str) -> None:
        super().__init__(message)
        self.members = {
            "OriginalStatusCode": original_status,
            "OriginalMessage": original_message,
            "LogStreamArn": log_stream_arn,
        }


class ContainerError(Exception):
    """A container, or what it needs, failed; the message becomes the job's or the endpoint's FailureReason."""


class UnhealthyError(ContainerError):
    """A serving container that did not answer its ping in time."""
