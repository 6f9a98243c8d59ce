"""Downloads an archive once, resumes an interrupted download, and checks the result against its MD5."""

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

CHUNK_BYTES: Final = 1 << 20
TIMEOUT_SECONDS: Final = 15.0


@dataclass(frozen=True)
class Archive:
    """A published file: `size` in bytes, `md5` as 32 hex digits."""

    url: str
    size: int
    md5: str

    @property
    def name(self) -> str:
        """The last part of the URL's path."""
        return PurePosixPath(urlsplit(self.url).path).name


def download(archive: Archive, cache: Path, progress: Progress) -> Path:
    """Return the archive's path in `cache`, after downloading what is missing.

    Raises ServerUnreachableError if the server sends no response, DownloadError if the transfer is interrupted or the
    MD5 is wrong, and DataError if `cache` cannot be written.
    """
    path = cache / archive.name
    if path.exists():
        return path
    part = cache / f"{archive.name}.part"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _fetch_rest(archive, part, progress)
        _verify(archive, part)
        # Only a complete, verified file ever has the archive's own name.
        part.replace(path)
    except OSError as error:
        raise DataError(f"cannot keep {archive.name} in {cache}: {error.strerror}; free space or change it") from error
    return path


def _fetch_rest(archive: Archive, part: Path, progress: Progress) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done >= archive.size:
        return
    with _request(archive, done) as response:
        # A server that does not know ranges answers 200 and sends the file from its beginning.
        done = done if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            for chunk in _chunks(response, archive):
                # One byte too many is enough to fail the check, and the server cannot fill the disk.
                done += file.write(chunk[: archive.size + 1 - done])
                progress.update(done // CHUNK_BYTES, archive.size // CHUNK_BYTES, f"MiB of {archive.name}")
                if done > archive.size:
                    break
    if done < archive.size:
        raise _interrupted(archive)


def _request(archive: Archive, start: int) -> http.client.HTTPResponse:
    request = Request(archive.url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 - our own URL
    try:
        response: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    except HTTPError as error:
        error.close()
        raise ServerUnreachableError(f"{archive.url} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ServerUnreachableError(f"{archive.url} cannot be reached: {getattr(error, 'reason', error)}") from error
    return response


def _chunks(response: http.client.HTTPResponse, archive: Archive) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK_BYTES):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _interrupted(archive) from error


def _interrupted(archive: Archive) -> DownloadError:
    return DownloadError(f"the download of {archive.url} was interrupted; run the command again to resume it")


def _verify(archive: Archive, part: Path) -> None:
    with part.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != archive.md5:
        # Resuming a wrong file would keep it wrong for ever.
        part.unlink()
        raise DownloadError(
            f"{archive.url} has MD5 {md5} instead of {archive.md5}; it was deleted: run again, or pass --data PATH"
        )
