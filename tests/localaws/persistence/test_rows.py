import sqlite3
from pathlib import Path

import pytest

from localaws.persistence.rows import RowKey, Rows


def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "state.db")
    key = RowKey("s", "t", "()")
    rows.write([(key, "1")], [])
    with pytest.raises(sqlite3.Error):
        rows.write([(key, "2"), (RowKey("s", "t", "('x',)"), object())], [])  # type: ignore[list-item]
    assert list(rows.read()) == [(key, "1")]
