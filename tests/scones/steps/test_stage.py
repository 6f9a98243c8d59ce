from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.release import ManifestImage
from scones.errors import DataError, TooManyBadImagesError
from scones.progress import Progress
from scones.steps.dataset.source import Source, find_source, with_negatives
from scones.steps.stage import digest, stage

from .conftest import Notes, Uploads

Folder = Callable[..., Path]
LINES = st.lists(st.tuples(st.text("abc/.", min_size=1), st.text("01")), max_size=8)


def source_at(root: Path) -> Source:
    return find_source(str(root), {}, root, Progress())


def test_a_data_set_has_the_documented_layout_in_s3(s3: Any, bucket: str, folder: Folder) -> None:
    root = folder("bicycle", "motorcycle")
    staged = stage(source_at(root), s3=s3, bucket=bucket)
    base = f"data/{staged.manifest['digest']}/"
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    lists = {"manifest.json", "train.lst", "validation.lst", "test.lst"}
    assert keys == {base + key for key in lists | {image["key"] for image in staged.manifest["images"]}}
    assert staged.manifest["counts"] == {
        "train": {"bicycle": 7, "motorcycle": 7},
        "validation": {"bicycle": 1, "motorcycle": 1},
        "test": {"bicycle": 2, "motorcycle": 2},
    }
    assert json.load(s3.get_object(Bucket=bucket, Key=base + "manifest.json")["Body"]) == staged.manifest


def test_images_are_uploaded_byte_for_byte(s3: Any, bucket: str, folder: Folder) -> None:
    root = folder("bicycle", "motorcycle")
    manifest = stage(source_at(root), s3=s3, bucket=bucket).manifest
    for image in manifest["images"]:
        split, _, path = image["key"].partition("/")
        answer = s3.get_object(Bucket=bucket, Key=f"data/{manifest['digest']}/{split}/{path}")
        body = answer["Body"].read()
        assert body == (root / path).read_bytes()
        assert hashlib.sha256(body).hexdigest() == image["sha256"]
        assert answer["ContentType"] == "image/png"


def test_a_listing_has_row_class_and_path_within_the_split(s3: Any, bucket: str, folder: Folder) -> None:
    manifest = stage(source_at(folder("bicycle", "motorcycle")), s3=s3, bucket=bucket).manifest
    text = s3.get_object(Bucket=bucket, Key=f"data/{manifest['digest']}/test.lst")["Body"].read().decode()
    rows = [line.split("\t") for line in text.splitlines()]
    assert [(row, number) for row, number, _ in rows] == [("0", "0"), ("1", "0"), ("2", "1"), ("3", "1")]
    assert all(f"test/{path}" in {image["key"] for image in manifest["images"]} for _, _, path in rows)


def test_a_second_run_uploads_nothing(s3: Any, bucket: str, folder: Folder) -> None:
    source, progress = source_at(folder("bicycle", "motorcycle")), Notes()
    assert stage(source, s3=s3, bucket=bucket).uploaded == 24
    again = stage(source, s3=s3, bucket=bucket, progress=progress)
    assert (again.uploaded, again.unchanged) == (0, 24)
    assert progress.noted[-1] == "nothing to upload: all 24 objects are there"


def test_staging_again_writes_the_manifest_again_so_that_its_time_is_that_of_the_last_staging(
    s3: Any, bucket: str, folder: Folder
) -> None:
    source = source_at(folder("bicycle", "motorcycle"))
    key = f"data/{stage(source, s3=s3, bucket=bucket).manifest['digest']}/manifest.json"
    uploads: Any = Uploads(s3)
    assert stage(source, s3=uploads, bucket=bucket).uploaded == 0
    assert uploads.keys == [key]


def test_only_missing_or_different_objects_are_uploaded_again(s3: Any, bucket: str, folder: Folder) -> None:
    source = source_at(folder("bicycle", "motorcycle"))
    manifest = stage(source, s3=s3, bucket=bucket).manifest
    first, second = (f"data/{manifest['digest']}/{image['key']}" for image in manifest["images"][:2])
    s3.delete_object(Bucket=bucket, Key=first)
    s3.put_object(Bucket=bucket, Key=second, Body=b"other bytes")
    assert stage(source, s3=s3, bucket=bucket).uploaded == 2


def test_the_manifest_is_written_last(s3: Any, bucket: str, folder: Folder) -> None:
    source = source_at(folder("bicycle", "motorcycle"))
    deleted = source.images[3].content
    assert isinstance(deleted, Path)

    class Deleter(Progress):
        def note(self, text: str) -> None:
            deleted.unlink(missing_ok=True)

    with pytest.raises(DataError, match="cannot read"):
        stage(source, s3=s3, bucket=bucket, progress=Deleter())
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    assert not any(key.endswith("manifest.json") for key in keys)


