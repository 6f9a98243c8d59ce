"""The JSON protocol: validation, shaping and coercion by botocore's models, and answers on the wire."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws import wire
from localaws.wire import ApiError, SerializationException, UnknownOperationException, ValidationException

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
MEMBERS = st.sampled_from(sorted(wire.operation_model("sagemaker", "CreateTrainingJob").input_shape.members))
OPERATION = "CreateEndpointConfig"


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(MEMBERS | st.text(max_size=5), JSON, max_size=4))
def test_any_json_is_valid_or_raises_an_api_error(request: dict[str, Any]) -> None:
    with suppress(ApiError):
        wire.validate("sagemaker", "CreateTrainingJob", request)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(MEMBERS, JSON, max_size=4))
def test_coercion_accepts_any_json(request: dict[str, Any]) -> None:
    wire.coerce("sagemaker", "CreateTrainingJob", request)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "2 validation errors detected: Value null at 'endpointConfigName'"),
        ({"EndpointConfigName": "c", "ProductionVariants": []}, "size greater than or equal to 1"),
        ({"EndpointConfigName": "c" * 64, "ProductionVariants": [{"VariantName": "v"}]}, "length less than or equal"),
        (
            {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.tiny"}]},
            "Value 'ml.tiny' at 'productionVariants.1.member.instanceType' failed to satisfy constraint: "
            "Member must satisfy enum value set: ",
        ),
        (
            {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "Colour": "red"}]},
            "'productionVariants.1.member.colour' failed to satisfy constraint: Member must be known",
        ),
        (
            {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "InitialVariantWeight": -1}]},
            "value greater than or equal to 0",
        ),
        ({"EndpointConfigName": "not a name", "ProductionVariants": [{"VariantName": "v"}]}, "regular expression"),
    ],
)
def test_violations_have_the_messages_of_aws(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException) as caught:
        wire.validate("sagemaker", OPERATION, request_)
    assert message in str(caught.value)


def test_each_service_is_validated_by_its_own_model() -> None:
    with pytest.raises(ValidationException, match="Value null at 'serviceNamespace'"):
        wire.validate("application-autoscaling", "DescribeScalableTargets", {})
    wire.validate("application-autoscaling", "DescribeScalableTargets", {"ServiceNamespace": "sagemaker"})


@pytest.mark.parametrize("name", [True, 3, ["c"], {}])
def test_a_wrong_type_is_a_serialization_error(name: object) -> None:
    with pytest.raises(SerializationException):
        wire.validate(
            "sagemaker", OPERATION, {"EndpointConfigName": name, "ProductionVariants": [{"VariantName": "v"}]}
        )


def test_an_answer_has_only_the_members_of_its_shape() -> None:
    record = {"ModelName": "m", "ModelArn": "arn", "_Private": 1, "Tags": [], "CreationTime": 1.5, "VpcConfig": None}
    shaped = wire.shape_answer("sagemaker", "DescribeModel", record)
    assert shaped == {"ModelName": "m", "ModelArn": "arn", "CreationTime": 1.5}


def test_strings_are_coerced_to_the_types_of_the_model() -> None:
    variant = {"VariantName": 1, "InitialInstanceCount": "2", "InitialVariantWeight": "0.5", "EnableSSMAccess": "true"}
    coerced = wire.coerce("sagemaker", OPERATION, {"ProductionVariants": [variant]})["ProductionVariants"][0]
    assert coerced == {
        "VariantName": "1",
        "InitialInstanceCount": 2,
        "InitialVariantWeight": 0.5,
        "EnableSSMAccess": True,
    }


def test_timestamps_are_converted_at_any_depth() -> None:
    answer = {"CreationTime": 1.5, "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": 2.5}]}
    mapped = wire.map_timestamps("sagemaker", "DescribeTrainingJob", answer, int)
    assert mapped == {"CreationTime": 1, "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": 2}]}


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_a_serialization_error(body: bytes) -> None:
    with pytest.raises(SerializationException):
        wire.parse(body)


def test_an_empty_body_is_an_empty_request() -> None:
    assert wire.parse(b"") == {}
    assert wire.drop_nulls({"a": None, "b": 0}) == {"b": 0}


def test_an_error_answer_has_its_code_in_the_header_and_the_body() -> None:
    status, headers, body = wire.error_answer(UnknownOperationException("no such operation"))
    assert status == 400
    assert headers == {
        "content-type": "application/x-amz-json-1.1",
        "x-amzn-errortype": "UnknownOperationException",
    }
    assert json.loads(body) == {"__type": "UnknownOperationException", "message": "no such operation"}
    assert wire.json_answer({"a": 1}) == (200, {"content-type": "application/x-amz-json-1.1"}, b'{"a": 1}')
