from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scones.errors import DeletionError
from scones.steps.storage.s3 import all_versions, delete_objects, list_objects, read_json


def test_objects_of_all_pages_are_listed_in_order(s3: Any, bucket: str) -> None:
    keys = [f"data/{number:04}" for number in range(1001)]
    for key in reversed(keys):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [stored["Key"] for stored in list_objects(bucket, "data/", s3=s3)] == keys


def test_only_the_prefix_is_listed(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="data/a", Body=b"12")
    s3.put_object(Bucket=bucket, Key="other/a", Body=b"1")
    assert [(stored["Key"], stored["Size"]) for stored in list_objects(bucket, "data/", s3=s3)] == [("data/a", 2)]


def test_a_prefix_without_objects_lists_nothing(s3: Any, bucket: str) -> None:
    assert list(list_objects(bucket, "data/", s3=s3)) == []


def test_json_is_read_back(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a.json", Body=json.dumps({"n": 1}).encode())
    assert read_json(bucket, "a.json", s3=s3) == {"n": 1}


def test_a_missing_object_reads_as_none(s3: Any, bucket: str) -> None:
    assert read_json(bucket, "missing.json", s3=s3) is None


def test_a_missing_bucket_is_an_error(s3: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        read_json("no-such-bucket-anywhere", "a.json", s3=s3)


class Deleting:
    """S3 that answers DeleteObjects with these errors, each list once."""

    def __init__(self, *errors: list[dict[str, str]]) -> None:
        self.errors = list(errors)
        self.asked: list[list[dict[str, str]]] = []

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(Delete["Objects"])
        return {"Errors": self.errors.pop(0)} if self.errors else {}


def test_any_number_of_objects_is_deleted(s3: Any, bucket: str) -> None:
    keys = [f"data/{number:04}" for number in range(1001)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    delete_objects(bucket, [{"Key": key} for key in keys], s3=s3)
    assert list(list_objects(bucket, "", s3=s3)) == []


def test_objects_that_s3_could_not_delete_for_a_moment_are_deleted_again() -> None:
    failed = [{"Key": "b", "VersionId": "2", "Code": "InternalError"}, {"Key": "c", "Code": "SlowDown"}]
    s3: Any = Deleting(failed, [{"Key": "c", "Code": "NoSuchKey"}])
    slept: list[float] = []
    delete_objects("depot", [{"Key": "a"}, {"Key": "b", "VersionId": "2"}, {"Key": "c"}], s3=s3, sleep=slept.append)
    assert s3.asked[1:] == [[{"Key": "b", "VersionId": "2"}, {"Key": "c"}]]
    assert slept == [1]


def test_an_object_that_s3_refuses_to_delete_is_an_error_with_its_key_and_code() -> None:
    s3: Any = Deleting([{"Key": "a", "Code": "AccessDenied", "Message": "no"}])
    with pytest.raises(DeletionError, match="s3://depot/a: AccessDenied"):
        delete_objects("depot", [{"Key": "a"}], s3=s3)


def test_an_object_that_s3_cannot_delete_for_minutes_is_an_error() -> None:
    s3: Any = Deleting(*([{"Key": "a", "Code": "SlowDown"}] for _ in range(100)))
    slept: list[float] = []
    with pytest.raises(DeletionError, match="SlowDown"):
        delete_objects("depot", [{"Key": "a"}], s3=s3, sleep=slept.append)
    assert sum(slept) == 300


def test_versions_and_delete_markers_of_a_prefix_are_listed(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("data/a", "data/a", "data-b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    s3.delete_object(Bucket=bucket, Key="data/a")
    found = [version["Key"] for page in all_versions(bucket, "data/", s3=s3) for version in page]
    assert found == ["data/a"] * 3
