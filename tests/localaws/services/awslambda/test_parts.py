import contextlib
import io
import zipfile
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.awslambda.packages import runtime_packages
from localaws.services.awslambda.runtime_api import read_body


def headers(**pairs: str) -> Message:
    made = Message()
    for name, value in pairs.items():
        made[name.replace("_", "-")] = value
    return made


def chunked(pieces: list[bytes]) -> bytes:
    framed = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces if piece)
    return framed + b"0\r\n\r\n"


@given(pieces=st.lists(st.binary(max_size=50)), limit=st.integers(0, 200))
def test_a_body_is_read_whole_or_counted(pieces: list[bytes], limit: int) -> None:
    body = b"".join(pieces)
    expected = (body if len(body) <= limit else None, len(body))
    stream = io.BytesIO(chunked(pieces))
    assert read_body(stream, headers(transfer_encoding="chunked"), limit) == expected
    assert stream.read() == b""
    assert read_body(io.BytesIO(body), headers(content_length=str(len(body))), limit) == expected


@given(data=st.binary(), length=st.text(max_size=5))
def test_a_body_that_is_framed_wrongly_is_a_value_error(data: bytes, length: str) -> None:
    with contextlib.suppress(ValueError):
        read_body(io.BytesIO(data), headers(transfer_encoding="chunked"), 100)
    with contextlib.suppress(ValueError):
        read_body(io.BytesIO(data), headers(content_length=length), 100)


def test_a_function_finds_the_sdk_and_the_runtime_and_little_else() -> None:
    found = {path.name for path in runtime_packages().iterdir()}
    assert {"awslambdaric", "boto3", "botocore", "urllib3"} <= found
    assert not {"ministack", "localaws", "numpy", "pytest"} & found


@pytest.mark.parametrize("size", [263 << 20, None])
def test_a_package_that_cannot_be_unzipped_is_refused(localaws: Any, size: int | None) -> None:
    file = io.BytesIO(b"no zip")
    if size is not None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
            package.writestr("big", bytes(size))
    settings = {"Runtime": "python3.13", "Role": "arn:aws:iam::000000000000:role/any", "Handler": "app.handler"}
    client = localaws.client("lambda")
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.create_function(FunctionName="bomb", Code={"ZipFile": file.getvalue()}, **settings)


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"nul"])
def test_an_event_that_is_no_json_is_refused(localaws: Any, echo_name: str, payload: bytes) -> None:
    client = localaws.client("lambda")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName=echo_name, Payload=payload)


@pytest.fixture(scope="module")
def echo_name(make_function: Any) -> str:
    return str(make_function("def handler(event, context):\n  return event"))
