from __future__ import annotations

import pytest

from scones.contract.layout import JSON
from scones.model.serving.messages import HttpError, Response


def test_an_error_is_a_json_response_with_name_and_message() -> None:
    response = HttpError(503, "OverloadedError", "try again").response()
    assert response == Response(503, JSON, b'{"error": "OverloadedError", "message": "try again"}')


@pytest.mark.parametrize(("status", "expected"), [(200, False), (404, False), (503, True)])
def test_only_a_503_asks_to_retry(status: int, expected: bool) -> None:
    assert (b"retry-after: 1\r\n" in Response(status, JSON, b"").encode(b"now", closes=False)) is expected


def test_a_response_is_encoded_to_the_byte() -> None:
    response = Response(200, JSON, b"[1]")
    head = b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: application/json\r\ncontent-length: 3\r\n"
    assert response.encode(b"now", closes=False) == head + b"\r\n[1]"
    assert response.encode(b"now", closes=True) == head + b"connection: close\r\n\r\n[1]"
    assert response.encode(b"now", closes=False, has_body=False) == head + b"\r\n"
