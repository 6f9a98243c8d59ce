"""Many small pieces of work at once, with progress: used where the time goes into decoding or into the network.

Runs where the operator sits. It starts no processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final, TypeVar

from scones.progress import Progress

THREADS: Final = 8  # boto3 keeps 10 connections open by default

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], progress: Progress, doing: str) -> list[Result]:
    """Return `work(item)` for each of `items`, in their order; an error or Ctrl-C cancels what has not begun."""
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                progress.update(done, len(futures), doing)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]
