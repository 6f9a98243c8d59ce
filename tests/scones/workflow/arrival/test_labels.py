"""An answer and the copy of its image, in a fake bucket."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from scones.contract.delivery import Review, ReviewAnswer
from scones.workflow.arrival.labels import write_label

from ..fakes import FailingClient

REVIEW = Review(
    arrival_id="a1",
    s3_bucket="depot",
    s3_key="arrivals/anna/1.png",
    version_id="v1",
    labels=["bicycle", "motorcycle"],
    inferences=[0.6, 0.4],
    novelty=None,
    model="m1",
    asked_at="2026-11-22T18:30:00+00:00",
    due_at="2026-11-22T18:45:00+00:00",
)
ANSWER = ReviewAnswer(answer="bicycle", reviewer="ben", answered_at="2026-11-22T18:31:00+00:00")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "CopyObject")


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion"])
def test_the_label_of_a_deleted_image_is_given_up(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert write_label(REVIEW, ANSWER, s3=FailingClient("copy_object", error(code)))
    assert '"not_labelled": "a1"' in capsys.readouterr().out


@pytest.mark.parametrize("code", ["SlowDown", "AccessDenied"])
def test_any_other_failure_is_left_for_later(code: str) -> None:
    assert not write_label(REVIEW, ANSWER, s3=FailingClient("copy_object", error(code)))
