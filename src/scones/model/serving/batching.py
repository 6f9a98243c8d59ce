"""Answers together what one turn of the event loop has brought: a lone request goes at once, and a crowd together.

Knows neither pictures nor HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Larger ones gain nothing more, and keep their first picture waiting.
LARGEST = 16


class _Waiting(NamedTuple, Generic[Item, Result]):
    item: Item
    then: Callable[[Result | Exception], None]


class Batches(Generic[Item, Result]):
    """Calls `answer` with all items that wait, `LARGEST` at most, in the event loop's own thread.

    `answer` returns a result or an exception for each item; one that it raises is the result of them all. `note` gets
    the items and their results afterwards.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        note: Callable[[Sequence[Item], Sequence[Result | Exception]], None],
    ) -> None:
        self._answer, self._note = answer, note
        self._waiting: list[_Waiting[Item, Result]] = []

    def submit(self, item: Item, then: Callable[[Result | Exception], None]) -> None:
        """Have `then` called with the item's result, later and from the event loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._work)
        self._waiting.append(_Waiting(item, then))

    def _work(self) -> None:
        batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._work)
        items = [waiting.item for waiting in batch]
        try:
            results = self._answer(items)
        except Exception as error:
            results = [error] * len(items)
        for waiting, result in zip(batch, results, strict=True):
            waiting.then(result)
        self._note(items, results)
