"""The payloads of transform jobs: splitting and assembling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.sagemaker.payloads import RecordError, assemble, split

BODIES = st.lists(st.sampled_from([b"a", b"bb", b"\n", b"\r\n", b"ccc"]), max_size=40).map(b"".join)


@given(BODIES, st.booleans(), st.booleans(), st.integers(1, 60))
def test_payloads_concatenate_to_the_body_and_respect_the_limit(
    body: bytes, by_line: bool, is_multi_record: bool, max_bytes: int
) -> None:
    records = body.splitlines(keepends=True) if by_line else [body]
    if max(map(len, records), default=0) > max_bytes:
        with pytest.raises(RecordError, match="Too much data for max payload size"):
            list(split(body, by_line=by_line, is_multi_record=is_multi_record, max_bytes=max_bytes))
    else:
        payloads = list(split(body, by_line=by_line, is_multi_record=is_multi_record, max_bytes=max_bytes))
        assert b"".join(payloads) == body
        assert all(len(payload) <= max_bytes for payload in payloads)


@given(BODIES.filter(bool))
def test_a_single_record_payload_has_at_most_one_line(body: bytes) -> None:
    payloads = split(body, by_line=True, is_multi_record=False, max_bytes=100)
    assert all(payload.count(b"\n") <= 1 for payload in payloads)
    assert list(split(body, by_line=True, is_multi_record=True, max_bytes=1000)) == [body]


@pytest.mark.parametrize(("by_line", "payloads"), [(False, [b""]), (True, [])])
def test_an_empty_object_is_one_record_but_has_no_lines(by_line: bool, payloads: list[bytes]) -> None:
    assert list(split(b"", by_line=by_line, is_multi_record=True, max_bytes=10)) == payloads


def test_answers_are_concatenated_or_ended_with_newlines() -> None:
    assert assemble([b"a", b"b"], by_line=False) == b"ab"
    assert assemble([b"a", b"b"], by_line=True) == b"a\nb\n"
