"""S3's objects, which the engine itself keeps as files: a file that could not be written is an error, not a warning.

Runs in the server.
"""

from __future__ import annotations

from ministack.services import s3


def install() -> None:
    """Make a write that failed answer 500, where the engine would keep the object in memory and answer 200."""
    persist = s3._persist_object

    def persist_or_fail(bucket: str, key: str, record: object) -> None:
        persist(bucket, key, record)
        # The engine lets go of the body once it is on disk.
        if isinstance(record, dict) and record.get("body") is not None:
            raise OSError(f"s3://{bucket}/{key} could not be written to disk; the server's log has the reason.")

    s3._persist_object = persist_or_fail
