"""S3 for jobs and endpoints: prefixes are downloaded to folders, files and archives uploaded to objects."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from localaws.services.sagemaker.containers import s3
from localaws.services.sagemaker.engine import HttpRequest
from localaws.services.sagemaker.errors import ContainerError

_XML_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def parse_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`. Raises ContainerError for anything else."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ContainerError(f"ClientError: {uri!r} is not an S3 URI")
    return bucket, key


def relative_name(key: str, prefix: str) -> str:
    """Return the path that SageMaker gives an object of an S3Prefix inside the channel's folder."""
    # Below the prefix if that is a folder; otherwise the prefix may end within a name, and its last slash counts.
    rest = key[len(prefix) :]
    if rest.startswith("/") or (rest and prefix.endswith("/")):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def list_objects(uri: str, *, may_be_empty: bool = False) -> Iterator[tuple[str, str]]:
    """Yield URI and relative name of every object whose key begins with the URI's.

    Raises ContainerError if no object matches, unless `may_be_empty`.
    """
    bucket, prefix = parse_uri(uri)
    is_empty = True
    for key in _list_keys(bucket, prefix):
        # A key that ends with a slash is the console's marker of a folder.
        if not key.endswith("/"):
            is_empty = False
            yield f"s3://{bucket}/{key}", relative_name(key, prefix)
    if is_empty and not may_be_empty:
        raise ContainerError(f'ClientError: Data download failed:NoSuchKey (404): no S3 objects found under "{uri}"')


def download_prefix(uri: str, folder: Path, is_stopped: Callable[[], bool], *, may_be_empty: bool = False) -> None:
    """Download every object whose key begins with the URI's into `folder`, until `is_stopped`.

    Raises ContainerError if no object matches, unless `may_be_empty`, or if a key would leave the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source, name in list_objects(uri, may_be_empty=may_be_empty):
        if is_stopped():
            return
        target = _inside(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(get(source))


def get(uri: str) -> bytes:
    """Return an object's content. Raises ContainerError, with its URI, if it cannot be read."""
    status, _, body = s3.call(HttpRequest("GET", _path(uri)))
    if status != 200:
        raise ContainerError(f"ClientError: Data download failed:{_error_code(body)} ({status}): {uri}")
    return body


def put(uri: str, body: bytes) -> None:
    """Write an object. Raises ContainerError, with its URI, if it cannot be written."""
    headers = {"content-type": "application/octet-stream", "content-length": str(len(body))}
    status, _, answer = s3.call(HttpRequest("PUT", _path(uri), headers, body))
    if status != 200:
        raise ContainerError(f"ClientError: Artifact upload failed:{_error_code(answer)} ({status}): {uri}")


def delete(uri: str) -> None:
    """Delete an object, if it exists."""
    s3.call(HttpRequest("DELETE", _path(uri)))


def upload_folder(folder: Path, uri: str) -> None:
    """Upload every file in `folder` and its subfolders below the URI. Raises ContainerError if S3 refuses."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            put(f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def upload_archive(folder: Path, uri: str) -> None:
    """Upload a folder's content as a gzipped tar archive with relative names. Raises ContainerError if S3 refuses."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            # Sorted, so that the same files give archives with the same order of members.
            for path in sorted(folder.iterdir()):
                archive.add(path, path.name)
        file.seek(0)
        put(uri, file.read())


def unpack_archive(uri: str, folder: Path) -> None:
    """Extract an archive into `folder`.

    Raises ContainerError if the object is not a tar archive, or if it would write outside the folder.
    """
    with tempfile.TemporaryFile() as file:
        file.write(get(uri))
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:*") as archive:
                # The filter rejects absolute paths, links that leave the folder and device files.
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ContainerError(f"ClientError: Failed to extract model data archive from {uri}: {error}") from error


def _path(uri: str) -> str:
    bucket, key = parse_uri(uri)
    return f"/{bucket}/{quote(key)}"


def _list_keys(bucket: str, prefix: str) -> Iterator[str]:
    # URL encoding, because XML cannot hold every character that a key may have.
    query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
    while True:
        status, _, body = s3.call(HttpRequest("GET", f"/{bucket}", query=query))
        if status != 200:
            raise ContainerError(f"ClientError: Data download failed:{_error_code(body)} ({status}): s3://{bucket}")
        # The document comes from this process.
        root = ElementTree.fromstring(body)  # noqa: S314
        for node in root.iter(f"{_XML_NAMESPACE}Key"):
            yield unquote(node.text or "")
        token = root.findtext(f"{_XML_NAMESPACE}NextContinuationToken")
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
