"""Objects of S3 are files: what cannot be written is an error, and every version is read again from its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def bucket(localaws: Any) -> str:
    s3 = localaws.client("s3")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    return "versions"


def read(s3: Any, **which: str) -> bytes:
    body: bytes = s3.get_object(**which)["Body"].read()
    return body


def test_each_version_is_read_while_newer_ones_come_and_go(localaws: Any, bucket: str) -> None:
    s3, which = localaws.client("s3"), {"Bucket": bucket, "Key": "a/b"}
    ids = [s3.put_object(**which, Body=body)["VersionId"] for body in (b"one", b"two", b"three")]
    assert [read(s3, **which, VersionId=name) for name in ids] == [b"one", b"two", b"three"]
    marker = s3.delete_object(**which)["VersionId"]
    assert read(s3, **which, VersionId=ids[2]) == b"three"
    s3.delete_object(**which, VersionId=marker)
    s3.delete_object(**which, VersionId=ids[2])
    assert read(s3, **which) == read(s3, **which, VersionId=ids[1]) == b"two"
    s3.copy_object(**which, CopySource={"Bucket": bucket, "Key": "a/b", "VersionId": ids[0]})
    assert (read(s3, **which), read(s3, **which, VersionId=ids[1])) == (b"one", b"two")


def test_what_was_there_before_versions_were_kept_is_the_null_version(localaws: Any) -> None:
    s3, which = localaws.client("s3"), {"Bucket": "later", "Key": "k"}
    s3.create_bucket(Bucket="later")
    s3.put_object(**which, Body=b"old")
    s3.put_bucket_versioning(Bucket="later", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(**which, Body=b"new")
    assert (read(s3, **which), read(s3, **which, VersionId="null")) == (b"new", b"old")
    s3.put_bucket_versioning(Bucket="later", VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(**which, Body=b"newest")
    assert (read(s3, **which), read(s3, **which, VersionId="null")) == (b"newest", b"newest")


def test_an_object_that_cannot_be_written_is_an_error(start_localaws: Callable[..., Any], tmp_path: Path) -> None:
    with start_localaws(tmp_path / "state") as server:
        s3 = server.client("s3")
        s3.create_bucket(Bucket="full")
        folder = tmp_path / "state" / "s3" / "000000000000" / "full"
        folder.rmdir()
        folder.write_text("in the way of the bucket's folder")
        with pytest.raises(ClientError, match="500"):
            s3.put_object(Bucket="full", Key="a/b", Body=b"x")


def test_a_version_that_cannot_be_kept_is_an_error_and_stays(
    start_localaws: Callable[..., Any], tmp_path: Path
) -> None:
    with start_localaws(tmp_path / "state") as server:
        s3, which = server.client("s3"), {"Bucket": "full", "Key": "k"}
        s3.create_bucket(Bucket="full")
        s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
        first = s3.put_object(**which, Body=b"first")["VersionId"]
        (tmp_path / "state" / "s3" / ".versions").write_text("in the way of the versions' folder")
        with pytest.raises(ClientError, match="500"):
            s3.put_object(**which, Body=b"second")
        assert read(s3, **which) == read(s3, **which, VersionId=first) == b"first"
