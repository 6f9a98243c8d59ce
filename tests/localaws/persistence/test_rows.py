import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.persistence.rows import RowKey, Rows

WRITE_AND_DIE = """
import os, pathlib, signal, sys
from localaws.persistence.rows import RowKey, Rows
rows = Rows(pathlib.Path(sys.argv[1]))
rows.write([(RowKey("s", "t", "('kept',)"), "1")], [])
rows._database.execute("BEGIN")
rows._database.execute("DELETE FROM entries")
os.kill(os.getpid(), signal.SIGKILL)
"""


def row(entry: str) -> RowKey:
    return RowKey("service", "store", entry)


@given(values=st.dictionaries(st.text(), st.text()))
def test_any_text_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("rows") / "state.db"
    written = [(row(entry), value) for entry, value in values.items()]
    first = Rows(path)
    first.write(written, [])
    first.close()
    assert list(Rows(path).read()) == written


def test_a_changed_row_keeps_its_place_and_a_new_one_comes_last(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "state.db")
    rows.write([(row("a"), "1"), (row("b"), "1"), (row("c"), "1")], [])
    rows.write([(row("d"), "2"), (row("a"), "2")], [row("b"), row("missing")])
    assert list(rows.read()) == [(row("a"), "2"), (row("c"), "1"), (row("d"), "2")]


def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "state.db")
    key = RowKey("s", "t", "()")
    rows.write([(key, "1")], [])
    with pytest.raises(sqlite3.Error):
        rows.write([(key, "2"), (RowKey("s", "t", "('x',)"), object())], [])  # type: ignore[list-item]
    assert list(rows.read()) == [(key, "1")]


def test_a_killed_process_keeps_its_writes_but_not_an_open_transaction(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    killed = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(Rows(path).read()) == [(RowKey("s", "t", "('kept',)"), "1")]
