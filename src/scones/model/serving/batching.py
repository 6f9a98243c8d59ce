"""Batches of the items that arrive in one turn of the event loop. Knows neither images nor HTTP.

A single item is answered at once, and many together: nothing waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from scones.model.serving.tracebacks import release_frames

Item = TypeVar("Item")
Result = TypeVar("Result")

# Larger batches are no faster for each image, and keep the first image waiting.
MAX_BATCH_SIZE = 16


class _Waiting(NamedTuple, Generic[Item, Result]):
    item: Item
    on_result: Callable[[Result | Exception], None]


class Batches(Generic[Item, Result]):
    """Calls `answer` with the items that wait, at most `MAX_BATCH_SIZE`, in the event loop's own thread.

    `answer` returns a result or an exception for each item. If it raises, every item gets that exception. `log` is
    called with the items and their results after they have been delivered.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        log: Callable[[Sequence[Item], Sequence[Result | Exception]], None],
    ) -> None:
        self._answer = answer
        self._log = log
        self._waiting: list[_Waiting[Item, Result]] = []

    def submit(self, item: Item, on_result: Callable[[Result | Exception], None]) -> None:
        """Have `on_result` called with the item's result, later and from the event loop."""
        # The loop runs this call after it has read all sockets that were ready, whose items join the batch.
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_batch)
        self._waiting.append(_Waiting(item, on_result))

    def _answer_batch(self) -> None:
        batch = self._waiting[:MAX_BATCH_SIZE]
        self._waiting = self._waiting[MAX_BATCH_SIZE:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_batch)
        items = [waiting.item for waiting in batch]
        try:
            results = self._answer(items)
        except Exception as error:
            release_frames(error)
            results = [error] * len(items)
        for waiting, result in zip(batch, results, strict=True):
            waiting.on_result(result)
        self._log(items, results)
