from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Classifier
from scones.model.serving.predictions import ReceivedImage, is_large, predict

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


@pytest.mark.parametrize(("size", "expected"), [((1000, 1000), False), ((1001, 1000), True)])
def test_an_image_over_a_million_pixels_is_large(size: tuple[int, int], expected: bool) -> None:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    assert is_large(ReceivedImage(file.getvalue())) is expected


def test_a_file_that_cannot_be_read_is_not_large() -> None:
    assert not is_large(ReceivedImage(b"?"))
