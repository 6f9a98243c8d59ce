"""The codes of AWS's errors, and which are transient; `workflow/test_transient.py` has them in the handlers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from scones.aws_errors import error_code, is_transient


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


@pytest.mark.parametrize(("error", "code"), [({"Code": "SlowDown"}, "SlowDown"), ({}, "")])
def test_an_error_without_a_code_has_an_empty_one(error: dict[str, str], code: str) -> None:
    assert error_code(ClientError({"Error": error}, "PutItem")) == code  # type: ignore[typeddict-item]
