import contextlib
import io
from email.message import Message

from hypothesis import given
from hypothesis import strategies as st

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