def test_a_file_that_changes_while_it_is_staged_is_an_error(s3: Any, bucket: str, folder: Folder) -> None:
    source = source_at(folder("bicycle", "motorcycle"))
    changed = source.images[3].content
    assert isinstance(changed, Path)

    class Editor(Progress):
        def note(self, text: str) -> None:
            changed.write_bytes(b"another image")

    with pytest.raises(DataError, match="changed while"):
        stage(source, s3=s3, bucket=bucket, progress=Editor())


def test_bad_files_are_listed_and_left_out(s3: Any, bucket: str, folder: Folder) -> None:
    root = folder("bicycle", "motorcycle")
    for name in ("broken.png", "empty.png"):
        (root / "bicycle" / name).write_bytes(b"not an image" if name == "broken.png" else b"")
    with pytest.raises(TooManyBadImagesError, match="--allow-bad"):
        stage(source_at(root), s3=s3, bucket=bucket)
    manifest = stage(source_at(root), s3=s3, bucket=bucket, allow_bad=2).manifest
    assert manifest["left_out"] == {
        "bicycle/broken.png": "it cannot be decoded as PNG, JPEG or WebP",
        "bicycle/empty.png": "it is empty",
    }
    assert not manifest["left_out"].keys() & {image["key"].partition("/")[2] for image in manifest["images"]}


def test_a_mirrored_copy_is_in_the_split_of_its_original(
    s3: Any, bucket: str, folder: Folder, noise: Callable[..., bytes]
) -> None:
    root = folder("bicycle", "motorcycle")
    for seed in range(3):
        (root / "bicycle" / f"mirror{seed}.png").write_bytes(noise(seed, mirror=True))
    manifest = stage(source_at(root), s3=s3, bucket=bucket).manifest
    assert manifest["duplicates"] == [[f"bicycle/00{n}.png", f"bicycle/mirror{n}.png"] for n in range(3)]
    split_of = {key.partition("/")[2]: key.partition("/")[0] for key in (i["key"] for i in manifest["images"])}
    assert all(split_of[original] == split_of[copy] for original, copy in manifest["duplicates"])


def test_the_order_of_the_files_does_not_change_the_data_set(s3: Any, bucket: str, folder: Folder) -> None:
    source = source_at(folder("bicycle", "motorcycle"))
    shuffled = replace(source, images=tuple(reversed(source.images)))
    first = stage(source, s3=s3, bucket=bucket)
    second = stage(shuffled, s3=s3, bucket=bucket)
    assert first.manifest["digest"] == second.manifest["digest"]
    assert second.uploaded == 0


@given(lines=LINES, order=st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_order(lines: list[tuple[str, str]], order: random.Random) -> None:
    images = [ManifestImage(key=key, sha256=sha256) for key, sha256 in lines]
    assert digest(images) == digest(order.sample(images, len(images)))


def test_the_digest_is_the_sha256_of_the_lines() -> None:
    images = [ManifestImage(key="b", sha256="2"), ManifestImage(key="a", sha256="1")]
    assert digest(images) == hashlib.sha256(b"a 1\nb 2\n").hexdigest()


@pytest.mark.skipif(not os.environ.get("SCONES_DATA"), reason="real images are needed")
def test_the_real_images_keep_their_test_set_and_their_mirror_pair(s3: Any, bucket: str) -> None:
    staged = stage(find_source(None, os.environ, Path(), Progress()), s3=s3, bucket=bucket)
    manifest = staged.manifest
    assert manifest["counts"]["test"] == {"bicycle": 100, "motorcycle": 100}
    assert sum(map(len, (manifest["images"], manifest["left_out"]))) == 1200
    pair = [f"train/motorcycle/motorcycle_s_{number}.png" for number in ("000154", "000456")]
    assert pair in manifest["duplicates"]


def test_negatives_are_staged_beside_the_splits(
    s3: Any, bucket: str, folder: Folder, noise: Callable[..., bytes]
) -> None:
    root = folder("bicycle", "motorcycle")
    cups = root.parent / "other" / "cup"
    cups.mkdir(parents=True)
    for seed in range(5000, 5005):
        (cups / f"{seed}.png").write_bytes(noise(seed))
    (cups / "bicycle.png").write_bytes((root / "bicycle" / "000.png").read_bytes())
    source = with_negatives(source_at(root), str(cups.parent), {})
    manifest = stage(source, s3=s3, bucket=bucket).manifest
    assert manifest["negatives"] == {"negatives": 4, "test-negatives": 1}
    assert manifest["left_out"] == {"negatives/cup/bicycle.png": "shows the same as bicycle/000.png"}
    staged = [image["key"].partition("/cup/")[0] for image in manifest["images"] if "/cup/" in image["key"]]
    assert staged == ["negatives"] * 4 + ["test-negatives"]
    assert stage(source_at(root), s3=s3, bucket=bucket).manifest["digest"] != manifest["digest"]
