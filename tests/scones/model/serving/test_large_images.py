from __future__ import annotations

import asyncio
from collections.abc import Callable

from scones.contract.delivery import Inference
from scones.errors import ImageRejectedError
from scones.model.serving.large_images import LargeImages
from scones.model.serving.predictions import ReceivedImage


def submit(answer: Callable[[ReceivedImage], Inference | Exception]) -> list[object]:
    """Return the events of one submitted image, in order."""
    events = list[object]()

    async def run() -> None:
        done = asyncio.Event()
        images = LargeImages(answer, lambda image, result: (events.append((image.id, result)), done.set())[0])
        images.submit(ReceivedImage(b"", "a"), events.append)
        await done.wait()

    asyncio.run(run())
    return events


def test_a_result_is_delivered_and_then_logged() -> None:
    result = ImageRejectedError("no")
    assert submit(lambda image: result) == [result, ("a", result)]


def test_an_exception_is_the_result() -> None:
    error = MemoryError()

    def fail(image: ReceivedImage) -> Inference:
        raise error

    assert submit(fail) == [error, ("a", error)]
