from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.steps.run.delivery import Delivery, Selection, from_execution, from_message, input_key

STARTED = datetime(2026, 11, 25, 19, 30, tzinfo=UTC)
KEY = "arrivals/anna/1.png"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(["detail", "s3_key"]), children),
    max_leaves=5,
)


def row(status: str, **described: Any) -> Delivery:
    event = json.dumps({"detail": {"object": {"key": KEY}}})
    return from_execution({"name": "a1", "status": status, "startDate": STARTED, "input": event, **described})


def test_a_delivery_has_the_outcome_and_the_order_of_its_decision() -> None:
    decision = {"outcome": "DISPATCHED", "assignment": {"order_id": "o-17"}, "error": None, "cause": None}
    assert row("SUCCEEDED", output=json.dumps(decision)) == {
        "name": "a1",
        "status": "SUCCEEDED",
        "started_at": "2026-11-25T19:30:00+00:00",
        "driver": "anna",
        "s3_key": KEY,
        "outcome": "DISPATCHED",
        "order_id": "o-17",
        "error": None,
        "cause": None,
    }


@pytest.mark.parametrize(
    ("status", "described", "expected"),
    [
        ("SUCCEEDED", {"output": '{"outcome": "REPEAT", "order_id": "o-17"}'}, ("REPEAT", "o-17", None, None)),
        (
            "SUCCEEDED",
            {"output": '{"outcome": "REJECTED", "error": "ImageRejectedError", "cause": "a PDF", "assignment": null}'},
            ("REJECTED", None, "ImageRejectedError", "a PDF"),
        ),
        ("FAILED", {"error": "Broken", "cause": "it is broken"}, ("FAILED", None, "Broken", "it is broken")),
        ("TIMED_OUT", {}, (None, None, None, None)),
        ("RUNNING", {}, (None, None, None, None)),
        ("SUCCEEDED", {"output": '"something else"'}, (None, None, None, None)),
    ],
)
def test_every_end_of_an_execution_is_a_row(status: str, described: dict[str, str], expected: tuple[Any, ...]) -> None:
    made = row(status, **described)
    assert (made["outcome"], made["order_id"], made["error"], made["cause"]) == expected


@given(value=JSON_VALUES)
def test_any_input_has_a_key_or_none(value: Any) -> None:
    key = input_key(json.dumps(value))
    assert key is None or isinstance(key, str)


@pytest.mark.parametrize(
    ("key", "driver"),
    [(KEY, "anna"), ("arrivals/a/b/1.png", "a/b"), ("arrivals/1.png", None), ("data/anna/1.png", None)],
)
def test_the_driver_is_the_part_of_the_key_before_the_name(key: str, driver: str | None) -> None:
    message: Any = {"MessageId": "m1", "Body": json.dumps({"s3_key": key})}
    made = from_message(message)
    assert (made["driver"], made["status"], made["started_at"]) == (driver, "UNDELIVERED", "")


@pytest.mark.parametrize(
    ("selection", "included"),
    [
        (Selection(), True),
        (Selection("a"), True),
        (Selection("b"), False),
        (Selection(driver="anna"), True),
        (Selection(driver="ann"), False),
        (Selection(since=STARTED), True),
        (Selection(since=STARTED.replace(minute=31)), False),
    ],
)
def test_deliveries_are_selected_by_name_driver_and_start(selection: Selection, included: bool) -> None:
    assert selection.includes(row("RUNNING")) == included
