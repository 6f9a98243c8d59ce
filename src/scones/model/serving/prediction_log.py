"""The prediction log: one line of JSON on stdout for each picture, which SageMaker sends to CloudWatch.

Lines of several processes are never mixed. They are written some milliseconds after the answers, together, because a
line by itself costs several times as much, and the next request would wait for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from scones.contract.delivery import Inference
from scones.model.serving.predictions import Picture

ID_CHARACTERS, MESSAGE_CHARACTERS = 64, 300
_DELAY_SECONDS = 0.02


class _Noted(NamedTuple):
    picture: Picture
    result: Inference | Exception
    at: float
    seconds: float


class PredictionLog:
    """For one event loop; `model` is the model's id."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._noted: list[_Noted] = []

    def note(self, pictures: Sequence[Picture], results: Sequence[Inference | Exception]) -> None:
        """Have the pictures' lines written soon."""
        if not self._noted:
            asyncio.get_running_loop().call_later(_DELAY_SECONDS, self.write)
        at, now = time.time(), time.perf_counter()
        self._noted += [_Noted(*pair, at, now - pair[0].received) for pair in zip(pictures, results, strict=True)]

    def write(self) -> None:
        """Write what has been noted."""
        lines = [f"{json.dumps(self._entry(*noted))}\n".encode() for noted in self._noted]
        self._noted.clear()
        for piece in pieces(lines):
            os.write(sys.stdout.fileno(), piece)

    def _entry(self, picture: Picture, result: Inference | Exception, at: float, seconds: float) -> dict[str, object]:
        """Nothing that shows the picture, enough to find it again."""
        found: dict[str, object] = (
            {"error": type(result).__name__, "message": str(result)[:MESSAGE_CHARACTERS]}
            if isinstance(result, Exception)
            else {"probabilities": result["probabilities"], "novelty": result["novelty"]}
        )
        return {
            "time": datetime.fromtimestamp(at, UTC).isoformat(),
            "model": self._model,
            "id": picture.id[:ID_CHARACTERS],
            "sha256": picture.sha256,
            "bytes": len(picture.body),
            **found,
            "ms": round(seconds * 1000, 2),
        }


def pieces(lines: Sequence[bytes]) -> Iterator[bytes]:
    """As many lines together as a pipe takes at once."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece
