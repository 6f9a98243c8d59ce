import contextvars
import threading
from types import ModuleType
from typing import Any

from ministack.core.responses import AccountScopedDict

from localaws.persistence import marks

ACCOUNT = "000000000000"
TABLE = {"TableArn": f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/orders"}


class Watched(AccountScopedDict):  # type: ignore[misc]
    """A store of its own class, so that no other test's stores are watched."""

    __slots__ = ()


marks.watch_stores([Watched])


def mark(store: Watched, key: str) -> marks.Mark:
    return id(store), (ACCOUNT, key)


def test_every_entry_that_is_looked_up_is_marked() -> None:
    store = Watched()
    store["before"] = 1
    marked = marks.begin()
    store["written"] = 1
    store.get("missing")
    store.pop("removed", None)
    assert marked == {mark(store, "written"), mark(store, "missing"), mark(store, "removed")}


def test_iterating_over_a_store_marks_all_of_its_entries() -> None:
    store = Watched()
    other = Watched()
    store["a"] = store["b"] = other["c"] = 1
    marked = marks.begin()
    assert list(store) == ["a", "b"]
    assert marked == {mark(store, "a"), mark(store, "b")}


def test_each_request_collects_its_own_marks() -> None:
    store = Watched()
    first = marks.begin()
    store["first"] = 1
    second = marks.begin()
    store["second"] = 1
    assert first == {mark(store, "first")}
    assert second == {mark(store, "second")}


def test_a_thread_marks_for_the_request_whose_context_it_runs_in() -> None:
    store = Watched()
    marked = marks.begin()
    inside = threading.Thread(target=contextvars.copy_context().run, args=(store.get, "inside"))
    outside = threading.Thread(target=contextvars.Context().run, args=(store.get, "outside"))
    for thread in (inside, outside):
        thread.start()
        thread.join()
    assert marked == {mark(store, "inside")}


def test_an_item_that_is_put_or_removed_is_marked_with_its_table_and_key() -> None:
    items: dict[tuple[str, str], Any] = {}
    dynamodb = ModuleType("dynamodb")
    dynamodb._set_item = lambda table, *key_and_item: items.update({key_and_item[:2]: key_and_item[2]})  # type: ignore[attr-defined]
    dynamodb._remove_item = lambda table, *key: items.pop(key)  # type: ignore[attr-defined]
    marks.watch_items(dynamodb)
    dynamodb._set_item(TABLE, "unmarked", "1", {})
    marked = marks.begin()
    dynamodb._set_item(TABLE, "put", "1", {"n": 1})
    dynamodb._remove_item(TABLE, "unmarked", "1")
    assert items == {("put", "1"): {"n": 1}}
    assert marked == {
        (marks.ITEMS, (ACCOUNT, "eu-west-1", "orders", "put", "1")),
        (marks.ITEMS, (ACCOUNT, "eu-west-1", "orders", "unmarked", "1")),
    }
