"""The running endpoint: the program, its HTTP server and its answers."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scones.contract.layout import IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES, MAX_IMAGE_BYTES
from scones.model.inference.classifier import Classifier
from scones.model.serving.predictions import ReceivedImage, predict

Start = Callable[..., subprocess.Popen[str]]
Shape = Callable[..., bytes]
Answer = tuple[int, Mapping[str, str], Any]
Ask = Callable[..., Answer]


@pytest.mark.parametrize("content_type", [*IMAGE_TYPES, "IMAGE/PNG; charset=binary"])
def test_an_image_gives_the_plain_list_of_probabilities(
    ask: Ask, serving: int, shape: Shape, content_type: str
) -> None:
    status, headers, answer = ask(serving, "POST", "/invocations", shape("circle", 1), Content_Type=content_type)
    assert (status, headers["content-type"]) == (200, JSON)
    assert len(answer) == 2
    assert sum(answer) == pytest.approx(1)


def test_the_full_answer_says_what_was_decided_and_by_which_model(
    ask: Ask, serving: int, shape: Shape, trained: Path
) -> None:
    status, headers, answer = ask(
        serving, "POST", "/invocations", shape("circle", 1), Content_Type="image/png", Accept=INFERENCE_JSON
    )
    [expected] = predict(Classifier(trained / "model"), [ReceivedImage(shape("circle", 1))])
    assert (status, headers["content-type"]) == (200, INFERENCE_JSON)
    assert answer == json.loads(json.dumps(expected))
    assert answer["certificates"][0]["alpha"] == 0.02


def test_many_images_in_one_request_are_answered_line_by_line(serving: int, shape: Shape) -> None:
    line = json.dumps({"id": "a", "image": base64.b64encode(shape("circle", 1)).decode()})
    request = urllib.request.Request(f"http://127.0.0.1:{serving}/invocations", f"{line}\n{{}}\n".encode())
    request.add_header("Content-Type", JSON_LINES)
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        first, second = map(json.loads, response.read().splitlines())
        assert response.headers["Content-Type"] == JSON_LINES
    assert (first["id"], len(first["probabilities"]), second["error"]) == ("a", 2, "ImageRejectedError")


@pytest.mark.parametrize("body", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(range(256)) * 100])
def test_a_file_that_is_not_an_image_is_a_400(ask: Ask, serving: int, body: bytes) -> None:
    status, _, answer = ask(serving, "POST", "/invocations", body, Content_Type="image/png")
    assert (status, answer["error"]) == (400, "ImageRejectedError")
    assert answer["message"]


def test_a_body_that_is_declared_too_long_is_refused_before_it_is_sent(serving: int) -> None:
    with socket.create_connection(("127.0.0.1", serving), timeout=30) as connection:
        head = (
            f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {MAX_IMAGE_BYTES + 1}"
        )
        connection.sendall(head.encode() + b"\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"PayloadTooLargeError" in answer


def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(serving: int) -> None:
    chunk = b"%x\r\n" % MAX_IMAGE_BYTES + bytes(MAX_IMAGE_BYTES) + b"\r\n"
    with socket.create_connection(("127.0.0.1", serving), timeout=30) as connection:
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked"
        # Nothing follows the first byte too many: a client that sends more may be cut off before it reads the answer.
        connection.sendall(head.encode() + b"\r\n\r\n" + chunk + b"1\r\nx")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_client_that_leaves_in_the_middle_affects_no_other(ask: Ask, serving: int, shape: Shape) -> None:
    with socket.create_connection(("127.0.0.1", serving), timeout=30) as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\n"
        )
    assert ask(serving, "POST", "/invocations", shape("square", 1), Content_Type="image/png")[0] == 200


def test_many_at_once_get_the_same_answer_each(ask: Ask, serving: int, shape: Shape) -> None:
    def invoke(_: int) -> Answer:
        return ask(serving, "POST", "/invocations", shape("square", 3), Content_Type="image/png")

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(invoke, range(40)))
    for status, _, answer in answers:
        assert status == 200
        assert answer == pytest.approx(answers[0][2], abs=1e-6)


def test_it_serves_if_torch_cannot_be_imported(
    ask: Ask, wait_until_healthy: Callable[[subprocess.Popen[str]], int], trained: Path, shape: Shape
) -> None:
    code = (
        "import os, sys; sys.modules['torch'] = None; import scones.model.evaluate, scones.model.__main__ as programs"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; sys.exit(programs.main(['serve'], os.environ))"],
        env={**os.environ, "SCONES_ML_ROOT": str(trained), "SAGEMAKER_BIND_TO_PORT": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = wait_until_healthy(process)
        assert ask(port, "POST", "/invocations", shape("circle", 1), Content_Type="image/png")[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_without_a_model_it_ends_with_an_error(tmp_path: Path, start_program: Start) -> None:
    process = start_program("serve", tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("ModelArtifactError: the model has no readable model.onnx")
