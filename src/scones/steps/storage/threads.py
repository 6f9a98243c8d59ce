"""Runs one function on many items at once, for work that waits for the network or decodes images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final, TypeVar

from scones.progress import Progress

# boto3 keeps 10 connections open by default; threads beyond them would wait for one.
THREADS: Final = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], progress: Progress, detail: str) -> list[Result]:
    """Return `work(item)` for each of `items`, in their order; `detail` is shown beside the progress bar.

    The first error, or Ctrl-C, cancels the items that have not started and is raised again.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                progress.count(done, len(futures), detail)
        except BaseException:
            # Without this, leaving the `with` would first run everything that still waits.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]
