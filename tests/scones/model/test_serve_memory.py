"""The memory of a running endpoint: large images, whole and broken, leave nothing behind and are decoded in turn."""

from __future__ import annotations

import io
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

Ask = Callable[..., tuple[int, Mapping[str, str], Any]]
Endpoint = tuple[int, psutil.Process]
MEGABYTE = 1_000_000
# 96 MB of RGB, and 72 MB of a progressive JPEG's coefficients.
SIDES = (6000, 4000)
# 96 MB too.
WEBP_SIDES = (4000, 2000)


@pytest.fixture(scope="module")
def endpoint(
    trained: Path,
    start_program: Callable[..., subprocess.Popen[str]],
    wait_until_healthy: Callable[[subprocess.Popen[str]], int],
    ask: Ask,
    shape: Callable[..., bytes],
) -> Iterator[Endpoint]:
    process = start_program("serve", trained)
    # A reader, because an endpoint writes a line for each image and would wait for room in the pipe.
    reader = threading.Thread(target=lambda: list(process.stdout or []))
    reader.start()
    port = wait_until_healthy(process)
    for seed in range(100):
        ask(port, "POST", "/invocations", shape("circle", seed), Content_Type="image/png")
    yield port, psutil.Process(process.pid)
    process.terminate()
    assert process.wait(60) == 0
    reader.join()


def memory(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    rollups = [Path(f"/proc/{each.pid}/smaps_rollup").read_text() for each in family]
    return sum(1024 * int(rollup.partition("Pss:")[2].split()[0]) for rollup in rollups) / MEGABYTE


def encode(mode: str, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    sides = WEBP_SIDES if file_format == "WEBP" else SIDES
    Image.new(mode, sides, "teal" if mode != "L" else 9).save(file, file_format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "file_format", "options"),
    [
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("L", "PNG", {}),
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("RGB", "WEBP", {}),
        ("P", "GIF", {}),
    ],
    ids=["RGB", "RGBA", "grey", "JPEG", "progressive JPEG", "WebP", "GIF"],
)
def test_large_images_leave_no_memory_behind(
    endpoint: Endpoint,
    ask: Ask,
    eventually: Callable[..., Any],
    mode: str,
    file_format: str,
    options: dict[str, object],
) -> None:
    port, process = endpoint
    whole = encode(mode, file_format, **options)
    bodies = [whole, whole[: len(whole) * 9 // 10], whole, whole[: len(whole) // 2]]
    start = memory(process)

    def invoke(body: bytes) -> int:
        return ask(port, "POST", "/invocations", body, Content_Type="application/x-image")[0]

    with ThreadPoolExecutor(4) as clients:
        statuses = list(clients.map(invoke, bodies * 2))
    assert set(statuses) <= {200, 400}
    assert statuses[0] == 200
    eventually(lambda: memory(process) < 1.2 * start)


def test_large_images_of_several_clients_are_decoded_one_at_a_time(endpoint: Endpoint, ask: Ask) -> None:
    port, process = endpoint
    image, peaks, has_ended = encode("RGB", "PNG"), list[float](), threading.Event()

    def watch() -> None:
        while not has_ended.is_set():
            peaks.append(memory(process))

    watcher = threading.Thread(target=watch)
    start = memory(process)
    watcher.start()
    with ThreadPoolExecutor(4) as clients:
        answers = list(
            clients.map(lambda _: ask(port, "POST", "/invocations", image, Content_Type="image/png"), range(8))
        )
    has_ended.set()
    watcher.join()
    assert {answer[0] for answer in answers} == {200}
    # Two at a time would take 192 MB.
    assert max(peaks) - start < 150
