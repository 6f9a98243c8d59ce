"""Marks: the entries that a request has looked at, and so may have changed. Every access to a store leaves one.

Marks belong to a request, not to a thread: ministack starts its threads in a copy of the request's context, so that
their accesses are marked too.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final

_Key = tuple[object, ...]
# The id of a store and the scoped key in it; or ITEMS, and (account, region, table, partition, sort).
Mark = tuple[int | str, _Key]
ITEMS: Final = "items"

_marks: contextvars.ContextVar[set[Mark] | None] = contextvars.ContextVar("marks", default=None)


def begin() -> set[Mark]:
    """Return the set in which the marks of the current request are collected from now on."""
    marks: set[Mark] = set()
    _marks.set(marks)
    return marks


def watch_stores(kinds: Iterable[type[Any]]) -> None:
    """Make stores of these classes leave a mark for each entry that is looked up or iterated over."""
    for kind in kinds:
        # Accesses go through one of these two methods; the saver's sweep finds what the few others change.
        kind._scoped = _marking_lookup(kind._scoped)
        kind._is_mine = _marking_iteration(kind._is_mine)


def _marking_lookup(scoped: Callable[[object, object], _Key]) -> Callable[[object, object], _Key]:
    def mark_and_scope(store: object, key: object) -> _Key:
        scoped_key = scoped(store, key)
        marks = _marks.get()
        if marks is not None:
            marks.add((id(store), scoped_key))
        return scoped_key

    return mark_and_scope


def _marking_iteration(is_mine: Callable[[object, _Key], bool]) -> Callable[[object, _Key], bool]:
    def mark_and_ask(store: object, scoped_key: _Key) -> bool:
        marks = _marks.get()
        if marks is not None:
            marks.add((id(store), scoped_key))
        return is_mine(store, scoped_key)

    return mark_and_ask


def watch_items(dynamodb: ModuleType) -> None:
    """Make DynamoDB leave a mark for each item that is put or removed."""
    # A table is one entry of its store however many items it holds: without these, each put would compare them all.
    for name in ("_set_item", "_remove_item"):
        setattr(dynamodb, name, _marking_item(getattr(dynamodb, name)))


def _marking_item(change: Callable[..., object]) -> Callable[..., object]:
    def mark_and_change(table: dict[str, Any], partition: object, sort: object, *rest: object) -> object:
        marks = _marks.get()
        if marks is not None:
            _, _, _, region, account, name = table["TableArn"].split(":", 5)
            marks.add((ITEMS, (account, region, name.removeprefix("table/"), partition, sort)))
        return change(table, partition, sort, *rest)

    return mark_and_change
