"""Data sets in S3, found by the beginning of their digest or as the newest one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from scones.errors import DataNotFoundError, UsageError
from scones.steps.dataset.staged import find_digest, newest_digest

FIRST = "3f2a" + "0" * 60
SECOND = "3f9b" + "1" * 60
THIRD = "a000" + "2" * 60


@pytest.fixture
def staged(s3: Any, bucket: str) -> str:
    """A bucket with three data sets, and the images of a fourth one without a manifest."""
    for digest in (FIRST, SECOND, THIRD):
        s3.put_object(Bucket=bucket, Key=f"data/{digest}/manifest.json", Body=b"{}")
        s3.put_object(Bucket=bucket, Key=f"data/{digest}/train/bicycle/1.png", Body=b"")
    s3.put_object(Bucket=bucket, Key=f"data/b{FIRST[1:]}/train/bicycle/1.png", Body=b"")
    return bucket


@pytest.mark.parametrize(("prefix", "digest"), [("3f2", FIRST), ("3F9", SECOND), ("a", THIRD), ("c" * 64, "c" * 64)])
def test_a_data_set_is_found_by_the_beginning_of_its_digest(s3: Any, staged: str, prefix: str, digest: str) -> None:
    assert find_digest(prefix, staged, s3=s3) == digest


def test_an_ambiguous_digest_lists_the_candidates(s3: Any, staged: str) -> None:
    with pytest.raises(UsageError, match=f"3f is the beginning of several data sets: {FIRST}, {SECOND}"):
        find_digest("3f", staged, s3=s3)


@pytest.mark.parametrize("prefix", ["", "/", "3f2a/", "no digest", "c0ffee", "b", "0" * 65])
def test_a_digest_that_is_wrong_or_incomplete_does_not_exist(s3: Any, staged: str, prefix: str) -> None:
    with pytest.raises(DataNotFoundError, match="run `scones stage`"):
        find_digest(prefix, staged, s3=s3)


@dataclass
class Dated:
    """An S3 client that says when the manifest of one data set was written: after all others."""

    client: Any
    newest: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def head_object(self, Bucket: str, Key: str) -> Any:
        head = self.client.head_object(Bucket=Bucket, Key=Key)
        return head | {"LastModified": datetime(2040 if self.newest in Key else 2020, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize("digest", [FIRST, SECOND, THIRD])
def test_the_newest_data_set_is_the_one_whose_manifest_was_written_last(s3: Any, staged: str, digest: str) -> None:
    dated: Any = Dated(s3, digest)
    assert newest_digest(staged, s3=dated) == (digest, datetime(2040, 1, 1, tzinfo=UTC))


def test_without_a_data_set_the_newest_one_is_an_error(s3: Any, bucket: str) -> None:
    with pytest.raises(DataNotFoundError, match="no data set is staged; run `scones stage` first"):
        newest_digest(bucket, s3=s3)
