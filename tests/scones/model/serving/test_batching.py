import asyncio
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from scones.model.serving.batching import LARGEST, Batches

Answer = Callable[[Sequence[int]], Sequence[int | Exception]]


def double(items: Sequence[int]) -> list[int | Exception]:
    return [ValueError(str(item)) if item < 0 else 2 * item for item in items]


def nothing(items: Sequence[int], results: Sequence[int | Exception]) -> None:
    pass


async def submit_all(batches: Batches[int, int], items: Sequence[int]) -> list[int | Exception]:
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[int | Exception]] = [loop.create_future() for _ in items]
    for item, future in zip(items, futures, strict=True):
        batches.submit(item, future.set_result)
    return await asyncio.gather(*futures)


@given(items=st.lists(st.integers(), max_size=100))
def test_each_gets_its_own_result_or_exception(items: list[int]) -> None:
    results = asyncio.run(submit_all(Batches(double, nothing), items))
    assert list(map(repr, results)) == list(map(repr, double(items)))


def test_what_came_in_one_turn_is_answered_together_and_a_lone_one_alone() -> None:
    sizes = list[int]()

    def answer(items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        return items

    async def run() -> None:
        batches = Batches[int, int](answer, nothing)
        for count in (1, LARGEST + 4, 1):
            assert await submit_all(batches, range(count)) == list(range(count))

    asyncio.run(run())
    assert sizes == [1, LARGEST, 4, 1]


def test_what_was_answered_is_noted_afterwards() -> None:
    events = list[object]()

    async def run() -> None:
        batches = Batches[int, int](double, lambda items, results: events.append((list(items), list(results))))
        for item in (1, 2):
            batches.submit(item, events.append)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert events == [2, 4, ([1, 2], [2, 4])]


def test_an_error_of_a_whole_batch_is_told_to_all_and_the_next_one_is_answered() -> None:
    def answer(items: Sequence[int]) -> Sequence[int]:
        if items[0] == 0:
            raise MemoryError
        return items

    async def run() -> None:
        batches = Batches[int, int](answer, nothing)
        assert [type(result) for result in await submit_all(batches, [0, 1])] == [MemoryError, MemoryError]
        assert await submit_all(batches, [1]) == [1]

    asyncio.run(run())
