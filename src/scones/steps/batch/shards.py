"""Many pictures of a folder or an S3 prefix, packed as lines of JSON into a few objects that a transform job reads.

Runs where the operator sits. A shard is named by what is in it, so that the same pictures always make the same shards.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scones.contract.delivery import BatchImage
from scones.contract.layout import IMAGE_SUFFIXES
from scones.errors import DataError, DataNotFoundError, UsageError
from scones.steps.dataset.validate import read

SHARD_BYTES: Final = 4 * 1024 * 1024
SHARD_PICTURES: Final = 500
# In base64, with its name, it must fit into a request of 25 MB.
LARGEST: Final = 18 * 1024 * 1024
_SUFFIXES = (*IMAGE_SUFFIXES, ".gif", ".bmp")


@dataclass(frozen=True)
class Picture:
    """A picture that is not opened yet: `size` in bytes, and a `version` that changes when its bytes do."""

    key: str
    size: int
    version: str
    place: Path | str


@dataclass(frozen=True)
class Shard:
    """Pictures that travel in one object; `name` is a digest of their keys and versions."""

    name: str
    pictures: tuple[Picture, ...]


def find_pictures(source: str, *, s3: Any) -> list[Picture]:
    """Return the pictures below a folder or an `s3://bucket/prefix`, by key; what has no image's suffix is none.

    Keys are paths relative to the folder, or S3's own. Raises DataNotFoundError where there is none.
    """
    found = _in_bucket(source, s3) if source.startswith("s3://") else _in_folder(Path(source).expanduser())
    pictures = sorted((one for one in found if one.key.lower().endswith(_SUFFIXES)), key=lambda one: one.key)
    if not pictures:
        raise DataNotFoundError(
            f"{source} holds no images ({', '.join(_SUFFIXES)}); name a folder or s3://bucket/prefix"
        )
    return pictures


def _in_folder(folder: Path) -> Iterator[Picture]:
    if not folder.is_dir():
        raise DataNotFoundError(f"{folder} is no folder; name a folder of images or s3://bucket/prefix")
    try:
        for path in folder.rglob("*"):
            name = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in name.parts):
                about = path.stat()
                # A file's name is bytes, and no table can hold those that are no text.
                key = os.fsencode(name.as_posix()).decode(errors="backslashreplace")
                yield Picture(key, about.st_size, str(about.st_mtime_ns), path)
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}; check its permissions") from error


def _in_bucket(uri: str, s3: Any) -> Iterator[Picture]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{uri} names no bucket; give s3://bucket/prefix")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for stored in page.get("Contents", ()):
            yield Picture(stored["Key"], stored["Size"], stored["ETag"], bucket)


def plan(pictures: Sequence[Picture]) -> list[Shard]:
    """Divide pictures of at most `LARGEST` bytes, in their order, into shards of about `SHARD_BYTES`."""
    shards: list[Shard] = []
    group: list[Picture] = []
    weight = 0
    for picture in pictures:
        line = picture.size * 4 // 3 + len(picture.key)
        if group and (weight + line > SHARD_BYTES or len(group) == SHARD_PICTURES):
            shards.append(_shard(group))
            group, weight = [], 0
        group.append(picture)
        weight += line
    return [*shards, *([_shard(group)] if group else [])]


def _shard(pictures: Sequence[Picture]) -> Shard:
    lines = "".join(f"{json.dumps([one.key, one.size, one.version])}\n" for one in pictures)
    return Shard(hashlib.sha256(lines.encode()).hexdigest()[:32], tuple(pictures))


def pack(shard: Shard, *, s3: Any) -> bytes:
    """Return the shard's body: a `BatchImage` on each line, called by the picture's key. Raises DataError."""
    encoded = ((one.key, base64.b64encode(_body(one, s3)).decode("ascii")) for one in shard.pictures)
    lines = (BatchImage(id=key, image=image) for key, image in encoded)
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def _body(picture: Picture, s3: Any) -> bytes:
    if isinstance(picture.place, Path):
        body = read(picture.place)
    else:
        body = s3.get_object(Bucket=picture.place, Key=picture.key)["Body"].read()
    if len(body) != picture.size:
        raise DataError(f"{picture.key} changed while it was read; run the command again")
    return body
