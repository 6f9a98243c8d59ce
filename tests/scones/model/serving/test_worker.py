from __future__ import annotations

import socket
from pathlib import Path

import pytest

from scones.model.inference.classifier import Classifier
from scones.model.serving.application import Application
from scones.model.serving.messages import HttpError
from scones.model.serving.worker import MAX_WAITING_BYTES, MAX_WAITING_REQUESTS, Worker


@pytest.mark.parametrize("length", [1, MAX_WAITING_BYTES // 20])
def test_a_worker_admits_requests_up_to_its_limits(trained: Path, length: int) -> None:
    worker = Worker(Application(Classifier(trained / "model")), socket.socket())
    for _ in range(min(MAX_WAITING_REQUESTS, MAX_WAITING_BYTES // length)):
        worker.admit(length)
    for _ in range(2):
        with pytest.raises(HttpError) as caught:
            worker.admit(length)
        assert caught.value.status == 503
        worker.release(length)
        worker.admit(length)
