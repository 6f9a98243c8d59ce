"""Each image becomes one object under `arrivals/`, whatever happened to earlier tries."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.layout import REPEAT_SECONDS
from scones.progress import Progress
from scones.steps.storage.arrivals import ArrivalUploads, first_name

from ..conftest import Lossy

STAMPED = re.compile(r"anna/1-\d{8}T\d{6}(-\d+)?\.png")
Upload = Callable[..., str]


class Aged:
    """An S3 client whose objects are older than they are."""

    def __init__(self, client: Any, seconds: float) -> None:
        self.client = client
        self.age = timedelta(seconds=seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def head_object(self, **arguments: Any) -> Any:
        stored = self.client.head_object(**arguments)
        return stored | {"LastModified": stored["LastModified"] - self.age}


def uploads(s3: Any, bucket: str, *decided: str) -> ArrivalUploads:
    """The uploads of a new run."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return ArrivalUploads(bucket, s3, decided, Progress(), lambda seconds: None)


def versions(s3: Any, bucket: str) -> list[str]:
    """Return the key of every version in the bucket."""
    return sorted(version["Key"] for version in s3.list_object_versions(Bucket=bucket).get("Versions", []))


def test_two_images_of_one_name_are_two_arrivals(s3: Any, bucket: str) -> None:
    run = uploads(s3, bucket)
    names = [run.upload("anna/1.png", content) for content in (b"monday", b"tuesday", b"tuesday")]
    assert names[0] == "anna/1.png"
    assert all(STAMPED.fullmatch(name) for name in names[1:])
    assert [s3.get_object(Bucket=bucket, Key=f"arrivals/{name}")["Body"].read() for name in names] == [
        b"monday",
        b"tuesday",
        b"tuesday",
    ]
    assert len(versions(s3, bucket)) == 3


@pytest.mark.parametrize("before", [True, False], ids=["no call", "no answer"])
def test_an_upload_without_an_answer_is_repeated_and_makes_one_version(s3: Any, bucket: str, before: bool) -> None:
    lossy = Lossy(s3, "put_object", before=before)
    assert uploads(lossy, bucket).upload("anna/1.png", b"one") == "anna/1.png"
    assert (lossy.calls, versions(s3, bucket)) == (2, ["arrivals/anna/1.png"])


def test_a_run_after_one_that_broke_off_uploads_nothing_twice(s3: Any, bucket: str) -> None:
    names = [uploads(s3, bucket).upload("anna/1.png", b"one") for _ in range(2)]
    assert names == ["anna/1.png"] * 2
    assert len(versions(s3, bucket)) == 1


def test_after_the_time_for_repeats_the_same_image_is_another_arrival(s3: Any, bucket: str) -> None:
    first = uploads(s3, bucket).upload("anna/1.png", b"one")
    second = uploads(Aged(s3, REPEAT_SECONDS + 1), bucket).upload("anna/1.png", b"one")
    # A third run, which begins after the second has broken off.
    third = uploads(s3, bucket, "anna/1.png").upload("anna/1.png", b"two")
    assert first == "anna/1.png"
    assert STAMPED.fullmatch(second)
    assert len({first, second, third}) == 3 == len(versions(s3, bucket))


def test_a_broken_off_run_of_a_second_visit_is_recognised_too(s3: Any, bucket: str) -> None:
    uploads(s3, bucket).upload("anna/1.png", b"of yesterday")
    names = [uploads(s3, bucket).upload("anna/1.png", b"one") for _ in range(2)]
    assert names[0] == names[1] != "anna/1.png"
    assert len(versions(s3, bucket)) == 2


def test_a_name_with_a_decision_is_taken_although_its_image_has_expired(s3: Any, bucket: str) -> None:
    assert STAMPED.fullmatch(uploads(s3, bucket, "anna/1.png").upload("anna/1.png", b"one"))


def test_an_object_of_the_camera_is_never_taken_for_an_upload(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="arrivals/anna/1.png", Body=b"one")
    assert STAMPED.fullmatch(uploads(s3, bucket).upload("anna/1.png", b"one"))


@given(name=st.text("ab-./ 0T", min_size=1), stamp=st.from_regex(r"-[0-9]{8}T[0-9]{6}(-[1-9])?", fullmatch=True))
def test_the_first_name_is_the_one_before_the_time_was_appended(name: str, stamp: str) -> None:
    plain = f"anna/{name.replace('.', '')}x"
    for suffix in ("", ".png"):
        assert first_name(f"{plain}{stamp}{suffix}") == plain + suffix
        assert first_name(plain + suffix) == plain + suffix
