"""Lambda's Runtime API for one sandbox: the runtime in it polls for events here and posts its responses.

Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes". Serves on a loopback port of its
own, in threads.
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

# The limit that Lambda names in its error: 6 MiB and 100 bytes.
MAX_RESPONSE_BYTES = 6_291_556
_RESULT = re.compile(r"/2018-06-01/runtime/invocation/[^/]+/(response|error)")


class Invocation(NamedTuple):
    """One event for the runtime; `deadline_ms` is in milliseconds since 1970."""

    request_id: str
    event: bytes
    deadline_ms: int
    function_arn: str
    trace_id: str | None


class RuntimeReport(NamedTuple):
    """A request of the runtime, or how it failed to make one ("exit", "timeout").

    `size` is the body's length in bytes; `body` is None if that is more than MAX_RESPONSE_BYTES.
    """

    kind: Literal["ready", "response", "error", "init error", "exit", "timeout"]
    body: bytes | None = b""
    size: int = 0


class RuntimeApi:
    """A running server; `close` ends it.

    `address` is the value of AWS_LAMBDA_RUNTIME_API. `invocations` takes the events for the runtime. `reports` holds
    what the runtime reports; the first is "ready" or "init error".
    """

    def __init__(self) -> None:
        self.reports: SimpleQueue[RuntimeReport] = SimpleQueue()
        self.invocations: SimpleQueue[Invocation | None] = SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        # Closing waits for the next poll, which by default comes twice a second.
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Stop serving; a runtime that waits for an event is answered 410."""
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
        # To ask for an event is how a runtime says that it is ready.
        self._api.reports.put(RuntimeReport("ready"))
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
        body, size = read_body(self.rfile, self.headers, MAX_RESPONSE_BYTES)
        result = _RESULT.fullmatch(self.path)
        if self.path == "/2018-06-01/runtime/init/error":
            self._api.reports.put(RuntimeReport("init error", body, size))
        elif result:
            kind: Literal["response", "error"] = "response" if result[1] == "response" else "error"
            self._api.reports.put(RuntimeReport(kind, body, size))
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
    """Read a request's body, chunked or not, and return it with its size in bytes.

    A body of more than `limit` bytes is read to its end, so that the connection can be used again, but returned as
    None. Raises ValueError if the body is not framed as in RFC 9112, 6 and 7.1.
    """
    is_chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
    pieces = _chunks(stream) if is_chunked else _pieces(stream, int(headers.get("Content-Length", "0")))
    kept = bytearray()
    size = 0
    for piece in pieces:
        size += len(piece)
        if size <= limit:
            kept += piece
    return (bytes(kept) if size <= limit else None), size


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    # Each chunk is a line with its size in hexadecimal, its bytes and an empty line; size 0 ends the body.
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
