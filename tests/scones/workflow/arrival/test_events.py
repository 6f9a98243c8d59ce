"""The forms of an event, with property tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.delivery import ImageData
from scones.errors import EventError
from scones.workflow.arrival.events import envelope, parse_image_data

EVENTS = Path(__file__).parents[3] / "events"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
image_data = st.fixed_dictionaries(
    {
        "image_data": st.text(max_size=20),
        "s3_bucket": st.text(min_size=1, max_size=20),
        "s3_key": st.text(min_size=1, max_size=20),
        "inferences": st.lists(st.floats(0, 1), max_size=4),
    }
)


wrappings = st.lists(st.sampled_from([json.dumps, lambda body: {"statusCode": 200, "body": body}]), max_size=4).filter(
    lambda steps: sum(step is not json.dumps for step in steps) <= 1
)


@given(image_data, wrappings, st.booleans())
def test_each_form_of_the_course_gives_the_same_data_object(
    data: ImageData, wrappings: list[Callable[[object], object]], is_string: bool
) -> None:
    event: object = {**data, "inferences": json.dumps(data["inferences"])} if is_string else data
    for wrap in wrappings:
        event = wrap(event)
    assert parse_image_data(event) == data


@given(image_data)
def test_an_envelope_gives_its_data_object(data: ImageData) -> None:
    assert parse_image_data(envelope(data)) == data


def test_the_key_of_an_s3_event_is_not_decoded() -> None:
    event = json.loads((EVENTS / "object_created.json").read_text())
    expected = {"image_data": "", "s3_bucket": "depot", "s3_key": "arrivals/anna/gate 1+ü.png", "inferences": []}
    expected |= {"version_id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "etag": "b1946ac92492d2347c6235b4d2611184"}
    assert parse_image_data(event) == expected


@given(json_values | st.text() | st.dictionaries(st.sampled_from(["body", "source", "detail", "s3_key"]), json_values))
def test_any_json_value_gives_a_data_object_or_an_event_error(event: object) -> None:
    try:
        data = parse_image_data(event)
    except EventError:
        return
    assert data["s3_bucket"]
    assert data["s3_key"]


def test_labels_and_model_are_kept() -> None:
    data = {
        "s3_bucket": "b",
        "s3_key": "k",
        "inferences": [0.25, 0.75],
        "labels": ["bicycle", "motorcycle"],
        "model": "m",
    }
    parsed = parse_image_data(data)
    assert (parsed["labels"], parsed["model"]) == (["bicycle", "motorcycle"], "m")


def test_the_error_names_the_missing_field() -> None:
    with pytest.raises(EventError, match='no "s3_key"'):
        parse_image_data({"s3_bucket": "depot"})
