"""Many pictures in one request: `application/jsonlines`, a picture in base64 on each line, an answer line for each.

Part of `serve`. A line `{"image": "<base64>", "id"?}` gets the full answer, with the `id` if it had one, or
`{"error", "message"}`; so one bad picture spoils nothing. Answers come in the order of the lines.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable
from typing import cast

from scones.contract.delivery import BatchAnswer, BatchError, Inference
from scones.errors import ImageRejectedError
from scones.model.serving.predictions import Picture

Predict = Callable[[Picture, Callable[[Inference | Exception], None]], None]

MOST_LINES = 10_000
# So many are decoded at once; the rest waits as it came.
_AT_ONCE = 64
ID_CHARACTERS = 1024


async def answer(body: bytes, predict: Predict) -> bytes:
    """One line for each line of `body`; raises ImageRejectedError for more than `MOST_LINES`."""
    if body.count(b"\n") > MOST_LINES:
        raise ImageRejectedError(f"the body has over {MOST_LINES} lines; send fewer at once")
    answers: list[str] = []
    given = body.splitlines()
    for start in range(0, len(given), _AT_ONCE):
        answers += await asyncio.gather(*[_answer(line, predict) for line in given[start : start + _AT_ONCE]])
    return "".join(f"{each}\n" for each in answers).encode()


async def _answer(line: bytes, predict: Predict) -> str:
    name, found = "", asyncio.get_running_loop().create_future()
    try:
        name, image = parse(line)
        predict(Picture(image, name), found.set_result)
        result: Inference | Exception = await found
    except ImageRejectedError as error:
        result = error
    if isinstance(result, ImageRejectedError):
        answered: BatchAnswer | BatchError = BatchError(error=type(result).__name__, message=str(result))
    elif isinstance(result, Exception):
        raise result
    else:
        answered = cast(BatchAnswer, result)
    if name:
        answered["id"] = name
    return json.dumps(answered)


def parse(line: bytes) -> tuple[str, bytes]:
    """The id of a line, empty without one, and its picture; raises ImageRejectedError."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ImageRejectedError('the line is not JSON; send {"image": "<base64>"}') from error
    name = value.get("id", "") if isinstance(value, dict) else None
    if not isinstance(name, str) or len(name) > ID_CHARACTERS or not isinstance(value.get("image"), str):
        raise ImageRejectedError('the line is not {"image": "<base64>", "id": "..."}; its id may be left out')
    try:
        return name, base64.b64decode(value["image"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageRejectedError("the line's image is not base64; encode the file's bytes") from error
