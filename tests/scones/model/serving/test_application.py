"""The application without a server, and its routes and headers on a running endpoint."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scones.contract.layout import IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES
from scones.model.inference.classifier import Classifier
from scones.model.serving.application import Application, media_type, wants_inference
from scones.model.serving.decode_lock import DecodeLock
from scones.model.serving.messages import Request, Response

Shape = Callable[..., bytes]
Answer = tuple[int, Mapping[str, str], Any]
Ask = Callable[..., Answer]


def call(classifier: Classifier, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Ask the application itself, without a server."""
    raw = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}

    async def run() -> Response:
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        Application(classifier, DecodeLock()).answer(Request(b"POST", path.encode(), raw, body), answered.set_result)
        return await answered

    response = asyncio.run(run())
    return response.status, {"content-type": response.content_type}, json.loads(response.body)


@given(header=st.text(st.characters(max_codepoint=255)) | st.sampled_from([*IMAGE_TYPES, JSON_LINES + ";"]))
def test_any_header_gets_an_answer_below_500(trained: Path, header: str) -> None:
    status, _, answer = call(Classifier(trained / "model"), "/invocations", b"?\n", content_type=header, accept=header)
    assert status < 500
    assert set(answer) == {"error", "message"}


def test_a_ping_is_answered_while_a_large_image_is_decoded(trained: Path) -> None:
    file, answers = io.BytesIO(), list[int]()
    Image.new("RGB", (3000, 3000)).save(file, "PNG")
    image = Request(b"POST", b"/invocations", {b"content-type": b"image/png"}, file.getvalue())

    async def run() -> None:
        application, done = Application(Classifier(trained / "model"), DecodeLock()), asyncio.Event()
        application.answer(image, lambda response: (answers.append(len(json.loads(response.body))), done.set())[0])
        await asyncio.sleep(0)
        application.answer(Request(b"GET", b"/ping", {}, b""), lambda response: answers.append(-response.status))
        await done.wait()

    asyncio.run(run())
    assert answers == [-200, 2]


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
def test_only_an_accept_header_that_names_the_full_answer_gets_it(accept: str, expected: bool) -> None:
    assert wants_inference(accept) is expected


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
