import asyncio
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.model.batches import LARGEST, Batches


def double(items: Sequence[int]) -> list[int | Exception]:
    return [ValueError(str(item)) if item < 0 else 2 * item for item in items]


async def submit_all(batches: Batches[int, int], items: Sequence[int]) -> list[int | BaseException]:
    return await asyncio.gather(*map(batches.submit, items), return_exceptions=True)


@given(items=st.lists(st.integers(), max_size=100), threads=st.integers(1, 4))
def test_each_gets_its_own_result_or_exception(items: list[int], threads: int) -> None:
    results = asyncio.run(submit_all(Batches(double, threads), items))
    expected = [str(item) if item < 0 else 2 * item for item in items]
    assert [str(result) if isinstance(result, ValueError) else result for result in results] == expected


def test_what_waits_is_answered_together_and_a_lone_one_alone() -> None:
    gate, sizes = threading.Event(), list[int]()

    def answer(items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        gate.wait(10)
        return items

    async def run() -> None:
        batches = Batches[int, int](answer, threads=1)
        first = asyncio.ensure_future(batches.submit(0))
        while not sizes:
            await asyncio.sleep(0.01)
        others = asyncio.gather(*map(batches.submit, range(LARGEST + 4)))
        await asyncio.sleep(0)
        gate.set()
        assert await first == 0
        assert await others == list(range(LARGEST + 4))

    asyncio.run(run())
    assert sizes == [1, LARGEST, 4]


def test_threads_share_what_waits() -> None:
    both, sizes = threading.Barrier(3, timeout=10), list[int]()

    def answer(items: Sequence[int]) -> Sequence[int]:
        if items[0] < 0:
            both.wait()
        else:
            sizes.append(len(items))
        return items

    async def run() -> None:
        batches = Batches[int, int](answer, threads=2)
        holding = []
        for number in (1, 2):
            holding.append(asyncio.ensure_future(batches.submit(-1)))
            while both.n_waiting < number:
                await asyncio.sleep(0.01)
        waiting = asyncio.gather(*map(batches.submit, range(8)))
        await asyncio.sleep(0)
        await asyncio.to_thread(both.wait)
        await asyncio.gather(*holding)
        assert await waiting == list(range(8))

    asyncio.run(run())
    assert max(sizes) <= 4


def test_an_error_of_a_whole_batch_is_told_to_all_and_the_next_one_is_answered() -> None:
    def answer(items: Sequence[int]) -> Sequence[int]:
        if items[0] == 0:
            raise MemoryError
        return items

    async def run() -> None:
        batches = Batches[int, int](answer, threads=1)
        with pytest.raises(MemoryError):
            await batches.submit(0)
        assert await batches.submit(1) == 1

    asyncio.run(run())


def test_who_no_longer_waits_holds_up_nobody() -> None:
    async def run() -> None:
        batches = Batches(double, threads=1)
        left = asyncio.ensure_future(batches.submit(1))
        await asyncio.sleep(0)
        left.cancel()
        assert await batches.submit(2) == 4

    asyncio.run(run())
