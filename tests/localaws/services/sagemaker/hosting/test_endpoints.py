"""The life of an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def test_an_endpoint_serves_the_model_that_was_trained(account: Any, name: str) -> None:
    job = account.train(name, answer="a bicycle")
    account.configure(name, model_data=job["ModelArtifacts"]["S3ModelArtifacts"])
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert account.wait_for_endpoint(name)["EndpointStatus"] == "InService"
    assert account.invoke(name, b"?", Accept="text/plain") == b"a bicycle"


def test_a_container_that_exits_fails_the_endpoint_with_its_output(account: Any, name: str) -> None:
    account.configure(name, TOY_BEHAVIOUR="exit")
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = account.wait_for_endpoint(name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert "no model for you" in endpoint["FailureReason"]
    with pytest.raises(account.runtime.exceptions.ValidationError):
        account.invoke(name, b"x")
    account.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_in_progress_cannot_be_deleted(account: Any, name: str) -> None:
    account.configure(name, TOY_BEHAVIOUR="unhealthy")
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="Cannot update in-progress endpoint"):
        account.sagemaker.delete_endpoint(EndpointName=name)


def test_a_process_that_dies_is_a_model_error_and_is_restarted(
    account: Any, name: str, eventually: Callable[..., Any]
) -> None:
    account.serve(name)
    before = account.invoke(name, b"pid")
    with pytest.raises(account.runtime.exceptions.ModelError):
        account.invoke(name, b"die")

    def is_back() -> bytes | None:
        try:
            return account.invoke(name, b"pid")
        # The restart was noticed, or the connection still reached the old process and broke.
        except (account.runtime.exceptions.ServiceUnavailable, account.runtime.exceptions.ModelError):
            return None

    assert eventually(is_back) != before


def test_a_model_and_configuration_may_be_deleted_during_service(account: Any, name: str) -> None:
    account.serve(name)
    account.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    account.sagemaker.delete_model(ModelName=name)
    assert account.invoke(name, b"still here") == b"still here"
    assert name in [found["EndpointName"] for found in account.sagemaker.list_endpoints(NameContains=name)["Endpoints"]]
