from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from scones.items import conditional_write, from_item, query_by_state, to_attribute, to_item

values = st.recursive(
    st.text() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_an_item_reads_back_as_it_was_written(row: dict[str, object]) -> None:
    assert from_item(to_item(row)) == row


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_a_row_that_was_read_can_be_written_as_json(row: dict[str, object]) -> None:
    assert json.loads(json.dumps(from_item(to_item(row)))) == row


def test_none_is_left_out() -> None:
    assert to_item({"a": None, "b": "x"}) == {"b": {"S": "x"}}


@pytest.mark.parametrize("value", [True, b"x", {1}])
def test_a_value_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=f"cannot hold a value of type {type(value).__name__}"):
        to_attribute(value)


def test_a_query_by_state_returns_its_rows_in_the_order_of_the_index(
    localaws: Any, table: Callable[[str, str], str]
) -> None:
    dynamodb = localaws.client("dynamodb")
    name = table("order_id", "promised_at")
    for order_id, state, promised_at in (("a", "OPEN", "2"), ("b", "TAKEN", "3"), ("c", "OPEN", "1")):
        row = {"order_id": order_id, "state": state, "promised_at": promised_at}
        dynamodb.put_item(TableName=name, Item=to_item(row))
    rows = [from_item(item) for item in dynamodb.query(**query_by_state(name, "OPEN"))["Items"]]
    assert [row["order_id"] for row in rows] == ["c", "a"]


def test_a_conditional_write_tells_whether_it_was_made(localaws: Any, table: Callable[[str, str], str]) -> None:
    dynamodb = localaws.client("dynamodb")
    name = table("order_id", "promised_at")
    for bay, is_written in (("first", True), ("second", False)):
        row = {"order_id": "a", "state": "OPEN", "promised_at": "1", "bay": bay}
        written = conditional_write(
            dynamodb.put_item,
            TableName=name,
            Item=to_item(row),
            ConditionExpression="attribute_not_exists(order_id)",
        )
        assert written == is_written
    stored = dynamodb.get_item(TableName=name, Key=to_item({"order_id": "a"}), ConsistentRead=True)["Item"]
    assert from_item(stored)["bay"] == "first"


def test_another_error_of_a_conditional_write_is_raised(localaws: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        conditional_write(
            localaws.client("dynamodb").put_item,
            TableName="no-such-table",
            Item=to_item({"order_id": "a"}),
            ConditionExpression="attribute_not_exists(order_id)",
        )
