"""What an error of AWS says: its code, and whether the same call may succeed if it is repeated.

Used by the Lambda functions and by the operator's commands.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError

# The error codes that botocore's "standard" retry mode repeats, and the conflict of a single write with a transaction,
# which it leaves to the caller. Source: AWS SDKs and Tools Reference Guide, "Retry behavior".
# With ConditionalRequestConflict, S3 says that another upload of the same key is under way; its API reference of
# PutObject says to upload again.
_CODES: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConditionalRequestConflict",
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
# The service did not answer, or its answer was cut short.
_NO_ANSWER: Final = (ConnectionError, HTTPClientError, IncompleteReadError)


def error_code(error: ClientError) -> str:
    """Return the service's code of an error, such as "ValidationException"."""
    return error.response["Error"].get("Code", "")


def is_transient(error: Exception) -> bool:
    """Return whether a call that raised this error may succeed if it is repeated."""
    if not isinstance(error, ClientError):
        return isinstance(error, _NO_ANSWER)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or error_code(error) in _CODES
