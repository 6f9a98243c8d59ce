"""The program behind the endpoint: loads the model once, and has one worker process for each processor answer with it.

Runs in the container with ONNX Runtime, never torch. Nothing listens before the model is loaded. How workers are kept
is in `supervisor.py`, what they answer in `application.py`.
"""

from __future__ import annotations

import ctypes
import gc
import os
import socket
from contextlib import suppress
from functools import partial

from scones.model.container import Container, cpus
from scones.model.inference.classifier import Classifier
from scones.model.serving import worker
from scones.model.serving.supervisor import Supervisor

_BACKLOG = 2048


def main(container: Container) -> None:
    """Serve until SIGTERM; raises ModelArtifactError when there is no usable model."""
    address = os.environ.get("SCONES_SERVE_HOST") or "127.0.0.1", int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    # One thread, so that the session has none of its own, which a fork would lose.
    classifier = Classifier(container.model, threads=1)
    _settle()
    with socket.create_server(address, backlog=_BACKLOG) as listener:
        Supervisor(listener, partial(worker.serve, classifier), cpus()).run()


def _settle() -> None:
    """Leave the workers as little as can be to write on, for a page that one writes on is there once more."""
    gc.collect()
    gc.freeze()
    # Loading has left holes, which each worker would fill anew; glibc alone can give them back.
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
