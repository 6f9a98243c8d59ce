"""Uploads images as arrivals, each under a key of its own: none replaces another one, and none is uploaded twice."""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from os.path import splitext
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.layout import ARRIVALS, REPEAT_SECONDS
from scones.progress import Progress
from scones.steps.run.patience import patiently
from scones.steps.storage.s3 import find_object, list_objects

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectTypeDef

# Before the suffix of a name whose shorter form was taken: the time in UTC, and a number if that was taken as well.
_STAMP: Final = re.compile(r"-\d{8}T\d{6}(-\d+)?$")
_DIGEST: Final = "sha256"


def first_name(name: str) -> str:
    """Return the name, or key, that an arrival was given before `ArrivalUploads` appended the time to it."""
    stem, suffix = splitext(name)
    return _STAMP.sub("", stem) + suffix


@dataclass
class ArrivalUploads:
    """Uploads the images of one run; `decided` are the names that have decisions from earlier runs."""

    bucket: str
    s3: S3Client
    decided: Collection[str]
    progress: Progress
    sleep: Callable[[float], None] = time.sleep
    _used: set[str] = field(default_factory=set)

    def upload(self, name: str, content: bytes) -> str:
        """Upload an image as `<driver>/<name>`, or with the time appended if that is taken; return the name it has.

        The same content that was uploaded less than `REPEAT_SECONDS` ago, as by an interrupted run, is the same
        arrival, and is not uploaded again.
        """
        digest = hashlib.sha256(content).hexdigest()
        for candidate in itertools.filterfalse(self._used.__contains__, self._candidates(name)):
            is_free = candidate not in self.decided and self._put(candidate, content, digest)
            if is_free or self._has_just_arrived(candidate, digest):
                self._used.add(candidate)
                return candidate
        raise AssertionError("the candidates are endless")

    def _candidates(self, name: str) -> Iterator[str]:
        """Yield the names that the image may have."""
        yield name
        stem, suffix = splitext(name)
        for stored in patiently(partial(self._list, f"{stem}-"), progress=self.progress, sleep=self.sleep):
            earlier = stored["Key"].removeprefix(ARRIVALS)
            if first_name(earlier) == name and _is_recent(stored["LastModified"]):
                yield earlier
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        for number in itertools.count(1):
            yield f"{stem}-{stamp}{f'-{number}' if number > 1 else ''}{suffix}"

    def _list(self, prefix: str) -> list[ObjectTypeDef]:
        return list(list_objects(self.bucket, ARRIVALS + prefix, s3=self.s3))

    def _put(self, name: str, content: bytes, digest: str) -> bool:
        """Upload an image unless there is one of this name. Return whether it was uploaded."""

        def put() -> bool:
            try:
                # Without the condition, an SDK that repeats the call makes a second version, and so a second event.
                self.s3.put_object(
                    Bucket=self.bucket, Key=ARRIVALS + name, Body=content, IfNoneMatch="*", Metadata={_DIGEST: digest}
                )
            except ClientError as error:
                if error_code(error) == "PreconditionFailed":
                    return False
                raise
            return True

        return patiently(put, progress=self.progress, sleep=self.sleep)

    def _has_just_arrived(self, name: str, digest: str) -> bool:
        """Return whether this content has this name: an earlier try, or an earlier run, uploaded it."""

        look = partial(find_object, self.bucket, ARRIVALS + name, s3=self.s3)
        stored = patiently(look, progress=self.progress, sleep=self.sleep)
        if stored is None:
            return False
        return stored["Metadata"].get(_DIGEST) == digest and _is_recent(stored["LastModified"])


def _is_recent(modified: datetime) -> bool:
    return datetime.now(UTC) - modified <= timedelta(seconds=REPEAT_SECONDS)
