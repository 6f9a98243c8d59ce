import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.sagemaker.payloads import RecordError, assemble, split

_BODIES = st.lists(st.sampled_from([b"a", b"bb", b"\n", b"\r\n", b"ccc"]), max_size=40).map(b"".join)


@given(_BODIES, st.booleans(), st.booleans(), st.integers(1, 60))
def test_payloads_are_the_body_again_and_none_is_over_the_limit(body, by_line, many, limit):
    if max(map(len, body.splitlines(keepends=True) if by_line else [body]), default=0) > limit:
        with pytest.raises(RecordError, match="Too much data for max payload size"):
            list(split(body, by_line, many, limit))
    else:
        payloads = list(split(body, by_line, many, limit))
        assert b"".join(payloads) == body
        assert all(len(payload) <= limit for payload in payloads)


@given(_BODIES.filter(bool))
def test_one_record_is_one_line(body):
    assert all(payload.count(b"\n") <= 1 for payload in split(body, True, False, 100))
    assert list(split(body, True, True, 1000)) == [body]


@pytest.mark.parametrize(("by_line", "payloads"), [(False, [b""]), (True, [])])
def test_an_empty_object_is_one_record_but_no_line(by_line, payloads):
    assert list(split(b"", by_line, True, 10)) == payloads


def test_answers_are_joined_as_they_are_or_line_by_line():
    assert assemble([b"a", b"b"], False) == b"ab"
    assert assemble([b"a", b"b"], True) == b"a\nb\n"
