"""Which errors of AWS are transient; `tests/scones/workflow/test_transient.py` has the same ones in the handlers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from scones.transient import is_transient


def client_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutItem")


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException", 400),
        client_error("InternalError", 500),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    ],
    ids=repr,
)
def test_throttling_a_failing_service_and_no_answer_are_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error", [client_error("AccessDenied", 403), NoCredentialsError(), ValueError("ours")], ids=repr
)
def test_a_refusal_and_errors_of_our_own_are_not_transient(error: Exception) -> None:
    assert not is_transient(error)
