"""Predictions for large images: one at a time, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from scones.contract.delivery import Inference
from scones.model import heap
from scones.model.serving.decode_lock import DecodeLock
from scones.model.serving.predictions import OnResult, ReceivedImage
from scones.model.serving.tracebacks import release_frames

# More memory than this is taken by one worker at a time. A phone's photograph, a JPEG of some megabytes, takes less.
MAX_UNLOCKED_BYTES = 8 * 1024 * 1024


class LargeImages:
    """Calls `answer` with one image after the other, in a thread of its own.

    If `answer` raises, the exception is the image's result. `decode_bytes` returns the memory that an image takes.
    `log` is called with the image and its result after it has been delivered.
    """

    def __init__(
        self,
        answer: Callable[[ReceivedImage], Inference | Exception],
        decode_bytes: Callable[[ReceivedImage], int],
        log: Callable[[ReceivedImage, Inference | Exception], None],
        lock: DecodeLock,
    ) -> None:
        self._answer = answer
        self._decode_bytes = decode_bytes
        self._log = log
        self._lock = lock
        # One thread, because decoding an image of 50 megapixels takes a second and 200 MB.
        self._executor = ThreadPoolExecutor(1)

    def submit(self, read: Callable[[], ReceivedImage], source_bytes: int, on_result: OnResult) -> None:
        """Have `on_result` called with the image's result, later and from the event loop.

        `read` returns the image, from `source_bytes` bytes; it is called in the thread, because it may take time and
        memory.
        """

        loop = asyncio.get_running_loop()

        def deliver(image: ReceivedImage | None, result: Inference | Exception) -> None:
            on_result(result)
            if image:
                self._log(image, result)

        def run() -> None:
            # Not a future's result: asyncio's and the executor's futures refer to each other in a cycle, and would keep
            # the image until the next garbage collection.
            loop.call_soon_threadsafe(deliver, *self._run(read, source_bytes))
            heap.trim()

        self._executor.submit(run)

    def _run(
        self, read: Callable[[], ReceivedImage], source_bytes: int
    ) -> tuple[ReceivedImage | None, Inference | Exception]:
        image = None
        try:
            with ExitStack() as stack:
                if is_locked := source_bytes > MAX_UNLOCKED_BYTES:
                    stack.enter_context(self._lock.held())
                image = read()
                if not is_locked and self._decode_bytes(image) > MAX_UNLOCKED_BYTES:
                    stack.enter_context(self._lock.held())
                return image, self._answer(image)
        except Exception as error:
            release_frames(error)
            return image, error
        finally:
            # The log's digest takes 15 ms for 25 MB, which the event loop should not spend.
            if image:
                image.sha256  # noqa: B018
