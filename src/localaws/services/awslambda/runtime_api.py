"""Lambda's Runtime API for one sandbox: what the runtime inside it polls for events and posts its answers to.

Source: AWS, "Using the Lambda runtime API for custom runtimes". Serves on a loopback port of its own, on threads.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from queue import SimpleQueue
from typing import Literal, NamedTuple

RESPONSE_BYTES = 6_291_556
_RESULT = re.compile(r"/2018-06-01/runtime/invocation/[^/]+/(response|error)")


class Invocation(NamedTuple):
    """One event for the runtime; `deadline_ms` is in milliseconds since 1970."""

    request_id: str
    event: bytes
    deadline_ms: int
    function_arn: str
    trace_id: str | None


class Outcome(NamedTuple):
    """What the runtime said, or that it said nothing. `body` is None where it was larger than Lambda takes."""

    kind: Literal["ready", "response", "error", "init error", "exit", "timeout"]
    body: bytes | None = b""
    size: int = 0


class RuntimeApi:
    """`address` goes into AWS_LAMBDA_RUNTIME_API; `outcomes` begins with "ready" or "init error"."""

    def __init__(self) -> None:
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self.invocations: SimpleQueue[Invocation | None] = SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        self.invocations.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body must leave in one packet, or the client's delayed ACK costs 40 ms for each event.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, api: RuntimeApi, *arguments: object) -> None:
        self._api = api
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path != "/2018-06-01/runtime/invocation/next":
            return self._answer(404)
        self._api.outcomes.put(Outcome("ready"))
        invocation = self._api.invocations.get()
        if invocation is None:
            return self._answer(410)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        }
        if invocation.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = invocation.trace_id
        self._answer(200, invocation.event, headers)

    def do_POST(self) -> None:
        body, size = read_body(self.rfile, self.headers, RESPONSE_BYTES)
        result = _RESULT.fullmatch(self.path)
        if self.path == "/2018-06-01/runtime/init/error":
            self._api.outcomes.put(Outcome("init error", body, size))
        elif result:
            self._api.outcomes.put(Outcome("response" if result[1] == "response" else "error", body, size))
        else:
            return self._answer(404)
        self._answer(202, json.dumps({"status": "OK"}).encode())

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *arguments: object) -> None:
        pass


def read_body(stream: BufferedIOBase, headers: Message, limit: int) -> tuple[bytes | None, int]:
    """A request's body, chunked or not, and its size; None for one over `limit`, which is read but not kept.

    Raises ValueError for a body that is not framed as HTTP/1.1 says (RFC 9112, 6 and 7.1).
    """
    chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
    kept, size = bytearray(), 0
    for piece in _chunks(stream) if chunked else _pieces(stream, int(headers.get("Content-Length", "0"))):
        size += len(piece)
        if size <= limit:
            kept += piece
    return (bytes(kept) if size <= limit else None), size


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while length := int(stream.readline(100).partition(b";")[0], 16):
        yield from _pieces(stream, length)
        stream.readline(100)
    stream.readline(100)


def _pieces(stream: BufferedIOBase, length: int) -> Iterator[bytes]:
    if length < 0:
        raise ValueError(f"A body cannot have {length} bytes.")
    while length:
        piece = stream.read(min(length, 65_536))
        if not piece:
            raise ValueError("The body ends before its announced length.")
        yield piece
        length -= len(piece)
