"""The prediction log: one line of JSON on stdout for each image, which SageMaker sends to CloudWatch Logs.

Lines of several processes are never mixed. They are written some milliseconds after the answers, many at once, because
a write for each line costs several times as much and delays the next request.
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
from scones.model.serving.predictions import ReceivedImage

MAX_ID_CHARACTERS = 64
MAX_MESSAGE_CHARACTERS = 300
_DELAY_SECONDS = 0.02
_MAX_KEPT_BYTES = 64 * 1024


class _Entry(NamedTuple):
    image: ReceivedImage
    result: Inference | Exception
    at: float
    seconds: float


class PredictionLog:
    """The log of one event loop; `model` is the model's id."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._entries: list[_Entry] = []

    def add(self, images: Sequence[ReceivedImage], results: Sequence[Inference | Exception]) -> None:
        """Have a line written for each image, within some milliseconds."""
        if not self._entries:
            asyncio.get_running_loop().call_later(_DELAY_SECONDS, self.flush)
        at = time.time()
        now = time.perf_counter()
        for image, result in zip(images, results, strict=True):
            self._entries.append(_Entry(image, result, at, now - image.received))
        # Entries keep their images' files, and nobody counts that memory.
        if any(len(image.body) > _MAX_KEPT_BYTES for image in images):
            self.flush()

    def flush(self) -> None:
        """Write the lines now."""
        # The entries are formatted here and not in `add`, which runs before the next batch is answered.
        lines = [f"{json.dumps(self._document(entry))}\n".encode() for entry in self._entries]
        self._entries.clear()
        for piece in join_lines(lines):
            os.write(sys.stdout.fileno(), piece)

    def _document(self, entry: _Entry) -> dict[str, object]:
        # Enough to find the image again, and nothing that shows it.
        image = entry.image
        return {
            "time": datetime.fromtimestamp(entry.at, UTC).isoformat(),
            "model": self._model,
            "id": image.id[:MAX_ID_CHARACTERS],
            "sha256": image.sha256,
            "bytes": len(image.body),
            **_outcome(entry.result),
            "ms": round(entry.seconds * 1000, 2),
        }


def _outcome(result: Inference | Exception) -> dict[str, object]:
    if isinstance(result, Exception):
        return {"error": type(result).__name__, "message": str(result)[:MAX_MESSAGE_CHARACTERS]}
    return {"probabilities": result["probabilities"], "novelty": result["novelty"]}


def join_lines(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Join lines into pieces of at most `PIPE_BUF` bytes; a longer line is a piece of its own."""
    # POSIX: only a write of at most PIPE_BUF bytes to a pipe is atomic, so that no other process writes into it.
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece
