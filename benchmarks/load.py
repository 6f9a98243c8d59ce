"""Load from wrk, in a process of its own whose processor time is measured."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """A run's successful requests per second, latencies in milliseconds, and wrk's own processor seconds."""

    per_second: float
    p50: float
    p99: float
    failed: int
    seconds: float
    client_cpu_seconds: float


def write_bodies(images: Sequence[bytes], form: str, folder: Path) -> Path:
    """Write each image's request body to a new folder as files 1 to n, in a `form` as in `servers.Kind.body`."""
    folder.mkdir(parents=True)
    for number, image in enumerate(images, 1):
        text = form.replace("{base64}", base64.b64encode(image).decode())
        (folder / str(number)).write_bytes(image if form == "{image}" else text.encode())
    return folder


def run(port: int, bodies: Path, content_type: str, connections: int, seconds: int) -> Load:
    """Send the bodies repeatedly; each connection waits for its response before it sends the next."""
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed; install it (apt-get install wrk) and run the benchmark again")
    arguments = [str(bodies), str(len(list(bodies.iterdir()))), content_type]
    process = subprocess.Popen(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT),
         f"http://127.0.0.1:{port}/invocations", "--", *arguments],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"wrk ended with {process.returncode}: {output.decode()[-500:]}")
    report = json.loads(output.splitlines()[-1])
    elapsed = report["microseconds"] / 1e6
    succeeded = report["requests"] - report["failed"]
    return Load(
        per_second=succeeded / elapsed,
        p50=report["p50"] / 1000,
        p99=report["p99"] / 1000,
        failed=report["failed"],
        seconds=elapsed,
        client_cpu_seconds=usage.ru_utime + usage.ru_stime,
    )
