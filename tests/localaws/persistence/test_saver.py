import asyncio
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.core.responses import AccountScopedDict

from localaws.persistence.marks import watch_stores
from localaws.persistence.rows import Rows
from localaws.persistence.saver import Saver
from localaws.persistence.snapshot import LIVE_STORES


class Watched(AccountScopedDict):  # type: ignore[misc]
    """A store of its own class, so that no other test's stores are watched."""

    __slots__ = ()


watch_stores([Watched])
TEXT = st.text(max_size=10)


def service() -> ModuleType:
    made = ModuleType("toy")
    made._things = Watched()  # type: ignore[attr-defined]
    made.get_state = lambda: {"things": made._things, "plain": {"a": 1}}  # type: ignore[attr-defined]
    made.load_persisted_state = lambda state: made.loaded.update(state)  # type: ignore[attr-defined]
    made.loaded = {}  # type: ignore[attr-defined]
    return made


class Counting(Rows):
    written = 0

    def write(self, changed: Any, removed: Any) -> None:
        changed = list(changed)
        self.written += len(changed)
        super().write(changed, removed)


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    toy, rows = service(), Counting(tmp_path / "state.db")
    saver = Saver(rows, lambda: {"toy": toy})
    toy._things["a"], toy._things["b"] = {"n": 1}, {"n": 1}
    saver.save_all()
    assert rows.written == 3
    toy._things["b"]["n"] = 2
    saver.save_all()
    assert rows.written == 4
    del toy._things["a"]
    saver.close()
    assert [(key.store, key.entry) for key, _ in Rows(tmp_path / "state.db").read()] == [
        ("things", "('000000000000', 'b')"),
        ("plain", "()"),
    ]


@settings(max_examples=30)
@given(things=st.dictionaries(TEXT, st.dictionaries(TEXT, TEXT | st.integers() | st.none())))
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, things: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("saver") / "state.db"
    toy = service()
    for key, value in things.items():
        toy._things[key] = value
    Saver(Rows(path), lambda: {"toy": toy}).close()
    again = service()
    Saver(Rows(path), lambda: {"toy": again}).load(lambda _: again, {"toy": "toy"})
    assert dict(again.loaded.get("things", {})) == things


def test_a_request_saves_what_it_touched_and_nothing_else(tmp_path: Path) -> None:
    one, other, rows = service(), service(), Counting(tmp_path / "state.db")

    async def change() -> None:
        saver = Saver(rows, lambda: {"one": one, "other": other})
        saver.save_all()
        save = saver.track("CreateThing")
        one._things["a"] = {}
        other._things._data["000000000000", "unseen"] = {}
        await save()

    before = rows.written
    asyncio.run(change())
    assert rows.written - before == 3
    assert ("one", "things") in {key[:2] for key, _ in rows.read()}


def test_a_store_that_no_restart_needs_is_never_written(tmp_path: Path) -> None:
    toy, rows = ModuleType("toy"), Rows(tmp_path / "state.db")
    for store in (*LIVE_STORES["stepfunctions"], "task_tokens"):
        setattr(toy, f"_{store}", Watched())

    async def start() -> None:
        save = Saver(rows, lambda: {"stepfunctions": toy}).track("StartExecution")
        toy._task_tokens["secret"] = {"event": object()}
        toy._executions["e"] = {"status": "RUNNING", "events": []}
        await save()

    asyncio.run(start())
    assert [key.store for key, _ in rows.read()] == ["executions"]


def test_a_disk_that_cannot_be_written_fails_the_request(tmp_path: Path) -> None:
    toy, rows = service(), Rows(tmp_path / "state.db")

    async def change() -> None:
        saver = Saver(rows, lambda: {"toy": toy})
        save = saver.track("CreateThing")
        toy._things["a"] = {}
        rows.close()
        await save()

    with pytest.raises(sqlite3.Error):
        asyncio.run(change())
