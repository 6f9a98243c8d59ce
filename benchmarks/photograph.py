"""A picture as a phone takes it: 12 megapixels with grain, as JPEG; drawn here, so that none need be kept."""

from __future__ import annotations

import http.client
import io
import time

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 4000, 3000


def draw(seed: int = 0) -> bytes:
    """About 4 MB, as a phone's picture has."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 6, (HEIGHT, WIDTH, 1))
    pixels = np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()


def ask(port: int, picture: bytes) -> float:
    """Milliseconds of one invocation with the picture, connection included."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/invocations", picture, {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"the photograph got status {response.status}")
    return (time.perf_counter() - started) * 1000
