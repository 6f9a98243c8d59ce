from __future__ import annotations

import gc
import io
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Classifier
from scones.model.serving.predictions import LARGE_BODY_BYTES, ReceivedImage, decode_bytes, is_large, predict

Shape = Callable[..., bytes]


def test_a_bad_image_gets_its_own_error_within_a_batch(trained: Path, shape: Shape) -> None:
    classifier = Classifier(trained / "model")
    files = [shape("circle", 1), b"not an image", shape("square", 2)]
    first, second, third = predict(classifier, [ReceivedImage(file) for file in files])
    assert isinstance(second, ImageRejectedError)
    assert not isinstance(first, ImageRejectedError)
    assert not isinstance(third, ImageRejectedError)
    [alone] = predict(classifier, [ReceivedImage(files[2])])
    assert not isinstance(alone, ImageRejectedError)
    assert third["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-6)


def test_a_batch_of_bad_images_alone_is_all_errors(trained: Path) -> None:
    results = predict(Classifier(trained / "model"), [ReceivedImage(b""), ReceivedImage(b"?")])
    assert [type(result) for result in results] == [ImageRejectedError, ImageRejectedError]


@pytest.mark.parametrize(
    ("size", "file_format", "expected"),
    [
        ((300, 1000), "PNG", False),
        ((301, 1000), "PNG", True),
        ((301, 1000), "JPEG", True),
        ((300, 300), "WEBP", False),
        ((300, 400), "WEBP", True),
    ],
)
def test_an_image_of_many_pixels_or_much_memory_is_large(
    trained: Path, size: tuple[int, int], file_format: str, expected: bool
) -> None:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, file_format)
    assert is_large(Classifier(trained / "model"), ReceivedImage(file.getvalue())) is expected


def test_a_small_file_that_cannot_be_read_is_not_large(trained: Path) -> None:
    assert not is_large(Classifier(trained / "model"), ReceivedImage(b"?"))


def test_a_large_file_is_large_whatever_it_is(trained: Path) -> None:
    assert is_large(Classifier(trained / "model"), ReceivedImage(bytes(LARGE_BODY_BYTES + 1)))


def test_a_file_that_cannot_be_read_takes_no_memory_to_decode(trained: Path, shape: Shape) -> None:
    classifier = Classifier(trained / "model")
    assert decode_bytes(classifier, ReceivedImage(b"?")) == 0
    assert decode_bytes(classifier, ReceivedImage(shape("circle", 1))) == 4 * 24 * 24


def test_a_result_keeps_no_decoded_image(trained: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (500, 500), "red").save(file, "PNG")
    whole, broken = ReceivedImage(file.getvalue()), ReceivedImage(file.getvalue()[:-60])
    classifier = Classifier(trained / "model")
    opened = [weakref.ref(image.open(classifier).file) for image in (whole, broken)]
    gc.disable()
    try:
        results = predict(classifier, [whole, broken])
        assert [reference() for reference in opened] == [None, None]
    finally:
        gc.enable()
    assert isinstance(results[1], ImageRejectedError)
