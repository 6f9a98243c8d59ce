"""Transient errors of AWS as one error, which the state machines retry by its name. Runs in Lambda.

Lambda reports an exception by its class's name. botocore raises a class for each error of a service's model, and
connection errors that are no ClientError; a state machine cannot list them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
)

from scones.errors import ServiceUnavailableError

# The error codes that botocore's "standard" retry mode repeats, and the conflict of a single write with a transaction,
# which it leaves to the caller. Source: AWS SDKs and Tools Reference Guide, "Retry behavior".
_CODES: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
# The service did not answer, or its answer broke off.
_NO_ANSWER: Final = (ConnectionError, HTTPClientError, IncompleteReadError)

P = ParamSpec("P")
R = TypeVar("R")


def is_transient(error: Exception) -> bool:
    """Return whether a call that raised this error may succeed if it is repeated."""
    if not isinstance(error, ClientError):
        return isinstance(error, _NO_ANSWER)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.response["Error"].get("Code") in _CODES


def retryable(handler: Callable[P, R]) -> Callable[P, R]:
    """Return a handler that raises ServiceUnavailableError instead of a transient error of AWS."""

    @wraps(handler)
    def handle(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except (BotoCoreError, ClientError) as error:
            if not is_transient(error):
                raise
            raise ServiceUnavailableError(f"{type(error).__name__}: {error}; try again") from error

    return handle
