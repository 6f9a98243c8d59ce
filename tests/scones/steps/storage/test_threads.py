from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.progress import Progress
from scones.steps.storage.threads import THREADS, in_threads


@given(st.lists(st.integers(), max_size=30))
def test_results_are_in_the_order_of_the_items(items: list[int]) -> None:
    assert in_threads(lambda item: item * 2, items, Progress(), "doubling") == [item * 2 for item in items]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_or_ctrl_c_cancels_items_that_have_not_started(error: type[BaseException]) -> None:
    started: list[int] = []
    stopped = threading.Event()

    class Stopper(Progress):
        def update(self, done: int, total: int | None = None, detail: str = "") -> None:
            stopped.set()
            raise error

    def work(item: int) -> None:
        started.append(item)
        if item:
            stopped.wait(60)
            # A thousand of these take long enough that the rest is cancelled first, even on a slow machine.
            time.sleep(0.1)

    with pytest.raises(error):
        in_threads(work, range(1000), Stopper(), "working")
    assert len(started) < 1000 - THREADS
