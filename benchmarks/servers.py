"""The servers that `benchmarks.serve` measures, each with its own process group and virtual environment.

Peers are installed below `.scones/peers/`, never into the project's environment.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from scones.contract.layout import JSON, ML_ROOT_VARIABLE

APPS = Path(__file__).parent / "peers"
COMMON_PACKAGES = ("numpy==2.4.6", "onnxruntime==1.32.0", "pillow==13.0.0")
STARTUP_SECONDS = 120


@dataclass(frozen=True)
class Kind:
    """How to run a server; `{python}`, `{bin}`, `{port}` and `{folder}` are placeholders, `body` is the request."""

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    ping: str
    content_type: str = "image/png"
    body: str = "{image}"
    prepare: tuple[str, ...] = ()


OURS = Kind("scones", (), ("{python}", "-m", "scones.model", "serve"), "/ping")
PEERS = (
    Kind(
        "FastAPI + uvicorn",
        ("fastapi==0.165.0", "uvicorn[standard]==0.54.0"),
        ("{bin}/uvicorn", "fastapi_app:app", "--port", "{port}", "--workers", "2", "--no-access-log"),
        "/openapi.json",
    ),
    Kind(
        "LitServe",
        ("litserve==0.2.19",),
        ("{python}", "litserve_app.py", "{port}"),
        "/health",
        JSON,
        '{"image": "{base64}"}',
    ),
    Kind(
        "BentoML",
        ("bentoml==1.4.39",),
        ("{bin}/bentoml", "serve", "bentoml_app:Service", "--host", "127.0.0.1", "--port", "{port}"),
        "/readyz",
    ),
    Kind(
        "MLflow",
        ("mlflow==3.17.2",),
        ("{bin}/mlflow", "models", "serve", "-m", "{folder}", "-p", "{port}", "--env-manager", "local", "-w", "2"),
        "/ping",
        JSON,
        '{"dataframe_records": [{"image": "{base64}"}]}',
        ("{python}", "mlflow_app.py", "{folder}"),
    ),
)


@dataclass(frozen=True)
class Running:
    """A healthy server; `ready_seconds` is the time from its start to its first healthy response."""

    kind: Kind
    port: int
    process: psutil.Process
    ready_seconds: float


def install(kind: Kind, home: Path) -> Path:
    """Create the peer's environment unless it exists; return its bin folder."""
    folder = home / kind.name.split()[0].lower()
    if not (folder / "installed").exists():
        print(f"installing {', '.join(kind.packages)} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", *kind.packages, *COMMON_PACKAGES], check=True)
        (folder / "installed").touch()
    return folder / "bin"


@contextmanager
def serving(kind: Kind, programs: Path, root: Path, folder: Path) -> Iterator[Running]:
    """Run a server until the end of the block; `root`/model holds model.onnx and model.json."""
    port = free_port()
    values = {
        "{python}": str(programs / "python"),
        "{bin}": str(programs),
        "{port}": str(port),
        "{folder}": str(folder),
    }
    environment = os.environ | {
        ML_ROOT_VARIABLE: str(root),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "PEER_MODEL": str(root / "model"),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    if kind.prepare and not folder.exists():
        subprocess.run(fill(kind.prepare, values), cwd=APPS, env=environment, check=True, capture_output=True)
    started = time.monotonic()
    with (root / f"{programs.parent.name}.log").open("wb") as log:
        process = subprocess.Popen(
            fill(kind.command, values), cwd=APPS, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait(process, f"http://127.0.0.1:{port}{kind.ping}", Path(log.name))
            yield Running(kind, port, psutil.Process(process.pid), time.monotonic() - started)
        finally:
            end(process)


def fill(words: Sequence[str], values: dict[str, str]) -> list[str]:
    """Replace the placeholders in a command."""
    filled = list(words)
    for name, value in values.items():
        filled = [word.replace(name, value) for word in filled]
    return filled


def wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait for the first healthy response; exit with the end of the server's log after `STARTUP_SECONDS`."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)
    sys.exit(f"the server at {url} does not answer:\n{log.read_text()[-2000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process group with SIGTERM, and with SIGKILL if it does not end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(15)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
