"""The endpoint's program: loads the model once, and answers with one worker process for each processor.

Runs in the container with ONNX Runtime, never torch. Nothing listens before the model is loaded. `serving.supervisor`
keeps the workers, `serving.application` answers the requests.
"""

from __future__ import annotations

import gc
import os
import socket
import warnings
from functools import partial

from scones.model import heap
from scones.model.container import Container, cpus
from scones.model.inference.classifier import Classifier
from scones.model.serving import worker
from scones.model.serving.decode_lock import DecodeLock
from scones.model.serving.supervisor import Supervisor

_BACKLOG = 2048


def main(container: Container) -> None:
    """Serve until SIGTERM. Raises ModelArtifactError if the model cannot be read."""
    host = os.environ.get("SCONES_SERVE_HOST") or "127.0.0.1"
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    # One thread, so that the session starts none of its own: they would not survive the fork.
    classifier = Classifier(container.model, threads=1)
    # Pillow warns of each damaged tag, in words of its own: a log of thousands of lines for one image.
    warnings.filterwarnings("ignore", module="PIL")
    heap.return_large_blocks()
    _compact_heap()
    with socket.create_server((host, port), backlog=_BACKLOG) as listener:
        Supervisor(listener, partial(worker.serve, classifier, DecodeLock()), cpus()).run()


def _compact_heap() -> None:
    # Forked workers share the pages that they do not write to. The collector writes to each object that it tracks, and
    # the allocator to the holes that loading left; so freeze the objects and return the holes.
    gc.collect()
    gc.freeze()
    heap.trim()
