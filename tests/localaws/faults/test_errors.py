import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.faults.errors import ANSWERED, error_answer, error_code, error_message
from localaws.faults.operations import Operation

PROTOCOLS = ("json", "cbor", "query", "rest-json", "rest-xml", "")


@given(st.text(), st.sampled_from(PROTOCOLS), st.sampled_from(ANSWERED))
def test_every_protocol_has_an_error_with_its_code_and_message(service: str, protocol: str, kind: str) -> None:
    operation = Operation(service, "Any", protocol)
    status, headers, body = error_answer(operation, kind)
    assert 400 <= status <= 503
    assert error_code(operation, kind).encode() in body
    assert error_message(kind).encode() in body
    assert headers["content-type"]


def test_a_cbor_error_is_a_map_of_two_texts() -> None:
    _, headers, body = error_answer(Operation("cloudwatch", "PutMetricData", "cbor"), "throttling")
    assert headers["smithy-protocol"] == "rpc-v2-cbor"
    assert body.startswith(b"\xa2\x78\x06__type\x78\x13ThrottlingException\x78\x07message\x78")


@pytest.mark.parametrize("service", ["dynamodb", "lambda", "s3"])
def test_some_services_have_codes_of_their_own(service: str) -> None:
    codes = {error_code(Operation(service, "Any", "json"), kind) for kind in ("throttling", "internal-error")}
    assert not codes & {"ThrottlingException", "InternalFailure"}
