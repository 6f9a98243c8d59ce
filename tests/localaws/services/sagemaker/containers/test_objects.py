"""S3 URIs and the names of downloaded objects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.sagemaker.containers import objects
from localaws.services.sagemaker.errors import ContainerError


@pytest.mark.parametrize(
    ("prefix", "key", "name"),
    [
        ("data/train/", "data/train/a/1.jpg", "a/1.jpg"),
        ("data/train", "data/train/a/1.jpg", "a/1.jpg"),
        ("data/train", "data/train.csv", "train.csv"),
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("", "data/train.csv", "data/train.csv"),
    ],
)
def test_objects_are_named_below_the_prefix(prefix: str, key: str, name: str) -> None:
    assert objects.relative_name(key, prefix) == name


@given(st.text(max_size=30), st.text(min_size=1, max_size=30))
def test_a_name_is_the_end_of_its_key(prefix: str, rest: str) -> None:
    assert (prefix + rest).endswith(objects.relative_name(prefix + rest, prefix))


@given(st.text(max_size=40))
def test_a_uri_has_a_bucket_or_is_refused(text: str) -> None:
    try:
        bucket, key = objects.parse_uri(text)
    except ContainerError:
        assert not text.startswith("s3://") or text[5:6] in ("", "/")
    else:
        assert text.rstrip("/") == f"s3://{bucket}/{key}".rstrip("/")
