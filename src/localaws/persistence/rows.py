"""The state file: one row for each entry of each store of each service. Runs on the saver's thread.

Knows nothing of the engine. A write is one transaction, so a killed process leaves the state before it or after it;
only a crash of the whole machine may lose the last ones (`synchronous=OFF`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class RowKey(NamedTuple):
    """`store` is a service's name for one of its dictionaries; `entry` is the repr of the key in it."""

    service: str
    store: str
    entry: str


class Rows:
    """Opened by one process at a time; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS entries "
            "(service TEXT, store TEXT, entry TEXT, value TEXT, PRIMARY KEY (service, store, entry))"
        )

    def read(self) -> Iterator[tuple[RowKey, str]]:
        query = "SELECT service, store, entry, value FROM entries ORDER BY rowid"
        for service, store, entry, value in self._database.execute(query):
            yield RowKey(service, store, entry), value

    def write(self, changed: Iterable[tuple[RowKey, str]], gone: Iterable[RowKey]) -> None:
        self._database.execute("BEGIN")
        try:
            self._database.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?) "
                "ON CONFLICT (service, store, entry) DO UPDATE SET value = excluded.value",
                ((*key, value) for key, value in changed),
            )
            self._database.executemany("DELETE FROM entries WHERE service = ? AND store = ? AND entry = ?", gone)
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._database.close()
