from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from scones.contract.delivery import Inference
from scones.errors import ImageRejectedError
from scones.model.serving.decode_lock import DecodeLock
from scones.model.serving.large_images import MAX_UNLOCKED_BYTES, LargeImages
from scones.model.serving.predictions import ReceivedImage

REJECTED = ImageRejectedError("no")


class Lock(DecodeLock):
    """Counts how often it was held."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def held(self):  # type: ignore[no-untyped-def]
        self.times += 1
        return super().held()


def submit(
    answer: Callable[[ReceivedImage], Inference | Exception],
    read: Callable[[], ReceivedImage] = lambda: ReceivedImage(b"", "a"),
    source_bytes: int = 0,
    decode_bytes: int = 0,
) -> tuple[list[object], int]:
    """Return the events of one submitted image, in order, and how often the lock was held."""
    events, lock = list[object](), Lock()

    async def run() -> None:
        images = LargeImages(
            answer, lambda _: decode_bytes, lambda image, result: events.append((image.id, result)), lock
        )
        done = asyncio.Event()
        images.submit(read, source_bytes, lambda result: (events.append(result), done.set())[0])
        await done.wait()

    asyncio.run(run())
    return events, lock.times


def test_a_result_is_delivered_and_then_logged() -> None:
    assert submit(lambda image: REJECTED)[0] == [REJECTED, ("a", REJECTED)]


def test_an_exception_is_the_result() -> None:
    error = MemoryError()

    def fail(image: ReceivedImage) -> Inference:
        raise error

    assert submit(fail)[0] == [error, ("a", error)]


def test_an_image_that_cannot_be_read_is_its_error_alone() -> None:
    def fail() -> ReceivedImage:
        raise REJECTED

    assert submit(lambda image: ValueError(), fail)[0] == [REJECTED]


def test_an_image_is_read_beside_the_event_loop() -> None:
    threads = list[threading.Thread]()

    def read() -> ReceivedImage:
        threads.append(threading.current_thread())
        return ReceivedImage(b"")

    submit(lambda image: REJECTED, read)
    assert threads != [threading.main_thread()]


@pytest.mark.parametrize(
    ("source_bytes", "decode_bytes", "times"),
    [
        (MAX_UNLOCKED_BYTES, MAX_UNLOCKED_BYTES, 0),
        (MAX_UNLOCKED_BYTES + 1, 0, 1),
        (0, MAX_UNLOCKED_BYTES + 1, 1),
        (MAX_UNLOCKED_BYTES + 1, MAX_UNLOCKED_BYTES + 1, 1),
    ],
)
def test_only_what_takes_much_memory_takes_turns(source_bytes: int, decode_bytes: int, times: int) -> None:
    assert submit(lambda image: REJECTED, source_bytes=source_bytes, decode_bytes=decode_bytes)[1] == times
