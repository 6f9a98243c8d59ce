"""Predictions for large images: one at a time, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from scones.contract.delivery import Inference
from scones.model.serving.predictions import OnResult, ReceivedImage


class LargeImages:
    """Calls `answer` with one image after the other, in a thread of its own.

    If `answer` raises, the exception is the image's result. `log` is called with the image and its result after it has
    been delivered.
    """

    def __init__(
        self,
        answer: Callable[[ReceivedImage], Inference | Exception],
        log: Callable[[ReceivedImage, Inference | Exception], None],
    ) -> None:
        self._answer = answer
        self._log = log
        # One thread, because decoding an image of 50 megapixels takes a second and 1 GB.
        self._executor = ThreadPoolExecutor(1)

    def submit(self, image: ReceivedImage, on_result: OnResult) -> None:
        """Have `on_result` called with the image's result, later and from the event loop."""

        def deliver(future: asyncio.Future[Inference | Exception]) -> None:
            result = future.result()
            on_result(result)
            self._log(image, result)

        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._executor, self._answer_or_error, image).add_done_callback(deliver)

    def _answer_or_error(self, image: ReceivedImage) -> Inference | Exception:
        try:
            return self._answer(image)
        except Exception as error:
            return error
