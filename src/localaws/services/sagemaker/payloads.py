"""How a transform job cuts an object into requests, and puts their answers together."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator


class RecordError(Exception):
    """A record without an answer. The text is for the job's data log, in SageMaker's words where they are known."""

    def __init__(self, text: str, *, is_clients: bool) -> None:
        super().__init__(text)
        self.reason = f"{'Client' if is_clients else 'Algorithm'}Error: See job logs for more information"


def split(body: bytes, by_line: bool, many: bool, limit: int) -> Iterator[bytes]:
    """Payloads of at most `limit` bytes, which joined are `body` again.

    A record is the whole body, or a line with its end `by_line`; a payload holds one, or as `many` as fit.
    Raises RecordError for a record over `limit`.
    """
    payload = b""
    for record in io.BytesIO(body) if by_line else (body,):
        if len(record) > limit:
            text = f"Too much data for max payload size: a record has {len(record)} bytes, the limit is {limit}"
            raise RecordError(text, is_clients=True)
        if payload and (not many or len(payload) + len(record) > limit):
            yield payload
            payload = b""
        payload += record
    if payload or not by_line:
        yield payload


def assemble(answers: Iterable[bytes], by_line: bool) -> bytes:
    """One object of all answers: as they are, or each ended by a newline."""
    return b"".join(answer + b"\n" if by_line else answer for answer in answers)
