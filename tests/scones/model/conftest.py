import http.client
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ..processes import listening_ports

COLOURS = {"circle": "firebrick", "square": "steelblue"}
TINY = {
    "epochs": "2",
    "batch_size": "8",
    "size": "16",
    "width": "4",
    "folds": "2",
    "backbone": "none",
    "digest": "ab" * 32,
}


def draw_shape(name: str, seed: int, file_format: str = "PNG") -> bytes:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (24, 24), tuple(int(value) for value in rng.integers(150, 256, 3)))
    left, top = (int(value) for value in rng.integers(2, 8, 2))
    draw = ImageDraw.Draw(image)
    (draw.ellipse if name == "circle" else draw.rectangle)((left, top, left + 12, top + 12), fill=COLOURS[name])
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


def draw_shapes(folder: Path, count: int, first_seed: int = 0) -> None:
    for name in COLOURS:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.png").write_bytes(draw_shape(name, first_seed + number))


def draw_job(root: Path, hyperparameters: Mapping[str, str] = TINY) -> Path:
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    draw_shapes(root / "input" / "data" / "train", 12)
    draw_shapes(root / "input" / "data" / "validation", 6, first_seed=1000)
    return root


def start(program: str, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "scones.model", *program.split()],
        # A port that is looked for first may be another's by the time that the endpoint takes it.
        env={**os.environ, "SCONES_ML_ROOT": str(root), "SAGEMAKER_BIND_TO_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(program: str, root: Path) -> subprocess.CompletedProcess[str]:
    process = start(program, root)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def send_request(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Mapping[str, str], Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), json.loads(response.read())
    finally:
        connection.close()


def healthy_port(process: subprocess.Popen[str]) -> int | None:
    assert process.poll() is None, process.communicate()[1]
    with suppress(OSError):
        for port in listening_ports(process.pid):
            if send_request(port, "GET", "/ping")[0] == 200:
                return port
    return None


@pytest.fixture(scope="session")
def shape() -> Callable[..., bytes]:
    """Draw one image: (class, seed, format) -> bytes."""
    return draw_shape


@pytest.fixture(scope="session")
def shapes() -> Callable[..., None]:
    """Fill a channel's folder: (folder, images per class)."""
    return draw_shapes


@pytest.fixture(scope="session")
def job() -> Callable[..., Path]:
    """Lay out a tiny training job below a root: (root, hyperparameters) -> root."""
    return draw_job


@pytest.fixture(scope="session")
def start_program() -> Callable[..., subprocess.Popen[str]]:
    """Start one of the image's programs: (program, root); `serve` takes any port that is free."""
    return start


@pytest.fixture(scope="session")
def run_program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of the image's programs to its end: (program, root)."""
    return finish


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a finished training job; its log is in train.log, its standard error in train.err."""
    root = draw_job(tmp_path_factory.mktemp("trained"))
    finished = finish("train", root)
    assert finished.returncode == 0, finished.stderr
    (root / "train.log").write_text(finished.stdout)
    (root / "train.err").write_text(finished.stderr)
    return root


@pytest.fixture(scope="session")
def evaluated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a finished evaluation of the trained model."""
    root = tmp_path_factory.mktemp("evaluated")
    archive = root / "processing" / "input" / "model" / "model.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(trained / "model", ".")
    draw_shapes(root / "processing" / "input" / "test", 10, first_seed=2000)
    draw_shapes(root / "processing" / "input" / "test-negatives", 4, first_seed=3000)
    finished = finish("evaluate", root)
    assert finished.returncode == 0, finished.stderr
    return root


@pytest.fixture(scope="module")
def server(
    trained: Path,
    start_program: Callable[..., subprocess.Popen[str]],
    wait_until_healthy: Callable[[subprocess.Popen[str]], int],
) -> Iterator[tuple[int, list[str]]]:
    """A running endpoint: its port, and its log so far."""
    log = list[str]()
    process = start_program("serve", trained)
    reader = threading.Thread(target=lambda: log.extend(process.stdout or []))
    reader.start()
    yield wait_until_healthy(process), log
    process.terminate()
    assert process.wait(60) == 0
    reader.join()


@pytest.fixture(scope="module")
def serving(server: tuple[int, list[str]]) -> int:
    """The port of a running endpoint."""
    return server[0]


@pytest.fixture(scope="session")
def ask() -> Callable[..., tuple[int, Mapping[str, str], Any]]:
    """Send one request: (port, method, path, body, headers...) -> status, headers, the JSON of the answer."""
    return send_request


@pytest.fixture(scope="session")
def wait_until_healthy(eventually: Callable[..., Any]) -> Callable[[subprocess.Popen[str]], int]:
    """Wait for /ping to say 200, on whatever port the process listens: returns that."""
    return lambda process: int(eventually(lambda: healthy_port(process)))
