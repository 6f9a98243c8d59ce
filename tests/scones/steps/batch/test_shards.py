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
from scones.steps.batch.shards import LARGEST, SHARD_BYTES, SHARD_PICTURES, Picture, find_pictures, pack, plan

SIZES = st.lists(st.integers(0, LARGEST), max_size=60)


def pictures(sizes: list[int]) -> list[Picture]:
    return [Picture(f"{number:04}.png", size, "1", Path("nowhere")) for number, size in enumerate(sizes)]


@given(SIZES)
def test_every_picture_is_in_one_shard_in_order_and_no_shard_is_far_over_its_size(sizes: list[int]) -> None:
    given = pictures(sizes)
    shards = plan(given)
    assert [one for shard in shards for one in shard.pictures] == given
    for shard in shards:
        weight = sum(one.size for one in shard.pictures) * 4 / 3
        assert weight <= SHARD_BYTES or len(shard.pictures) == 1
    assert len({shard.name for shard in shards}) == len(shards)


def test_a_shard_has_no_more_pictures_than_allowed() -> None:
    assert [len(shard.pictures) for shard in plan(pictures([1] * (SHARD_PICTURES + 1)))] == [SHARD_PICTURES, 1]


def test_a_shard_is_named_by_its_pictures_and_their_versions() -> None:
    first, second = pictures([1, 2])
    (shard,) = plan([first, second])
    assert plan([first, second])[0].name == shard.name
    assert plan([first, replace(second, version="2")])[0].name != shard.name
    assert plan([first])[0].name != shard.name


def test_the_pictures_of_a_folder_are_found_below_it_and_packed_by_their_keys(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.PNG", "deep/a.jpg", "c.gif", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    found = find_pictures(str(tmp_path), s3=None)
    assert [(one.key, one.size) for one in found] == [("b.PNG", 5), ("c.gif", 5), ("deep/a.jpg", 10)]
    lines = [json.loads(line) for line in pack(plan(found)[0], s3=None).splitlines()]
    assert [line["id"] for line in lines] == ["b.PNG", "c.gif", "deep/a.jpg"]
    assert base64.b64decode(lines[2]["image"]) == b"deep/a.jpg"


def test_a_name_that_is_no_text_gets_a_key_that_is(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.png").write_bytes(b"x")
    (picture,) = find_pictures(str(tmp_path), s3=None)
    assert picture.key == "caf\\xe9.png"
    assert json.loads(pack(plan([picture])[0], s3=None))["id"] == picture.key


def test_the_pictures_of_a_prefix_have_their_own_keys(s3: Any, bucket: str) -> None:
    for key in ("gate/b.png", "gate/a/1.jpg", "gate/notes.txt", "yard/c.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    found = find_pictures(f"s3://{bucket}/gate/", s3=s3)
    assert [one.key for one in found] == ["gate/a/1.jpg", "gate/b.png"]
    lines = [json.loads(line) for line in pack(plan(found)[0], s3=s3).splitlines()]
    assert [base64.b64decode(line["image"]) for line in lines] == [b"gate/a/1.jpg", b"gate/b.png"]


def test_a_picture_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"first")
    (shard,) = plan(find_pictures(str(tmp_path), s3=None))
    (tmp_path / "a.png").write_bytes(b"longer now")
    with pytest.raises(DataError, match=r"a\.png changed while it was read"):
        pack(shard, s3=None)


def test_where_there_are_no_pictures_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataNotFoundError, match="holds no images"):
        find_pictures(str(tmp_path), s3=None)
    with pytest.raises(DataNotFoundError, match="is no folder"):
        find_pictures(str(tmp_path / "missing"), s3=None)
    with pytest.raises(UsageError, match="names no bucket"):
        find_pictures("s3:///prefix", s3=None)
