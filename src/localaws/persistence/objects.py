"""S3's objects, which ministack itself keeps as files: a failed write is an error rather than a warning, and a body
that is in a file is not kept in memory as well.

Runs in the server.
"""

from __future__ import annotations

from typing import Any

from ministack.services import s3

_persist = s3._persist_object
_persist_displaced = s3._persist_displaced_version


def install() -> None:
    """Make a failed write answer 500; ministack would keep the object in memory and answer 200."""
    s3._persist_object = persist_object
    s3._persist_displaced_version = persist_displaced_version


def persist_object(bucket: str, key: str, record: object) -> None:
    """Write an object to its file. Raises OSError if it cannot be written."""
    _persist(bucket, key, record)
    # ministack only logs a failure. It drops the body from the record once it is on disk, so a body that is still
    # there was not written.
    if isinstance(record, dict) and record.get("body") is not None:
        raise _write_error(bucket, key)
    # It keeps the body of the version's own record, though. All versions are walked, as they are for the sidecar file
    # that `_persist` has just written: the one that is new need not be the last.
    for version in s3._object_versions.get((bucket, key), ()):
        version["data"] = None


def persist_displaced_version(bucket: str, key: str, prior: dict[str, Any] | None, versioning: str) -> None:
    """Write the body of the version that a new one is about to replace as the current object.

    Raises OSError, and leaves that version the current one, if it cannot be written.
    """
    _persist_displaced(bucket, key, prior, versioning)
    version = (prior or {}).get("version_id") or "null"
    # While versioning is suspended, a new null version overwrites the old one, which is not kept.
    is_kept = prior is not None and not (versioning == "Suspended" and version == "null")
    if is_kept and not s3._version_file_exists(bucket, key, version):
        # So far only the record in memory has been replaced; no file has been overwritten.
        s3._buckets[bucket]["objects"][key] = prior
        raise _write_error(bucket, key)


def _write_error(bucket: str, key: str) -> OSError:
    return OSError(f"s3://{bucket}/{key} could not be written to disk; the server's log has the reason.")
