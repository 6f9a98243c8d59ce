"""Which errors of AWS the handlers raise as ServiceUnavailableError, which the state machines retry."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from scones.errors import ImageNotFoundError, ServiceUnavailableError
from scones.workflow.transient import retryable

URL = "http://127.0.0.1:1"
THROTTLED = ThrottledRetryableChecker._THROTTLED_ERROR_CODES
TRANSIENT = TransientRetryableChecker._TRANSIENT_ERROR_CODES


def client_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    # botocore raises a subclass of this name for an error of the service's model.
    dynamodb = boto3.client("dynamodb", region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    error: ClientError = dynamodb.exceptions.from_code(code)(response, "PutItem")
    return error


def raised(error: Exception) -> Exception:
    @retryable
    def handler(event: object, context: object) -> None:
        raise error

    with pytest.raises(Exception) as caught:  # noqa: PT011 - its type is what is tested
        handler({}, None)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        client_error("ProvisionedThroughputExceededException", 400),
        client_error("InternalServerError", 500),
        client_error("RequestLimitExceeded", 400),
        client_error("TransactionInProgressException", 400),
        client_error("TransactionConflictException", 400),
        client_error("ThrottlingException", 400),
        client_error("SlowDown", 503),
        client_error("503", 503),
        EndpointConnectionError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        ResponseStreamingError(error="cut off"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_transient_error_is_raised_as_service_unavailable(error: Exception) -> None:
    assert type(raised(error)) is ServiceUnavailableError


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException", 400),
        client_error("ResourceNotFoundException", 400),
        client_error("ConditionalCheckFailedException", 400),
        NoCredentialsError(),
        ImageNotFoundError("gone"),
        ValueError("ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_stays_as_it_is(error: Exception) -> None:
    assert raised(error) is error


@pytest.mark.parametrize("code", sorted({*THROTTLED, *TRANSIENT} - {"EC2ThrottledException"}))
def test_every_error_that_botocore_retries_is_transient(code: str) -> None:
    assert type(raised(client_error(code, 400))) is ServiceUnavailableError
