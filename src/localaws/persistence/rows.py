"""The state file: one row for each entry of each store of each service. Runs on the saver's thread.

Independent of ministack. A write is one transaction, so that a killed process leaves the state before it or after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class RowKey(NamedTuple):
    """The key of a row: `store` is the service's name for one of its dictionaries, `entry` the repr of a key in it."""

    service: str
    store: str
    entry: str


class Rows:
    """The rows of one SQLite file, opened by one process and used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        # No fsync: a killed process loses nothing, only a crash of the whole machine may lose the last writes.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS entries "
            "(service TEXT, store TEXT, entry TEXT, value TEXT, PRIMARY KEY (service, store, entry))"
        )

    def read(self) -> Iterator[tuple[RowKey, str]]:
        """Yield each key with its value, in the order in which the keys were first written."""
        query = "SELECT service, store, entry, value FROM entries ORDER BY rowid"
        for service, store, entry, value in self._database.execute(query):
            yield RowKey(service, store, entry), value

    def write(self, changed: Iterable[tuple[RowKey, str]], removed: Iterable[RowKey]) -> None:
        """Insert or update the `changed` rows and delete the `removed` ones, in one transaction.

        Raises sqlite3.Error, and writes nothing, if one of them fails.
        """
        self._database.execute("BEGIN")
        try:
            # An upsert rather than REPLACE, which would give the row a new rowid and so change the order of `read`.
            self._database.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?) "
                "ON CONFLICT (service, store, entry) DO UPDATE SET value = excluded.value",
                ((*key, value) for key, value in changed),
            )
            self._database.executemany("DELETE FROM entries WHERE service = ? AND store = ? AND entry = ?", removed)
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file; nothing can be read or written afterwards."""
        self._database.close()
