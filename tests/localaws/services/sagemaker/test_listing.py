"""Filters, order and pages of lists."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.sagemaker.listing import page
from localaws.wire import ValidationException


def _records(count: int) -> list[dict[str, Any]]:
    return [{"Name": f"n{index}", "CreationTime": float(index), "Status": "ab"[index % 2]} for index in range(count)]


def _list(records: Any, **request: Any) -> list[dict[str, Any]]:
    found, token = [], None
    while True:
        answer = page(
            records, {**request, **({"NextToken": token} if token else {})}, "All", name="Name", status="Status"
        )
        found += answer["All"]
        token = answer.get("NextToken")
        if token is None:
            return found


@given(st.integers(0, 30), st.integers(1, 40), st.sampled_from(["Ascending", "Descending"]))
def test_pages_hold_every_record_once_and_in_order(count: int, size: int, order: str) -> None:
    records = _records(count)
    times = [record["CreationTime"] for record in _list(records, MaxResults=size, SortOrder=order)]
    assert times == sorted(times, reverse=order == "Descending")
    assert len(times) == count


@given(st.text(max_size=30).filter(lambda text: text and not _is_number(text)))
def test_an_invalid_token_is_refused(token: str) -> None:
    with pytest.raises(ValidationException, match="Invalid NextToken"):
        page(_records(3), {"NextToken": token}, "All", name="Name")


def _is_number(token: str) -> bool:
    try:
        return int(base64.urlsafe_b64decode(token.encode())) is not None
    except ValueError:
        return False


def test_filters_narrow_the_list() -> None:
    records = _records(10)
    assert [found["Name"] for found in _list(records, NameContains="N3")] == ["n3"]
    assert {found["Status"] for found in _list(records, StatusEquals="a")} == {"a"}
    assert [found["CreationTime"] for found in _list(records, CreationTimeAfter=8.0)] == [9.0, 8.0]
    assert not _list(records, WarmPoolStatusEquals="Available")


def test_an_invalid_timestamp_is_refused() -> None:
    with pytest.raises(ValidationException, match="not a timestamp"):
        page(_records(1), {"CreationTimeAfter": "yesterday"}, "All", name="Name")
