from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import DataError, DataNotFoundError, UsageError
from scones.steps.batch.shards import (
    MAX_SHARD_IMAGE_BYTES,
    MAX_SHARD_IMAGES,
    SHARD_BYTES,
    ShardImage,
    find_images,
    pack,
    plan_shards,
)

SIZES = st.lists(st.integers(0, MAX_SHARD_IMAGE_BYTES), max_size=60)


def images(sizes: list[int]) -> list[ShardImage]:
    return [ShardImage(f"{number:04}.png", size, "1", Path("nowhere")) for number, size in enumerate(sizes)]


@given(SIZES)
def test_every_image_is_in_one_shard_in_order_and_shards_keep_their_size(sizes: list[int]) -> None:
    found = images(sizes)
    shards = plan_shards(found)
    assert [image for shard in shards for image in shard.images] == found
    for shard in shards:
        weight = sum(image.size for image in shard.images) * 4 / 3
        assert weight <= SHARD_BYTES or len(shard.images) == 1
    assert len({shard.name for shard in shards}) == len(shards)


def test_a_shard_has_at_most_the_allowed_images() -> None:
    assert [len(shard.images) for shard in plan_shards(images([1] * (MAX_SHARD_IMAGES + 1)))] == [MAX_SHARD_IMAGES, 1]


def test_a_shards_name_depends_on_its_images_and_their_versions() -> None:
    first, second = images([1, 2])
    (shard,) = plan_shards([first, second])
    assert plan_shards([first, second])[0].name == shard.name
    assert plan_shards([first, replace(second, version="2")])[0].name != shard.name
    assert plan_shards([first])[0].name != shard.name


def test_images_under_a_folder_are_found_and_packed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.PNG", "deep/a.jpg", "c.gif", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    found = find_images(str(tmp_path), s3=None)
    assert [(image.key, image.size) for image in found] == [("b.PNG", 5), ("c.gif", 5), ("deep/a.jpg", 10)]
    lines = [json.loads(line) for line in pack(plan_shards(found)[0], s3=None).splitlines()]
    assert [line["id"] for line in lines] == ["b.PNG", "c.gif", "deep/a.jpg"]
    assert base64.b64decode(lines[2]["image"]) == b"deep/a.jpg"


def test_a_file_name_that_is_not_valid_text_gets_an_escaped_key(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.png").write_bytes(b"x")
    (image,) = find_images(str(tmp_path), s3=None)
    assert image.key == "caf\\xe9.png"
    assert json.loads(pack(plan_shards([image])[0], s3=None))["id"] == image.key


def test_images_under_a_prefix_have_their_s3_keys(s3: Any, bucket: str) -> None:
    for key in ("camera/b.png", "camera/a/1.jpg", "camera/notes.txt", "yard/c.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    found = find_images(f"s3://{bucket}/camera/", s3=s3)
    assert [image.key for image in found] == ["camera/a/1.jpg", "camera/b.png"]
    lines = [json.loads(line) for line in pack(plan_shards(found)[0], s3=s3).splitlines()]
    assert [base64.b64decode(line["image"]) for line in lines] == [b"camera/a/1.jpg", b"camera/b.png"]


def test_an_image_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"first")
    (shard,) = plan_shards(find_images(str(tmp_path), s3=None))
    (tmp_path / "a.png").write_bytes(b"longer now")
    with pytest.raises(DataError, match=r"a\.png changed while it was read"):
        pack(shard, s3=None)


def test_a_source_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not an image")
    with pytest.raises(DataNotFoundError, match="holds no images"):
        find_images(str(tmp_path), s3=None)
    with pytest.raises(DataNotFoundError, match="is not a folder"):
        find_images(str(tmp_path / "missing"), s3=None)
    with pytest.raises(UsageError, match="names no bucket"):
        find_images("s3:///prefix", s3=None)
