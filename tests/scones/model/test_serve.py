import asyncio
import base64
import hashlib
import io
import json
import os
import select
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
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scones.contract.layout import IMAGE_BYTES, IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES
from scones.model.inference.classifier import Classifier
from scones.model.serving.application import Application, media_type, wants_inference
from scones.model.serving.messages import Request, Response
from scones.model.serving.prediction_log import pieces
from scones.model.serving.predictions import Picture, predict

Start = Callable[..., subprocess.Popen[str]]
Shape = Callable[..., bytes]
Answer = tuple[int, Mapping[str, str], Any]
Ask = Callable[..., Answer]


def call(classifier: Classifier, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Ask the application itself, without a server."""
    raw = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}

    async def run() -> Response:
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        Application(classifier).answer(Request(b"POST", path.encode(), raw, body), answered.set_result)
        return await answered

    response = asyncio.run(run())
    return response.status, {"content-type": response.media}, json.loads(response.body)


@pytest.mark.parametrize("content_type", [*IMAGE_TYPES, "IMAGE/PNG; charset=binary"])
def test_a_picture_gives_the_plain_list_of_probabilities(
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
    [expected] = predict(Classifier(trained / "model"), [Picture(shape("circle", 1))])
    assert (status, headers["content-type"]) == (200, INFERENCE_JSON)
    assert answer == json.loads(json.dumps(expected))
    assert answer["certificates"][0]["alpha"] == 0.02


def test_many_pictures_in_one_request_are_answered_line_by_line(serving: int, shape: Shape) -> None:
    line = json.dumps({"id": "a", "image": base64.b64encode(shape("circle", 1)).decode()})
    request = urllib.request.Request(f"http://127.0.0.1:{serving}/invocations", f"{line}\n{{}}\n".encode())
    request.add_header("Content-Type", JSON_LINES)
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        first, second = map(json.loads, response.read().splitlines())
        assert response.headers["Content-Type"] == JSON_LINES
    assert (first["id"], len(first["probabilities"]), second["error"]) == ("a", 2, "ImageRejectedError")


@pytest.mark.parametrize("body", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(range(256)) * 100])
def test_what_is_no_picture_is_a_400_with_a_named_error(ask: Ask, serving: int, body: bytes) -> None:
    status, _, answer = ask(serving, "POST", "/invocations", body, Content_Type="image/png")
    assert (status, answer["error"]) == (400, "ImageRejectedError")
    assert answer["message"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "image/tiff", "image/png/x", "imagepng"])
def test_another_content_type_is_a_415(ask: Ask, serving: int, shape: Shape, content_type: str) -> None:
    status, _, answer = ask(serving, "POST", "/invocations", shape("circle", 1), Content_Type=content_type)
    assert (status, answer["error"]) == (415, "UnsupportedContentTypeError")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", 404),
        ("POST", "/invocations/", 404),
        ("GET", "/invocations", 405),
        ("POST", "/ping", 405),
        ("DELETE", "/ping", 405),
    ],
)
def test_other_paths_and_methods_are_refused(ask: Ask, serving: int, method: str, path: str, expected: int) -> None:
    status, _, answer = ask(serving, method, path)
    assert status == expected
    assert set(answer) == {"error", "message"}


def test_a_body_that_is_declared_too_long_is_refused_before_it_is_sent(serving: int) -> None:
    with socket.create_connection(("127.0.0.1", serving), timeout=30) as connection:
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {IMAGE_BYTES + 1}"
        connection.sendall(head.encode() + b"\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"PayloadTooLargeError" in answer


def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(serving: int) -> None:
    chunk = b"%x\r\n" % IMAGE_BYTES + bytes(IMAGE_BYTES) + b"\r\n"
    with socket.create_connection(("127.0.0.1", serving), timeout=30) as connection:
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked"
        # Nothing follows the first byte too many: who sends more may be cut off before it has read the answer.
        connection.sendall(head.encode() + b"\r\n\r\n" + chunk + b"1\r\nx")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_client_that_leaves_in_the_middle_harms_nobody(ask: Ask, serving: int, shape: Shape) -> None:
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


def test_each_invocation_leaves_one_line_of_json(
    ask: Ask, server: tuple[int, list[str]], shape: Shape, eventually: Callable[..., Any]
) -> None:
    port, log = server
    body = shape("square", 77)
    headers = {"Content-Type": "image/png", "X-Amzn-SageMaker-Inference-Id": 'gate-1 "x"' + "y" * 200}
    _, _, answer = ask(port, "POST", "/invocations", body, **headers)
    ask(port, "POST", "/invocations", b"no picture 77", **headers)
    digests = [hashlib.sha256(data).hexdigest()[:16] for data in (body, b"no picture 77")]

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


def test_it_serves_where_torch_cannot_be_imported(
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


def test_without_a_model_it_ends_and_says_why(tmp_path: Path, start_program: Start) -> None:
    process = start_program("serve", tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("ModelArtifactError: the model has no readable model.onnx")


@given(header=st.text(st.characters(max_codepoint=255)) | st.sampled_from([*IMAGE_TYPES, JSON_LINES + ";"]))
def test_any_header_gets_an_answer_below_500(trained: Path, header: str) -> None:
    status, _, answer = call(Classifier(trained / "model"), "/invocations", b"?\n", content_type=header, accept=header)
    assert status < 500
    assert set(answer) == {"error", "message"}


def test_a_ping_is_answered_while_a_large_picture_is_decoded(trained: Path) -> None:
    file, answers = io.BytesIO(), list[int]()
    Image.new("RGB", (3000, 3000)).save(file, "PNG")
    picture = Request(b"POST", b"/invocations", {b"content-type": b"image/png"}, file.getvalue())

    async def run() -> None:
        application, done = Application(Classifier(trained / "model")), asyncio.Event()
        application.answer(picture, lambda response: (answers.append(len(json.loads(response.body))), done.set())[0])
        await asyncio.sleep(0)
        application.answer(Request(b"GET", b"/ping", {}, b""), lambda response: answers.append(-response.status))
        await done.wait()

    asyncio.run(run())
    assert answers == [-200, 2]


@given(st.lists(st.binary(max_size=2000).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=20))
def test_the_log_is_written_in_whole_lines_that_a_pipe_takes_in_one_piece(lines: list[bytes]) -> None:
    written = list(pieces(lines))
    assert b"".join(written) == b"".join(lines)
    assert all(piece.endswith(b"\n") and len(piece) <= select.PIPE_BUF for piece in written)


@given(st.sampled_from(IMAGE_TYPES), st.text(), st.text(" \t", max_size=3))
def test_parameters_case_and_blanks_of_a_media_type_do_not_matter(media: str, parameter: str, blank: str) -> None:
    assert media_type(f"{blank}{media.upper()}{blank};{parameter}") == media


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        (JSON, False),
        (INFERENCE_JSON, True),
        (f"{JSON};q=0.5, {INFERENCE_JSON.upper()} ; q=1", True),
    ],
)
def test_only_who_names_the_full_answer_gets_it(accept: str, expected: bool) -> None:
    assert wants_inference(accept) is expected
