import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from scones.model.serving.batching import MAX_BATCH_SIZE, Batches


def double(items: Sequence[int]) -> list[int | Exception]:
    return [ValueError(str(item)) if item < 0 else 2 * item for item in items]


def ignore(items: Sequence[int], results: Sequence[int | Exception]) -> None:
    pass


async def submit_all(batches: Batches[int, int], items: Sequence[int]) -> list[int | Exception]:
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[int | Exception]] = [loop.create_future() for _ in items]
    for item, future in zip(items, futures, strict=True):
        batches.submit(item, future.set_result)
    return await asyncio.gather(*futures)


@given(items=st.lists(st.integers(), max_size=100))
def test_each_gets_its_own_result_or_exception(items: list[int]) -> None:
    results = asyncio.run(submit_all(Batches(double, ignore), items))
    assert list(map(repr, results)) == list(map(repr, double(items)))


def test_items_of_one_turn_are_answered_together_and_a_single_one_alone() -> None:
    sizes = list[int]()

    def answer(items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        return items

    async def run() -> None:
        batches = Batches[int, int](answer, ignore)
        for count in (1, MAX_BATCH_SIZE + 4, 1):
            assert await submit_all(batches, range(count)) == list(range(count))

    asyncio.run(run())
    assert sizes == [1, MAX_BATCH_SIZE, 4, 1]


def test_results_are_logged_after_they_were_delivered() -> None:
    events = list[object]()

    async def run() -> None:
        batches = Batches[int, int](double, lambda items, results: events.append((list(items), list(results))))
        for item in (1, 2):
            batches.submit(item, events.append)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert events == [2, 4, ([1, 2], [2, 4])]


def test_an_error_of_a_batch_is_the_result_of_all_its_items_only() -> None:
    def answer(items: Sequence[int]) -> Sequence[int]:
        if items[0] == 0:
            raise MemoryError
        return items

    async def run() -> None:
        batches = Batches[int, int](answer, ignore)
        assert [type(result) for result in await submit_all(batches, [0, 1])] == [MemoryError, MemoryError]
        assert await submit_all(batches, [1]) == [1]

    asyncio.run(run())
