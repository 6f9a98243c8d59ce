"""The program behind the endpoint: loads the model and runs the application on uvicorn, one process.

Runs in the container with ONNX Runtime, never torch. What it answers is in `application.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scones.model.application import Application
from scones.model.classifier import Classifier
from scones.model.container import Container

# SageMaker kills the container 30 s after SIGTERM.
DRAIN_SECONDS = 25
# Longer than a front keeps idle connections, so that it never sends into one that is being closed.
KEEP_ALIVE_SECONDS = 75
HEAD_BYTES = 64 * 1024


def main(container: Container) -> None:
    """Serve until SIGTERM; raises ModelArtifactError when there is no usable model."""
    # uvicorn raises the signal once more after it has drained; that is a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvloop.run(serve(container, os.environ))


async def serve(container: Container, environ: Mapping[str, str]) -> None:
    """Listen at once, so that /ping can say 503 while the model loads."""
    application = Application()
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            host=environ.get("SCONES_SERVE_HOST") or "127.0.0.1",
            port=int(environ.get("SAGEMAKER_BIND_TO_PORT") or 8080),
            http=LimitedProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        application.load(await asyncio.to_thread(Classifier, container.model))
    except BaseException:
        server.should_exit = True
        raise
    finally:
        await serving


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's fast protocol, which by itself takes a request's head of any length into memory."""

    _head: int | None = 0

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The request's head is too long.")
