"""How `make` installs torch, with a Python whose virtual environment only notes what pip is asked for."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDINARY = "install --quiet --editable .[demo]"
# Takes the place of `python3 -m venv .venv`; its pip fails if it shall install from an index and FAILS is given.
FAKE_PYTHON = """#!/bin/sh
mkdir -p .venv/bin
ln -sf {python} .venv/bin/python
printf '#!/bin/sh\\necho "$*" >> asked\\ncase "$*" in *--index-url*) exit {status};; esac\\n' > .venv/bin/pip
chmod +x .venv/bin/pip
"""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("make") is None, reason="elsewhere pip's torch is for CPUs"
)


def asked(folder: Path, index: str, status: int = 0) -> list[str]:
    """Return what pip is asked for by `make .venv/demo` with this index."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    python = folder / "python3"
    python.write_text(FAKE_PYTHON.format(python=sys.executable, status=status))
    python.chmod(0o755)
    command = ["make", "--silent", ".venv/demo", f"PYTHON={python}", f"TORCH_INDEX={index}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (folder / "asked").read_text().splitlines()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """An index that has a page for torch."""
    (tmp_path / "index" / "torch").mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "index")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_torch_comes_first_and_from_the_index_that_answers(index: str, tmp_path: Path) -> None:
    first, second = asked(tmp_path, index)
    assert first.startswith(f"install --quiet --index-url {index} torch==")
    assert second == ORDINARY


def test_an_index_without_torch_for_this_machine_is_passed_over(index: str, tmp_path: Path) -> None:
    assert asked(tmp_path, index, status=1)[-1] == ORDINARY


def test_an_index_that_does_not_answer_is_passed_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert asked(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}") == [ORDINARY]


@pytest.mark.parametrize("index", ["", "http://127.0.0.1:1", "http://nowhere.invalid"])
def test_without_an_index_the_ordinary_torch_is_taken(tmp_path: Path, index: str) -> None:
    assert asked(tmp_path, index) == [ORDINARY]
