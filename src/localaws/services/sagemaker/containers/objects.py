"""S3 as jobs and endpoints use it: prefixes to folders, files to objects."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from localaws.services.sagemaker import engine
from localaws.services.sagemaker.errors import ContainerError

_S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def parse(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`. Raises ContainerError for anything else."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ContainerError(f"ClientError: {uri!r} is not an S3 URI")
    return bucket, key


def relative_name(key: str, prefix: str) -> str:
    """Where SageMaker puts an object of an S3Prefix: below the prefix's last slash, or below the prefix as a folder."""
    rest = key[len(prefix) :]
    if rest.startswith("/") or (rest and prefix.endswith("/")):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def find(uri: str, *, may_be_empty: bool = False) -> Iterator[tuple[str, str]]:
    """URI and relative name of every object whose key begins with the URI's; the marks of folders are none.

    Raises ContainerError where there is no object, unless there `may_be` none.
    """
    bucket, prefix = parse(uri)
    for key in _keys(bucket, prefix):
        if not key.endswith("/"):
            may_be_empty = True
            yield f"s3://{bucket}/{key}", relative_name(key, prefix)
    if not may_be_empty:
        raise ContainerError(f'ClientError: Data download failed:NoSuchKey (404): no S3 objects found under "{uri}"')


def download_prefix(uri: str, folder: Path, is_stopped: Callable[[], bool], *, may_be_empty: bool = False) -> None:
    """Every object whose key begins with the URI's, into `folder`, until `is_stopped`.

    Raises ContainerError where there is none, unless it `may_be_empty`, and where a key would leave the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source, name in find(uri, may_be_empty=may_be_empty):
        if is_stopped():
            return
        target = _inside(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(get(source))


def get(uri: str) -> bytes:
    """Raises ContainerError, naming the object, where it cannot be read."""
    bucket, key = parse(uri)
    status, _, body = engine.call("s3", "GET", f"/{bucket}/{quote(key)}", {}, b"", {})
    if status != 200:
        raise ContainerError(f"ClientError: Data download failed:{_error_code(body)} ({status}): {uri}")
    return body


def put(uri: str, body: bytes) -> None:
    """Raises ContainerError, naming the object, where it cannot be written."""
    bucket, key = parse(uri)
    headers = {"content-type": "application/octet-stream", "content-length": str(len(body))}
    status, _, answer = engine.call("s3", "PUT", f"/{bucket}/{quote(key)}", headers, body, {})
    if status != 200:
        raise ContainerError(f"ClientError: Artifact upload failed:{_error_code(answer)} ({status}): {uri}")


def delete(uri: str) -> None:
    """Whether or not there is such an object."""
    bucket, key = parse(uri)
    engine.call("s3", "DELETE", f"/{bucket}/{quote(key)}", {}, b"", {})


def upload_folder(folder: Path, uri: str) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            put(f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def upload_archive(folder: Path, uri: str) -> None:
    """The folder's content as a gzipped tar archive, with names relative to the folder."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for path in sorted(folder.iterdir()):
                archive.add(path, path.name)
        file.seek(0)
        put(uri, file.read())


def unpack_archive(uri: str, folder: Path) -> None:
    """Raises ContainerError where the object is no archive, or one that would write outside the folder."""
    with tempfile.TemporaryFile() as file:
        file.write(get(uri))
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:*") as archive:
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ContainerError(f"ClientError: Failed to extract model data archive from {uri}: {error}") from error


def _keys(bucket: str, prefix: str) -> Iterator[str]:
    query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
    while True:
        status, _, body = engine.call("s3", "GET", f"/{bucket}", {}, b"", query)
        if status != 200:
            raise ContainerError(f"ClientError: Data download failed:{_error_code(body)} ({status}): s3://{bucket}")
        # The document is our own engine's.
        root = ElementTree.fromstring(body)  # noqa: S314
        for node in root.iter(f"{_S3}Key"):
            yield unquote(node.text or "")
        token = root.findtext(f"{_S3}NextContinuationToken")
        if not token:
            return
        query["continuation-token"] = token


def _error_code(body: bytes) -> str:
    try:
        return ElementTree.fromstring(body).findtext("Code") or "Unknown"  # noqa: S314
    except ElementTree.ParseError:
        return "Unknown"


def _inside(folder: Path, name: str) -> Path:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise ContainerError(f"ClientError: the key {name!r} would leave the channel's folder")
    return target
