"""Ten thousand invalid request bodies from a seed, as a broken camera, a wrong client or an attacker may send them."""

from __future__ import annotations

import http.client
import io
import json
import random
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

PAGE = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><circle r="9"/></svg>'
SLOWEST_MS = 250


def bodies(images: Sequence[bytes], count: int, seed: int) -> Iterator[tuple[str, bytes, str]]:
    """Yield `count` triples of kind, body and content type; some bodies are valid `images` that are damaged."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(count):
        image = images[rng.randrange(len(images))]
        kinds = {
            "truncated": (image[: rng.randrange(1, len(image) - 60)], "image/png"),
            "bit-flipped": (flipped(image, rng), "image/png"),
            "bomb": (bomb(rng.randrange(8_000, 30_000), rng.randrange(8_000, 30_000)), "image/png"),
            "wrong type": (image, rng.choice(["text/plain", "application/pdf", "image/tiff", ""])),
            "empty": (b"", "image/png"),
            "100-megapixel header": (bomb(10_000, 10_000)[:60], "application/x-image"),
            "zip": (b"PK\x03\x04" + rng.randbytes(800), "application/x-image"),
            "HTML": (PAGE, "image/jpeg"),
            "SVG": (DRAWING, "image/png"),
            "noise": (rng.randbytes(rng.randrange(1, 4000)), "image/webp"),
        }
        name = rng.choice(list(kinds))
        yield name, *kinds[name]


def flipped(image: bytes, rng: random.Random) -> bytes:
    """Flip random bits until Pillow cannot decode the image."""
    damaged = bytearray(image)
    while is_image(bytes(damaged)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def is_image(data: bytes) -> bool:
    """Return whether Pillow decodes the data."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception:
        return False
    return True


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG whose header declares a large image."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(200_000), 9)) + chunk(b"IEND", b"")


def ask(connection: http.client.HTTPConnection, body: bytes, content_type: str) -> tuple[int, Any, float]:
    """Send one invocation; return its status, answer and milliseconds."""
    started = time.perf_counter()
    connection.request("POST", "/invocations", body, {"Content-Type": content_type})
    response = connection.getresponse()
    answer = json.loads(response.read())
    return response.status, answer, (time.perf_counter() - started) * 1000


def measure(port: int, images: Sequence[bytes], count: int, seed: int) -> dict[str, Any]:
    """Send the bodies, and compare the answers to valid images before and after."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    before = [ask(connection, image, "image/png")[1] for image in images[:20]]
    statuses: Counter[str] = Counter()
    unnamed = 0
    slowest = 0.0
    for name, body, content_type in bodies(images, count, seed):
        status, answer, milliseconds = ask(connection, body, content_type)
        statuses[f"{name}: {status}"] += 1
        unnamed += not (isinstance(answer, dict) and answer.get("error") and answer.get("message"))
        slowest = max(slowest, milliseconds)
    after = [ask(connection, image, "image/png")[1] for image in images[:20]]
    return {
        "n": count,
        "seed": seed,
        "statuses": dict(sorted(statuses.items())),
        "not_4xx": sum(n for name, n in statuses.items() if not 400 <= int(name.rsplit(" ", 1)[1]) < 500),
        "unnamed": unnamed,
        "slowest_ms": round(slowest, 2),
        "same_answers": before == after,
    }
