"""Fetches an archive once, whole and checked; a broken-off download goes on where it stopped.

Runs where the operator sits. It does not open the archive.
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from scones.errors import DataError, DownloadError, ServerUnreachableError
from scones.progress import Progress

CHUNK: Final = 1 << 20
TIMEOUT: Final = 15.0


@dataclass(frozen=True)
class Archive:
    """A published file: `size` in bytes, `md5` as 32 hex digits."""

    url: str
    size: int
    md5: str

    @property
    def name(self) -> str:
        return PurePosixPath(urlsplit(self.url).path).name


def download(archive: Archive, cache: Path, progress: Progress) -> Path:
    """Return the archive's path in `cache`, fetching what is missing of it.

    Raises ServerUnreachableError when no byte could be asked for, DownloadError when the transfer broke off or the
    MD5 is wrong, DataError when `cache` cannot be written.
    """
    whole = cache / archive.name
    if whole.exists():
        return whole
    part = cache / f"{archive.name}.part"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _complete(archive, part, progress)
        _check(archive, part)
        part.replace(whole)
    except OSError as error:
        raise DataError(f"cannot keep {archive.name} in {cache}: {error.strerror}; free space or change it") from error
    return whole


def _complete(archive: Archive, part: Path, progress: Progress) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done >= archive.size:
        return
    with _ask(archive, done) as answer:
        done = done if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            for chunk in _chunks(answer, archive):
                # One byte too many is enough to fail the check, and a server cannot fill the disk.
                done += file.write(chunk[: archive.size + 1 - done])
                progress.update(done // CHUNK, archive.size // CHUNK, f"MiB of {archive.name}")
                if done > archive.size:
                    break
    if done < archive.size:
        raise _broken_off(archive)


def _ask(archive: Archive, start: int) -> http.client.HTTPResponse:
    request = Request(archive.url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 - our own address
    try:
        answer: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except HTTPError as error:
        error.close()
        raise ServerUnreachableError(f"{archive.url} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ServerUnreachableError(f"{archive.url} cannot be reached: {getattr(error, 'reason', error)}") from error
    return answer


def _chunks(answer: http.client.HTTPResponse, archive: Archive) -> Iterator[bytes]:
    try:
        while chunk := answer.read(CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(archive) from error


def _broken_off(archive: Archive) -> DownloadError:
    return DownloadError(f"the download of {archive.url} broke off; run the command again and it goes on from there")


def _check(archive: Archive, part: Path) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != archive.md5:
        part.unlink()
        raise DownloadError(
            f"{archive.url} has MD5 {found} instead of {archive.md5}; it was deleted: run again, or pass --data PATH"
        )
