"""Build the image's target `serve` without Docker or a registry, and let it classify an image.

Run `make image-check` as root on Debian with buildah and debootstrap; without them the check is skipped. Instead of the
pinned base image it uses a Debian 12 with Python 3.11 from debootstrap. The model is trained here, on a few sketches.
The check needs Debian's mirror, PyPI and about 3 GB of disk while it runs.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from scones.steps.dataset.sketches import draw, png

REPOSITORY = Path(__file__).parents[1]
MIRROR = "http://deb.debian.org/debian"
PACKAGES = "python3-pip,python-is-python3"
# Debian's official images leave these out too.
UNUSED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TINY = {"epochs": "3", "size": "16", "width": "8", "folds": "2", "backbone": "none", "digest": "0" * 64}
READY_SECONDS = 60


def main() -> None:
    missing = [program for program in ("buildah", "debootstrap") if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        print(f"image-check: skipped: it needs root and {' and '.join(missing or ['buildah'])}")
        return
    with workplace() as folder:
        model = train(folder / "ml")
        base = debian(folder / "base")
        buildah = Buildah(folder)
        built = buildah.build(base)
        print(f"image-check: target serve has {megabytes(built)} MB unpacked, of which {megabytes(base)} are the base")
        with buildah.serving(model) as port:
            status, answer = ask(port, "POST", "/invocations", png(draw("bicycle", 1000, 32)))
        print(f"image-check: /ping answered 200, /invocations {status}: {answer}")
        if status != 200:
            sys.exit(1)


@contextmanager
def workplace() -> Iterator[Path]:
    """Create a temporary folder, and delete it at the end unless something is still mounted in it."""
    folder = Path(tempfile.mkdtemp(prefix="scones-image-"))
    try:
        yield folder
    finally:
        if str(folder) in Path("/proc/self/mountinfo").read_text():
            print(f"image-check: something is mounted in {folder}; unmount it, then delete the folder", file=sys.stderr)
        else:
            shutil.rmtree(folder)


def train(root: Path) -> Path:
    """Train on sketches, in this environment, and return the model's folder."""
    for split, seeds in (("train", range(40)), ("validation", range(40, 50))):
        for label in ("bicycle", "motorcycle"):
            (root / "input/data" / split / label).mkdir(parents=True)
            for seed in seeds:
                (root / "input/data" / split / label / f"{seed}.png").write_bytes(png(draw(label, seed, 32)))
    (root / "input/config").mkdir()
    (root / "input/config/hyperparameters.json").write_text(json.dumps(TINY))
    command = [sys.executable, "-m", "scones.model", "train"]
    subprocess.run(command, env={**os.environ, "SCONES_ML_ROOT": str(root)}, check=True, stdout=subprocess.DEVNULL)
    return root / "model"


def debian(root: Path) -> Path:
    """Create a Debian with Python, pip and this machine's certificates, which it needs to reach PyPI."""
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root), MIRROR]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for name in UNUSED:
        shutil.rmtree(root / name)
    (root / CERTIFICATES.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    return root


class Buildah:
    """buildah with its own store in `folder`; the storage driver `vfs` does not mount anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._command = ["buildah", "--storage-driver", "vfs", "--root", str(folder / "store")]
        self._command += ["--runroot", str(folder / "run")]
        self._environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *arguments: str) -> str:
        completed = subprocess.run(
            [*self._command, *arguments], env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return completed.stdout.strip().rpartition("\n")[2]

    def build(self, base: Path) -> Path:
        """Build the target on the base, create a container from it, and return the container's root folder."""
        scratch = self("from", "scratch")
        self("add", "--quiet", scratch, str(base), "/")
        # Without this variable Debian's pip refuses to install into the system's Python.
        self("config", "--env", "PIP_BREAK_SYSTEM_PACKAGES=1", scratch)
        self("commit", "--quiet", scratch, "base")
        dockerfile = str(REPOSITORY / "infra/image/Dockerfile")
        options = ("--target", "serve", "--build-arg", "BASE=localhost/base", "--file", dockerfile)
        self("build", "--quiet", "--format", "docker", *options, "--tag", "serve", str(REPOSITORY))
        self("from", "--name", "served", "localhost/serve")
        return Path(self("mount", "served"))

    @contextmanager
    def serving(self, model: Path) -> Iterator[int]:
        """Run `serve` in the container, as SageMaker would, and yield its port once it is healthy."""
        self("copy", "--quiet", "served", str(model), "/opt/ml/model")
        port = free_port()
        environment = ("--env", f"SAGEMAKER_BIND_TO_PORT={port}", "--env", "SCONES_SERVE_HOST=127.0.0.1")
        command = [*self._command, "run", *environment, "served", "--", "serve"]
        errors = self._folder / "serve.err"
        with errors.open("w") as file:
            process = subprocess.Popen(command, env=self._environment, stderr=file)
        try:
            if not is_healthy(port, process):
                sys.exit(f"image-check: no 200 from /ping within {READY_SECONDS} s:\n{errors.read_text()}")
            yield port
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_healthy(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if ask(port, "GET", "/ping")[0] == 200:
                return True
        except OSError:
            pass
        time.sleep(0.2)
    return False


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
    """Send a request to the container; return the response's status and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {"Content-Type": "image/png", "Accept": "application/json"})
    response = connection.getresponse()
    return response.status, response.read().decode()


def megabytes(root: Path) -> int:
    completed = subprocess.run(
        ["du", "-sm", "--apparent-size", str(root)], check=True, stdout=subprocess.PIPE, text=True
    )
    return int(completed.stdout.split()[0])


if __name__ == "__main__":
    main()
