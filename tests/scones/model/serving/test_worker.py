from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from scones.model.inference.classifier import Classifier
from scones.model.serving.admission import MAX_HELD_BYTES, MAX_WAITING_REQUESTS
from scones.model.serving.application import Application
from scones.model.serving.connection import Connection
from scones.model.serving.decode_lock import DecodeLock
from scones.model.serving.messages import Request, Response
from scones.model.serving.worker import Worker

IMAGE = {b"content-type": b"image/png"}


def ask(worker: Worker, requests: list[Request]) -> list[Response]:
    """The answers to requests that arrive together, in the order in which they are given."""

    async def run() -> list[Response]:
        answers = list[Response]()
        for request in requests:
            worker.answer(Connection(worker), request, answers.append)
        while len(answers) < len(requests):
            await asyncio.sleep(0.01)
        return answers

    return asyncio.run(run())


@pytest.fixture
def worker(trained: Path) -> Worker:
    return Worker(Application(Classifier(trained / "model"), DecodeLock()), socket.socket())


def test_a_ping_is_answered_where_invocations_are_too_many(worker: Worker, shape: Callable[..., bytes]) -> None:
    invocation = Request(b"POST", b"/invocations", IMAGE, shape("circle", 1))
    ping = Request(b"GET", b"/ping", {}, b"")
    for _round in range(2):
        answers = ask(worker, [*[invocation] * (MAX_WAITING_REQUESTS + 1), ping, ping])
        statuses = [answer.status for answer in answers]
        assert statuses[:3] == [503, 200, 200]
        assert statuses.count(200) == MAX_WAITING_REQUESTS + 2


def test_invocations_are_refused_where_memory_is_short(worker: Worker) -> None:
    half = Request(b"POST", b"/invocations", {b"content-type": b"application/jsonlines"}, bytes(MAX_HELD_BYTES // 2))
    ping = Request(b"GET", b"/ping", {}, b"")
    answers = ask(worker, [half, half, half, ping])
    assert [answer.status for answer in answers] == [503, 200, 200, 200]
    assert json.loads(answers[0].body)["error"] == "OverloadedError"
