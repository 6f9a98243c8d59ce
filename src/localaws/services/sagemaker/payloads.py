"""The payloads of a transform job: how an object is split into requests, and how their answers are assembled."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator


class RecordError(Exception):
    """Raised for a record without an answer. The message is for the job's data log, in SageMaker's words if known."""

    def __init__(self, message: str, *, is_client_error: bool) -> None:
        super().__init__(message)
        self.reason = f"{'Client' if is_client_error else 'Algorithm'}Error: See job logs for more information"


def split(body: bytes, *, by_line: bool, is_multi_record: bool, max_bytes: int) -> Iterator[bytes]:
    """Yield payloads of at most `max_bytes`, which concatenate to `body`.

    A record is a line with its newline if `by_line`, otherwise the whole body. A payload holds one record, or as many
    as fit if `is_multi_record`. Raises RecordError for a record over `max_bytes`.
    """
    payload = b""
    for record in io.BytesIO(body) if by_line else (body,):
        if len(record) > max_bytes:
            message = f"Too much data for max payload size: a record has {len(record)} bytes, the limit is {max_bytes}"
            raise RecordError(message, is_client_error=True)
        is_full = not is_multi_record or len(payload) + len(record) > max_bytes
        if payload and is_full:
            yield payload
            payload = b""
        payload += record
    # An empty object is one empty record if it is sent whole, but has no lines.
    if payload or not by_line:
        yield payload


def assemble(answers: Iterable[bytes], *, by_line: bool) -> bytes:
    """Return one object of all answers: concatenated, or each followed by a newline if `by_line`."""
    return b"".join(answer + b"\n" if by_line else answer for answer in answers)
