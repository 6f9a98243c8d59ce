"""A synthetic photograph like a phone's: a JPEG of 12 megapixels with grain."""

from __future__ import annotations

import http.client
import io
import time

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 4000, 3000


def draw(seed: int = 0) -> bytes:
    """Return a JPEG of about 4 MB, the usual size of a phone's photographs."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).resize(
        (WIDTH, HEIGHT), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 6, (HEIGHT, WIDTH, 1))
    pixels = np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()


def ask(port: int, photograph: bytes) -> float:
    """Return the milliseconds of one invocation with the photograph, including the connection."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/invocations", photograph, {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"the photograph got status {response.status}")
    return (time.perf_counter() - started) * 1000
