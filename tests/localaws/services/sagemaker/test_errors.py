"""Errors have the codes and the HTTP statuses of botocore's service models."""

from __future__ import annotations

import pytest

from localaws import wire
from localaws.services.sagemaker.errors import (
    ConflictException,
    ModelError,
    ResourceInUse,
    ServiceUnavailable,
    ValidationError,
)
from localaws.wire import ApiError


@pytest.mark.parametrize("error", [ResourceInUse, ConflictException])
def test_errors_of_the_control_plane_are_in_its_model(error: type[ApiError]) -> None:
    assert wire.service_model("sagemaker").shape_for(error.__name__).metadata["exception"]
    assert error("message").code == error.__name__
    assert error.status == 400


@pytest.mark.parametrize("error", [ValidationError, ServiceUnavailable, ModelError])
def test_errors_of_the_runtime_have_the_status_of_its_model(error: type[ApiError]) -> None:
    shape = wire.service_model("sagemaker-runtime").shape_for(error.__name__)
    assert error.status == shape.metadata["error"]["httpStatusCode"]


def test_a_model_error_has_the_members_of_its_model() -> None:
    error = ModelError("message", 500, "original", "arn")
    shape = wire.service_model("sagemaker-runtime").shape_for("ModelError")
    assert {"Message", *error.members} == set(shape.members)
    assert str(error) == "message"
