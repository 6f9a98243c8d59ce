from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scones.steps.storage.s3 import list_objects, read_json


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
