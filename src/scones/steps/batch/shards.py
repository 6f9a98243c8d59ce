"""Packs the images of a folder or an S3 prefix into shards: objects of JSON lines that a transform job reads.

A shard is named by a digest of its images, so that the same images always give the same shards.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scones.contract.delivery import BatchImage
from scones.contract.layout import IMAGE_SUFFIXES
from scones.errors import DataError, DataNotFoundError, UsageError
from scones.steps.dataset.validate import read_content
from scones.steps.storage.s3 import list_objects

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Large enough that the overhead of a request is small, small enough that a retry repeats little.
SHARD_BYTES: Final = 4 * 1024 * 1024
MAX_SHARD_IMAGES: Final = 500
# In base64, with its name, an image must fit into a request of 25 MB.
MAX_SHARD_IMAGE_BYTES: Final = 18 * 1024 * 1024
_SUFFIXES = (*IMAGE_SUFFIXES, ".gif", ".bmp")


@dataclass(frozen=True)
class ShardImage:
    """An image that is not opened yet: `size` in bytes, and a `version` that changes when its bytes do.

    `location` is the path of a file, or the name of the bucket that holds `key`.
    """

    key: str
    size: int
    version: str
    location: Path | str


@dataclass(frozen=True)
class Shard:
    """Images that travel in one object; `name` is a digest of their keys and versions."""

    name: str
    images: tuple[ShardImage, ...]


def find_images(source: str, *, s3: S3Client) -> list[ShardImage]:
    """Return the images under a folder or an `s3://bucket/prefix`, sorted by key; other files are ignored.

    Keys are paths relative to the folder, or S3's own. Raises DataNotFoundError if there are no images, UsageError if
    an S3 URI has no bucket, DataError if a folder cannot be read.
    """
    stored = _in_bucket(source, s3) if source.startswith("s3://") else _in_folder(Path(source).expanduser())
    images = [image for image in stored if image.key.lower().endswith(_SUFFIXES)]
    if not images:
        raise DataNotFoundError(
            f"{source} holds no images ({', '.join(_SUFFIXES)}); name a folder or s3://bucket/prefix"
        )
    return sorted(images, key=lambda image: image.key)


def plan_shards(images: Sequence[ShardImage]) -> list[Shard]:
    """Divide images of at most `MAX_IMAGE_BYTES`, in their order, into shards of about `SHARD_BYTES`."""
    shards: list[Shard] = []
    group: list[ShardImage] = []
    group_bytes = 0
    for image in images:
        # Base64 takes four bytes for three.
        line_bytes = image.size * 4 // 3 + len(image.key)
        if group and (group_bytes + line_bytes > SHARD_BYTES or len(group) == MAX_SHARD_IMAGES):
            shards.append(_shard(group))
            group = []
            group_bytes = 0
        group.append(image)
        group_bytes += line_bytes
    if group:
        shards.append(_shard(group))
    return shards


def pack(shard: Shard, *, s3: S3Client) -> bytes:
    """Return the shard's body: a JSON `BatchImage` per line, whose `id` is the image's key.

    Raises DataError if an image cannot be read, or has another size than when it was found.
    """
    lines = []
    for image in shard.images:
        encoded = base64.b64encode(_read(image, s3)).decode("ascii")
        lines.append(json.dumps(BatchImage(id=image.key, image=encoded)))
    return "".join(f"{line}\n" for line in lines).encode()


def _in_folder(folder: Path) -> Iterator[ShardImage]:
    if not folder.is_dir():
        raise DataNotFoundError(f"{folder} is not a folder; name a folder of images or s3://bucket/prefix")
    try:
        for path in folder.rglob("*"):
            name = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in name.parts):
                status = path.stat()
                # A file's name is bytes that may not be valid text; a table can only hold text.
                key = os.fsencode(name.as_posix()).decode(errors="backslashreplace")
                yield ShardImage(key, status.st_size, str(status.st_mtime_ns), path)
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}; check its permissions") from error


def _in_bucket(uri: str, s3: S3Client) -> Iterator[ShardImage]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{uri} names no bucket; give s3://bucket/prefix")
    for stored in list_objects(bucket, prefix, s3=s3):
        yield ShardImage(stored["Key"], stored["Size"], stored["ETag"], bucket)


def _shard(images: Sequence[ShardImage]) -> Shard:
    lines = "".join(f"{json.dumps([image.key, image.size, image.version])}\n" for image in images)
    return Shard(hashlib.sha256(lines.encode()).hexdigest()[:32], tuple(images))


def _read(image: ShardImage, s3: S3Client) -> bytes:
    if isinstance(image.location, Path):
        body = read_content(image.location)
    else:
        body = s3.get_object(Bucket=image.location, Key=image.key)["Body"].read()
    # Answers are kept under the shard's name: they must be about the bytes that it was named by.
    if len(body) != image.size:
        raise DataError(f"{image.key} changed while it was read; run the command again")
    return body
