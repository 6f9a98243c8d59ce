import io

import numpy as np
import pytest
from PIL import Image

from scones.model.inference.webp import read_webp


def encode(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_the_pixels_are_those_that_pillow_reads(mode: str, lossless: bool) -> None:
    data = encode(Image.radial_gradient("L").convert(mode), lossless=lossless)
    frame = read_webp(Image.open(io.BytesIO(data)))
    expected = Image.open(io.BytesIO(data)).convert("RGBA")
    np.testing.assert_array_equal(np.asarray(frame.convert(mode)), np.asarray(expected.convert(mode)))


def test_a_damaged_file_is_an_error() -> None:
    data = encode(Image.effect_noise((200, 200), 80).convert("RGB"), lossless=True)
    damaged = data[:40] + b"\xff" * (len(data) - 40)
    with pytest.raises(OSError, match="frame"):
        read_webp(Image.open(io.BytesIO(damaged)))
