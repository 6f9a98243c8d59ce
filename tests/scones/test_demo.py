"""What the demo adds to the steps: its test images and its reviewer. `tests/scones/cli/test_cli.py` runs all of it."""

from __future__ import annotations

import io
import json
from typing import Any, cast

from scones.contract.release import Manifest
from scones.demo import HeldOutImage, held_out_images, play_reviewer

KEYS = (
    "train/bicycle/a.png",
    "test/bicycle/b.png",
    "test/bicycle/c.png",
    "test/bicycle/d.png",
    "test/motorcycle/e.png",
)
MANIFEST = cast(
    Manifest,
    {
        "digest": "d1",
        "classes": ["bicycle", "motorcycle"],
        "images": [{"key": key, "sha256": "0"} for key in KEYS],
    },
)


class Bucket:
    """S3 whose objects contain their own keys."""

    def get_object(self, Bucket: str, Key: str) -> dict[str, io.BytesIO]:
        return {"Body": io.BytesIO(f"{Bucket} {Key}".encode())}


class ReviewFunction:
    """Lambda with two reviews that wait; keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[dict[str, str]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, io.BytesIO]:
        request = json.loads(Payload)
        if request.pop("action") == "answer":
            self.answers.append(request)
            return {"Payload": io.BytesIO(b"{}")}
        reviews = [{"arrival_id": number, "s3_key": f"arrivals/anna/{number}.png"} for number in ("1", "2")]
        return {"Payload": io.BytesIO(json.dumps(reviews).encode())}


def held_out(count: int) -> list[HeldOutImage]:
    return held_out_images(MANIFEST, count, "bucket", s3=cast(Any, Bucket()))


def test_the_demo_delivers_test_images_of_alternating_classes() -> None:
    images = held_out(9)
    assert [(image.name, image.label) for image in images] == [
        ("driver-01/b.png", "bicycle"),
        ("driver-02/e.png", "motorcycle"),
        ("driver-03/c.png", "bicycle"),
        ("driver-04/d.png", "bicycle"),
    ]
    assert images[0].content == b"bucket data/d1/test/bicycle/b.png"


def test_the_demo_delivers_no_more_images_than_asked_for() -> None:
    assert held_out(2) == held_out(9)[:2]


def test_the_demos_reviewer_answers_with_the_true_class() -> None:
    function = ReviewFunction()
    labels = {"arrivals/anna/1.png": "bicycle", "arrivals/anna/2.png": "motorcycle"}
    play_reviewer(labels, "review", awslambda=cast(Any, function))
    assert function.answers == [
        {"arrival_id": "1", "answer": "bicycle", "reviewer": "demo"},
        {"arrival_id": "2", "answer": "motorcycle", "reviewer": "demo"},
    ]
