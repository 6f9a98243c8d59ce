"""S3's objects, which the engine itself keeps as files: a file that could not be written is an error, not a warning,
and what is in a file is not in memory too.

Runs in the server.
"""

from __future__ import annotations

from typing import Any

from ministack.services import s3

_persist = s3._persist_object
_persist_displaced = s3._persist_displaced_version


def install() -> None:
    """Make a write that failed answer 500, where the engine would keep the object in memory and answer 200."""
    s3._persist_object = persist_object
    s3._persist_displaced_version = persist_displaced_version


def persist_object(bucket: str, key: str, record: object) -> None:
    """Write an object, or raise OSError; the engine reads it from its file again when it is asked for."""
    _persist(bucket, key, record)
    # The engine lets go of the object's body once it is on disk, but not of its version's.
    if isinstance(record, dict) and record.get("body") is not None:
        raise _unwritten(bucket, key)
    for version in s3._object_versions.get((bucket, key), ()):
        version["data"] = None


def persist_displaced_version(bucket: str, key: str, prior: dict[str, Any] | None, versioning: str) -> None:
    """Write the version that another is about to take the place of, or raise OSError and leave it in its place."""
    _persist_displaced(bucket, key, prior, versioning)
    version = (prior or {}).get("version_id") or "null"
    is_kept = prior is not None and not (versioning == "Suspended" and version == "null")
    if is_kept and not s3._version_file_exists(bucket, key, version):
        # Nothing has been overwritten yet but the engine's own note of what is there.
        s3._buckets[bucket]["objects"][key] = prior
        raise _unwritten(bucket, key)


def _unwritten(bucket: str, key: str) -> OSError:
    return OSError(f"s3://{bucket}/{key} could not be written to disk; the server's log has the reason.")
