"""Which entries a request has looked at, and so may have changed: every access to a store leaves a mark.

Marks belong to the request, whichever thread works for it, because threads are started in a copy of its context.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final

# A store's id and the scoped key in it; or ITEMS, and (account, region, table, partition, sort).
Mark = tuple[int | str, tuple[Any, ...]]
ITEMS: Final = "items"

_marks: contextvars.ContextVar[set[Mark] | None] = contextvars.ContextVar("marks", default=None)


def begin() -> set[Mark]:
    """Collect the marks of the request that begins here."""
    marks: set[Mark] = set()
    _marks.set(marks)
    return marks


def watch_stores(kinds: Iterable[type[Any]]) -> None:
    """Let stores of these classes leave a mark for each entry that is looked up or met in a walk."""
    for kind in kinds:
        kind._scoped = _looked_up(kind._scoped)
        kind._is_mine = _met(kind._is_mine)


def _looked_up(scoped: Callable[[Any, Any], tuple[Any, ...]]) -> Callable[[Any, Any], tuple[Any, ...]]:
    def looked_up(store: Any, key: Any) -> tuple[Any, ...]:
        found = scoped(store, key)
        marks = _marks.get()
        if marks is not None:
            marks.add((id(store), found))
        return found

    return looked_up


def _met(is_mine: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def met(store: Any, key: Any) -> bool:
        marks = _marks.get()
        if marks is not None:
            marks.add((id(store), key))
        return is_mine(store, key)

    return met


def watch_items(dynamodb: ModuleType) -> None:
    """Let DynamoDB leave a mark for each item that is put or removed: a table is one entry, however many it holds."""
    for name in ("_set_item", "_remove_item"):
        setattr(dynamodb, name, _changed(getattr(dynamodb, name)))


def _changed(change: Callable[..., Any]) -> Callable[..., Any]:
    def changed(table: dict[str, Any], partition: Any, sort: Any, *rest: Any) -> Any:
        marks = _marks.get()
        if marks is not None:
            _, _, _, region, account, name = table["TableArn"].split(":", 5)
            marks.add((ITEMS, (account, region, name.removeprefix("table/"), partition, sort)))
        return change(table, partition, sort, *rest)

    return changed
