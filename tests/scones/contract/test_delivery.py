"""The types against each other and against the state machine that passes them on."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import get_args, get_type_hints

import pytest

from scones.contract.delivery import (
    BatchAnswer,
    BatchError,
    BatchImage,
    Decision,
    ImageData,
    Inference,
    Label,
    Outcome,
    Review,
    ReviewAnswer,
)

from .fields import optional, required

DEFINITION = files("scones.workflow").joinpath("delivery.asl.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_the_state_machine_records_every_outcome(outcome: str) -> None:
    assert re.search(rf"\b{outcome}\b", DEFINITION)


def test_only_the_data_object_of_the_course_is_required() -> None:
    assert required(ImageData) == {"image_data", "s3_bucket", "s3_key", "inferences"}


@pytest.mark.parametrize("line", [BatchImage, BatchAnswer, BatchError])
def test_the_id_of_a_line_is_optional(line: type) -> None:
    assert optional(line) == {"id"}


def test_a_line_of_the_response_is_an_inference() -> None:
    assert required(BatchAnswer) == required(Inference)


def test_a_line_is_an_error_or_an_inference_by_its_fields() -> None:
    assert not required(BatchError) & required(BatchAnswer)


def test_a_label_is_the_reviewers_answer_with_its_image() -> None:
    assert required(ReviewAnswer) < required(Label)
    assert {"image_key", "arrival_id", "s3_key"} <= required(Label)


@pytest.mark.parametrize("record", [Decision, Review, Label])
def test_every_record_names_its_arrival_and_its_object(record: type) -> None:
    hints = get_type_hints(record)
    assert hints["arrival_id"] is hints["s3_key"] is str
