"""The endpoint under broken and large images, half-sent requests and requests in pieces: issue 15's figures.

    python -m benchmarks.endpoint_faults [model.tar.gz]

Prints the memory before, at its peak and afterwards, how many pings were answered while invocations got 503, and how
many requests got two responses. About five minutes on 2 idle cores.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageDraw

from benchmarks import divisions, servers
from benchmarks.endpoint_images import SMALL, bodies, encode, every_format
from benchmarks.memory import memory, read_rollups, total
from scones.contract.layout import ML_ROOT_VARIABLE

IMAGES, DIVISIONS, PINGS = 20_000, 10_000, 20
HALF_SENT, BURST, STOPPED = 600, 700, 1_500
CLIENTS, WARM_UP = 4, 2_000
SETTLE_SECONDS = 5
SEED = 15
TINY = {"epochs": "1", "size": "32", "folds": "2", "backbone": "none", "digest": "ab" * 32}


def measure(archive: Path | None = None, images: int = IMAGES, division_count: int = DIVISIONS) -> dict[str, Any]:
    """Measure an endpoint with this model.tar.gz, or with one that is trained on drawings."""
    with tempfile.TemporaryDirectory(prefix="scones-endpoint-") as folder:
        root = Path(folder)
        _provide_model(archive, root)
        with _serving(root) as server:
            result = {"memory": measure_memory(server, images)}
        with _serving(root) as server:
            small = every_format(SMALL, 0)[0]
            result["pings"] = measure_pings(server.port)
            result["stopped"] = measure_stopped(server.port)
            result["divisions"] = divisions.measure(server.port, small, division_count, SEED)
    return result


def measure_memory(server: servers.Running, count: int) -> dict[str, Any]:
    """Return the container's memory in MB (10^6 bytes) before `count` mixed images, at the peak and afterwards.

    It is read after a warm-up with small images, because ONNX Runtime reserves memory for the first batches.
    """
    ready = memory(server.process)["megabytes"]
    _send(server.port, [(body, "application/x-image") for body in every_format(SMALL, 0) * (WARM_UP // 13)])
    time.sleep(SETTLE_SECONDS)
    start = memory(server.process)["megabytes"]
    started = time.monotonic()
    with _peak(server.process) as peaks:
        statuses, slowest = _send(server.port, bodies(count, SEED))
    seconds = time.monotonic() - started
    time.sleep(SETTLE_SECONDS)
    after = memory(server.process)["megabytes"]
    return {
        "n": count,
        "ready": round(ready, 1),
        "start": round(start, 1),
        "peak": round(max(peaks), 1),
        "after": round(after, 1),
        "after_over_start": round(after / start, 3),
        "seconds": round(seconds),
        "slowest_seconds": round(slowest, 2),
        "statuses": dict(sorted(statuses.items())),
    }


def measure_pings(port: int) -> dict[str, Any]:
    """Return how many pings were answered with 200, each sent while invocations got 503."""
    # Some kilobytes that take some milliseconds.
    image = encode(Image.new("RGB", (900, 900)), "PNG")
    request = _head(len(image)) + image
    refused, answered, slowest = 0, 0, 0.0
    half_sent = [_connect(port, _head(1000) + b"x" * 10) for _ in range(HALF_SENT)]
    for _ in range(PINGS):
        burst = [_connect(port, b"") for _ in range(BURST)]
        threads = [threading.Thread(target=_send_all, args=(burst[part::8], request)) for part in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        began = time.monotonic()
        answered += _ask(port, "GET", "/ping") == 200
        slowest = max(slowest, time.monotonic() - began)
        refused += any([_status(connection) == 503 for connection in burst])
    _close(half_sent)
    return {"n": PINGS, "answered": answered, "bursts_with_503": refused, "slowest_seconds": round(slowest, 3)}


def measure_stopped(port: int) -> dict[str, Any]:
    """Return how many invocations were answered while many connections had sent ten bytes of a body and stopped."""
    stopped = [_connect(port, _head(1000) + b"x" * 10) for _ in range(STOPPED)]
    image = every_format(SMALL, 0)[0]
    began = time.monotonic()
    statuses = [_ask(port, "POST", "/invocations", image) for _ in range(100)]
    seconds = time.monotonic() - began
    _close(stopped)
    return {"connections": STOPPED, "n": 100, "answered": statuses.count(200), "seconds": round(seconds, 2)}


def _send(port: int, requests: Iterator[tuple[bytes, str]] | Sequence[tuple[bytes, str]]) -> tuple[Counter[int], float]:
    """Send the requests from several clients; return the counts of the statuses and the slowest one's seconds."""
    statuses = Counter[int]()
    slowest = [0.0]
    waiting = iter(requests)
    lock = threading.Lock()

    def work(_: int) -> None:
        while True:
            with lock:
                request = next(waiting, None)
            if request is None:
                return
            began = time.monotonic()
            statuses[_ask(port, "POST", "/invocations", *request)] += 1
            slowest[0] = max(slowest[0], time.monotonic() - began)

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(work, range(CLIENTS)))
    return statuses, slowest[0]


def _ask(port: int, method: str, path: str, body: bytes | None = None, content_type: str = "image/png") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, {"Content-Type": content_type})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def _head(length: int) -> bytes:
    return (
        f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n".encode()
    )


def _connect(port: int, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    connection.sendall(data)
    return connection


def _send_all(connections: Sequence[socket.socket], data: bytes) -> None:
    for connection in connections:
        connection.sendall(data)


def _status(connection: socket.socket) -> int:
    with connection:
        return int(connection.recv(4096)[9:12] or 0)


def _close(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        connection.close()


@contextmanager
def _peak(program: psutil.Process) -> Iterator[list[float]]:
    """Append the memory in MB of all processes, again and again until the end of the block."""
    # What the pages of files take does not change, and reading it takes long.
    files = memory(program)["megabytes"] - total(read_rollups(program), "Pss_Anon")
    peaks = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            peaks.append(files + total(read_rollups(program), "Pss_Anon"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _serving(root: Path) -> Any:
    return servers.serving(servers.OURS, Path(sys.executable).parent, root, root)


def _provide_model(archive: Path | None, root: Path) -> None:
    """Unpack the model into `root`/model, or train one on drawings of two shapes."""
    if archive:
        with tarfile.open(archive) as tar:
            tar.extractall(root / "model", filter="data")
        return
    config = root / "input/config/hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(TINY))
    for split, count in (("train", 12), ("validation", 6)):
        for name in ("ellipse", "rectangle"):
            folder = root / "input/data" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.png").write_bytes(_drawing(name, number + 50 * (split == "train")))
    command = [sys.executable, "-m", "scones.model", "train"]
    subprocess.run(command, env=os.environ | {ML_ROOT_VARIABLE: str(root)}, check=True, capture_output=True)


def _drawing(shape: str, number: int) -> bytes:
    image = Image.new("RGB", SMALL, (255 - number, 230, 180 + number))
    getattr(ImageDraw.Draw(image), shape)((4 + number % 7, 4, 24 + number % 5, 24), fill="firebrick")
    return encode(image, "PNG")


def main() -> None:
    """Measure and print the figures as JSON."""
    archive = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    print(json.dumps(measure(archive), indent=1))


if __name__ == "__main__":
    main()
