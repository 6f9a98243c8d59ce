from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.progress import Progress
from scones.steps.storage.threads import THREADS, in_threads


@given(st.lists(st.integers(), max_size=30))
def test_results_come_in_the_order_of_the_items(items: list[int]) -> None:
    assert in_threads(lambda item: item * 2, items, Progress(), "doubling") == [item * 2 for item in items]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_or_ctrl_c_cancels_what_has_not_begun(error: type[BaseException]) -> None:
    begun: list[int] = []
    stopped = threading.Event()

    class Stopper(Progress):
        def update(self, done: int, total: int | None = None, detail: str = "") -> None:
            stopped.set()
            raise error

    def work(item: int) -> None:
        begun.append(item)
        if item:
            stopped.wait(60)
            # All of them would take so long that the rest is cancelled first, however late.
            time.sleep(0.1)

    with pytest.raises(error):
        in_threads(work, range(1000), Stopper(), "working")
    assert len(begun) < 1000 - THREADS
