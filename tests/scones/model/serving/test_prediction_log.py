from __future__ import annotations

import hashlib
import json
import select
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scones.model.serving.prediction_log import join_lines

Shape = Callable[..., bytes]
Answer = tuple[int, Mapping[str, str], Any]
Ask = Callable[..., Answer]


def test_each_invocation_leaves_one_line_of_json(
    ask: Ask, server: tuple[int, list[str]], shape: Shape, eventually: Callable[..., Any]
) -> None:
    port, log = server
    body = shape("square", 77)
    headers = {"Content-Type": "image/png", "X-Amzn-SageMaker-Inference-Id": 'gate-1 "x"' + "y" * 200}
    _, _, answer = ask(port, "POST", "/invocations", body, **headers)
    ask(port, "POST", "/invocations", b"not an image 77", **headers)
    digests = [hashlib.sha256(data).hexdigest()[:16] for data in (body, b"not an image 77")]

    def entries() -> list[dict[str, Any]] | None:
        found = {entry.get("sha256"): entry for entry in map(json.loads, list(log))}
        return [found[digest] for digest in digests] if found.keys() >= set(digests) else None

    accepted, rejected = eventually(entries)
    assert accepted["probabilities"] == answer
    assert accepted["bytes"] == len(body)
    assert accepted["id"].startswith('gate-1 "x"yyy')
    assert len(accepted["id"]) == 64
    assert {"time", "ms", "model"} <= set(accepted)
    assert rejected["error"] == "ImageRejectedError"


@given(st.lists(st.binary(max_size=2000).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=20))
def test_log_lines_are_joined_to_pieces_that_a_pipe_writes_at_once(lines: list[bytes]) -> None:
    written = list(join_lines(lines))
    assert b"".join(written) == b"".join(lines)
    assert all(piece.endswith(b"\n") and len(piece) <= select.PIPE_BUF for piece in written)
