"""Answers what waits in batches: threads share the queue, so that a lone request goes at once and a crowd together.

Knows neither pictures nor HTTP.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Larger ones gain nothing more, and keep their first picture waiting.
LARGEST = 16


class _Waiting(NamedTuple, Generic[Item, Result]):
    item: Item
    future: asyncio.Future[Result]


class Batches(Generic[Item, Result]):
    """Calls `answer` in each of `threads` threads with as many items as are that thread's share of those that wait.

    `answer` returns a result or an exception for each item; one that it raises is the result of them all. For one
    event loop only.
    """

    def __init__(self, answer: Callable[[Sequence[Item]], Sequence[Result | Exception]], threads: int) -> None:
        self._answer, self._threads = answer, threads
        self._queue: SimpleQueue[_Waiting[Item, Result]] = SimpleQueue()
        for _ in range(threads):
            Thread(target=self._work, daemon=True).start()

    async def submit(self, item: Item) -> Result:
        """Wait for the item's turn and return its result, or raise the exception that it got."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(item, future))
        return await future

    def _work(self) -> None:
        while True:
            batch = self._take()
            try:
                results = self._answer([waiting.item for waiting in batch])
            except Exception as error:
                results = [error] * len(batch)
            loop = batch[0].future.get_loop()
            # At the end of the program nobody waits any more.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, batch, results)

    def _take(self) -> list[_Waiting[Item, Result]]:
        batch = [self._queue.get()]
        share = math.ceil((self._queue.qsize() + 1) / self._threads)
        try:
            while len(batch) < min(share, LARGEST):
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        return batch


def _settle(batch: list[_Waiting[Item, Result]], results: Sequence[Result | Exception]) -> None:
    for waiting, result in zip(batch, results, strict=True):
        # Whoever left meanwhile is not told.
        if waiting.future.done():
            continue
        if isinstance(result, Exception):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)
