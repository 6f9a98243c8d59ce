"""Many images in one request: `application/jsonlines`, a base64 image on each line and an answer line for each.

A line `{"image": "<base64>", "id"?}` gets the full answer, with the `id` if it had one, or `{"error", "message"}`. One
bad line affects no other line. The answers are in the order of the lines.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import cast

from scones.contract.delivery import BatchAnswer, BatchError, Inference
from scones.errors import ImageRejectedError
from scones.model.serving.predictions import Predict, ReceivedImage

MAX_LINES = 10_000
MAX_ID_CHARACTERS = 1024
# So many images are decoded from base64 at once; the rest of the body stays as it was received, to save memory.
_CONCURRENT_LINES = 64


async def answer(body: bytes, predict: Predict) -> bytes:
    """Return one line for each line of `body`. Raises ImageRejectedError if it has more than `MAX_LINES`."""
    # Counted before it is split: as a list, a body of empty lines takes many times its size.
    if body.count(b"\n") > MAX_LINES:
        raise ImageRejectedError(f"the body has over {MAX_LINES} lines; send fewer at once")
    lines = body.splitlines()
    answers: list[str] = []
    for start in range(0, len(lines), _CONCURRENT_LINES):
        chunk = lines[start : start + _CONCURRENT_LINES]
        answers += await asyncio.gather(*[_answer(line, predict) for line in chunk])
    return "".join(f"{json_line}\n" for json_line in answers).encode()


async def _answer(line: bytes, predict: Predict) -> str:
    name = ""
    try:
        name, body = parse(line)
        future: asyncio.Future[Inference | Exception] = asyncio.get_running_loop().create_future()
        predict(ReceivedImage(body, name), future.set_result)
        result = await future
    except ImageRejectedError as error:
        result = error
    if isinstance(result, ImageRejectedError):
        document: BatchAnswer | BatchError = BatchError(error=type(result).__name__, message=str(result))
    elif isinstance(result, Exception):
        raise result
    else:
        document = cast(BatchAnswer, result)
    if name:
        document["id"] = name
    return json.dumps(document)


def parse(line: bytes) -> tuple[str, bytes]:
    """Return a line's id, "" if it has none, and its image file. Raises ImageRejectedError."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ImageRejectedError('the line is not JSON; send {"image": "<base64>"}') from error
    name = value.get("id", "") if isinstance(value, dict) else None
    if not isinstance(name, str) or len(name) > MAX_ID_CHARACTERS or not isinstance(value.get("image"), str):
        raise ImageRejectedError('the line is not {"image": "<base64>", "id": "..."}; its id may be left out')
    try:
        return name, base64.b64decode(value["image"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageRejectedError("the line's image is not base64; encode the file's bytes") from error
