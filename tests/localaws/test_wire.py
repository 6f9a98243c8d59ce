from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws import wire
from localaws.services.sagemaker.errors import SageMakerError, SerializationException, ValidationException

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
MEMBERS = st.sampled_from(sorted(wire.operation("CreateTrainingJob").input_shape.members))
OPERATION = "CreateEndpointConfig"


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(MEMBERS | st.text(max_size=5), JSON, max_size=4))
def test_any_json_is_valid_or_an_error_of_sagemaker(request):
    with suppress(SageMakerError):
        wire.validate("CreateTrainingJob", request)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(MEMBERS, JSON, max_size=4))
def test_coercion_takes_any_json(request):
    wire.coerce("CreateTrainingJob", request)


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
    ],
)
def test_a_violation_is_said_in_the_words_of_aws(request_, message):
    with pytest.raises(ValidationException) as caught:
        wire.validate(OPERATION, request_)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", [True, 3, ["c"], {}])
def test_a_wrong_type_is_a_serialization_error(name):
    with pytest.raises(SerializationException):
        wire.validate(OPERATION, {"EndpointConfigName": name, "ProductionVariants": [{"VariantName": "v"}]})


def test_an_answer_has_only_the_members_of_its_shape():
    record = {"ModelName": "m", "ModelArn": "arn", "_Private": 1, "Tags": [], "CreationTime": 1.5, "VpcConfig": None}
    assert wire.shape_answer("DescribeModel", record) == {"ModelName": "m", "ModelArn": "arn", "CreationTime": 1.5}


def test_strings_become_what_the_model_says():
    variant = {"VariantName": 1, "InitialInstanceCount": "2", "InitialVariantWeight": "0.5", "EnableSSMAccess": "true"}
    coerced = wire.coerce(OPERATION, {"ProductionVariants": [variant]})["ProductionVariants"][0]
    assert coerced == {
        "VariantName": "1",
        "InitialInstanceCount": 2,
        "InitialVariantWeight": 0.5,
        "EnableSSMAccess": True,
    }


def test_timestamps_are_found_wherever_they_are():
    answer = {"CreationTime": 1.5, "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": 2.5}]}
    mapped = wire.map_timestamps("DescribeTrainingJob", answer, int)
    assert mapped == {"CreationTime": 1, "SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": 2}]}
