"""Many images in one request: `application/jsonlines`, a base64 image on each line and an answer line for each.

A line `{"image": "<base64>", "id"?}` gets the full answer, with the `id` if it had one, or `{"error", "message"}`. One
bad line affects no other line. The answers are in the order of the lines.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Iterator
from typing import cast

from scones.contract.delivery import BatchAnswer, BatchError, Inference
from scones.contract.layout import MAX_DECODE_BYTES
from scones.errors import ImageRejectedError
from scones.model.serving.predictions import OnResult, ReceivedImage

MAX_LINES = 10_000
MAX_ID_CHARACTERS = 1024
# What decoding all images of a request may take, one after the other: 400 megapixels of RGB, about ten seconds. A shard
# of `scones classify` has 4 MB and takes a fraction of it.
MAX_REQUEST_DECODE_BYTES = 10 * MAX_DECODE_BYTES
# So many images are decoded from base64 at once, in lines of so many bytes together; the rest of the body stays as it
# was received, to save memory.
_CONCURRENT_LINES = 64
_CONCURRENT_BYTES = 1024 * 1024


class Line:
    """A line that is not parsed yet: `size` bytes of a request's body. `id` is set by `read`."""

    def __init__(self, body: bytes, start: int, end: int) -> None:
        self._body = body
        self._start = start
        self._end = end
        self.size = end - start
        self.id = ""

    def read(self) -> ReceivedImage:
        """Return the line's image. Raises ImageRejectedError."""
        self.id, image = parse(memoryview(self._body)[self._start : self._end])
        return ReceivedImage(image, self.id)


class DecodeBudget:
    """What decoding the images of one request may still take."""

    def __init__(self) -> None:
        self._left = MAX_REQUEST_DECODE_BYTES

    def spend(self, decode_bytes: int) -> None:
        """Take an image's `decode_bytes` off. Raises ImageRejectedError if less is left."""
        if decode_bytes > self._left:
            raise ImageRejectedError(
                f"decoding the request's images takes over {MAX_REQUEST_DECODE_BYTES} bytes; send fewer at once"
            )
        self._left -= decode_bytes


PredictLine = Callable[[Line, DecodeBudget, OnResult], None]


async def answer(body: bytes, predict: PredictLine) -> bytes:
    """Return one line for each line of `body`. Raises ImageRejectedError if it has more than `MAX_LINES`.

    `predict` reads a line's image, spends its share of the budget and calls back with the result, once.
    """
    # Counted before it is split: as a list, a body of empty lines takes many times its size.
    if body.count(b"\n") > MAX_LINES:
        raise ImageRejectedError(f"the body has over {MAX_LINES} lines; send fewer at once")
    budget = DecodeBudget()
    answers: list[str] = []
    for group in _groups(body):
        answers += await asyncio.gather(*[_answer(line, budget, predict) for line in group])
    return "".join(f"{json_line}\n" for json_line in answers).encode()


def _groups(body: bytes) -> Iterator[list[Line]]:
    """Yield the lines in the groups that are answered together."""
    group: list[Line] = []
    size = 0
    start = 0
    while start < len(body):
        newline = body.find(b"\n", start)
        end = len(body) if newline < 0 else newline
        if len(group) == _CONCURRENT_LINES or size > _CONCURRENT_BYTES:
            yield group
            group = []
            size = 0
        group.append(Line(body, start, end))
        size += end - start
        start = end + 1
    if group:
        yield group


async def _answer(line: Line, budget: DecodeBudget, predict: PredictLine) -> str:
    future: asyncio.Future[Inference | Exception] = asyncio.get_running_loop().create_future()
    predict(line, budget, future.set_result)
    result = await future
    if isinstance(result, ImageRejectedError):
        document: BatchAnswer | BatchError = BatchError(error=type(result).__name__, message=str(result))
    elif isinstance(result, Exception):
        raise result
    else:
        document = cast(BatchAnswer, result)
    if line.id:
        document["id"] = line.id
    return json.dumps(document)


def parse(line: bytes | memoryview) -> tuple[str, bytes]:
    """Return a line's id, "" if it has none, and its image file. Raises ImageRejectedError."""
    try:
        value = json.loads(str(line, "utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ImageRejectedError('the line is not JSON; send {"image": "<base64>"}') from error
    name = value.get("id", "") if isinstance(value, dict) else None
    if not isinstance(name, str) or len(name) > MAX_ID_CHARACTERS or not isinstance(value.get("image"), str):
        raise ImageRejectedError('the line is not {"image": "<base64>", "id": "..."}; its id may be left out')
    try:
        return name, base64.b64decode(value["image"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageRejectedError("the line's image is not base64; encode the file's bytes") from error
