from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scones.errors import DataError, DownloadError, ServerUnreachableError
from scones.progress import Progress
from scones.steps.dataset.download import Archive, download

BODY = bytes(range(256)) * 20_000
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves BODY, with ranges if requested; `cut` ends every response early, `requested` keeps the Range headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requested: list[str | None] = []
        self.cut: int | None = None
        self.ranges = True
        self.status = 200

    def archive(self, md5: str = MD5, size: int = len(BODY)) -> Archive:
        return Archive(f"http://127.0.0.1:{self.server_port}/some/archive.tar.gz", size, md5)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        requested = self.headers["Range"]
        self.server.requested.append(requested)
        start = int(requested.removeprefix("bytes=").rstrip("-")) if requested and self.server.ranges else 0
        self.send_response(206 if start else self.server.status)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        self.wfile.write(BODY[start : self.server.cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def test_an_archive_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    path = download(server.archive(), tmp_path / "cache", Progress())
    assert path.read_bytes() == BODY
    assert download(server.archive(), tmp_path / "cache", Progress()) == path
    assert server.requested == [None]


def test_progress_ends_at_the_size_of_the_archive(server: Server, tmp_path: Path) -> None:
    class Recorder(Progress):
        last: tuple[int, int | None] = (0, 0)

        def update(self, done: int, total: int | None = None, detail: str = "") -> None:
            self.last = done, total

    progress = Recorder()
    download(server.archive(), tmp_path, progress)
    assert progress.last == (len(BODY) >> 20, len(BODY) >> 20)


def test_an_interrupted_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.cut = 3_000_000
    with pytest.raises(DownloadError, match="interrupted; run the command again"):
        download(server.archive(), tmp_path, Progress())
    server.cut = None
    assert download(server.archive(), tmp_path, Progress()).read_bytes() == BODY
    assert server.requested == [None, "bytes=3000000-"]


def test_without_range_support_the_download_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "archive.tar.gz.part").write_bytes(b"x" * 1000)
    server.ranges = False
    assert download(server.archive(), tmp_path, Progress()).read_bytes() == BODY


def test_a_file_with_a_wrong_md5_is_deleted(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="MD5"):
        download(server.archive(md5="0" * 32), tmp_path, Progress())
    assert list(tmp_path.iterdir()) == []


def test_bytes_beyond_the_published_size_are_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="MD5"):
        download(server.archive(size=1000), tmp_path, Progress())
    assert list(tmp_path.iterdir()) == []


def test_a_refused_connection_is_a_server_unreachable_error(tmp_path: Path, refused: Archive) -> None:
    with pytest.raises(ServerUnreachableError, match="cannot be reached"):
        download(refused, tmp_path, Progress())


def test_a_missing_file_is_a_server_unreachable_error(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(ServerUnreachableError, match="404"):
        download(server.archive(), tmp_path, Progress())


def test_an_unwritable_cache_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(DataError, match="cache"):
        download(server.archive(), tmp_path / "cache", Progress())
