"""Data capture: an endpoint's requests and answers as JSON lines in S3, in SageMaker's layout.

Best effort, as on AWS: lines are written in batches in the background, and dropped if they arrive faster than they can
be written or if S3 refuses them.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ministack.core.responses import get_account_id, get_region, request_scope

from localaws.services.sagemaker.containers import objects
from localaws.services.sagemaker.errors import ContainerError
from localaws.services.sagemaker.store import Record

_LOG = logging.getLogger("localaws")
_PAUSE_SECONDS = 1.0
# Bodies that wait to be written; more of them are dropped, so that a load test cannot fill the memory.
_MAX_PENDING_BYTES = 64 * 1024 * 1024


class Content(NamedTuple):
    """A body with its Content-Type."""

    type: str
    body: bytes


class _Event(NamedTuple):
    config: dict[str, Any]
    prefix: str
    # Account and region, for the thread that writes.
    scope: tuple[str, str]
    time: float
    inference_id: str | None
    input: Content
    output: Content


def summary(config: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the DataCaptureConfigSummary of DescribeEndpoint, or None without a configuration."""
    if config is None:
        return None
    has_capture = is_enabled(config)
    return {
        "EnableCapture": has_capture,
        "CaptureStatus": "Started" if has_capture else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def is_enabled(config: dict[str, Any] | None) -> bool:
    """Return whether a configuration exists and captures; EnableCapture is true by default."""
    return config is not None and bool(config.get("EnableCapture", True))


def record_invocation(
    endpoint: Record, variant: str, inference_id: str | None, request: Content, answer: Content
) -> None:
    """Queue an invocation if the endpoint's configuration and its sampling percentage select it; return at once."""
    config = endpoint.get("_Capture")
    if config is None or not is_enabled(config):
        return
    if random.random() * 100 >= config["InitialSamplingPercentage"]:  # noqa: S311 - a sample
        return
    prefix = f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint['EndpointName']}/{variant}"
    scope = (get_account_id(), get_region())
    _writer.put(_Event(config, prefix, scope, time.time(), inference_id, request, answer))


def flush() -> None:
    """Write all queued invocations, and wait until they are written."""
    _writer.flush()


def json_line(event: _Event) -> str:
    """Return one event in SageMaker's format, without a newline."""
    modes = {option["CaptureMode"] for option in event.config["CaptureOptions"]}
    text_types = event.config.get("CaptureContentTypeHeader", {})
    data = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _content(event.input, "INPUT", text_types)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _content(event.output, "OUTPUT", text_types)
    metadata = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{_utc(event.time):%Y-%m-%dT%H:%M:%SZ}"}
    if event.inference_id:
        metadata["inferenceId"] = event.inference_id
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"})


def _content(content: Content, mode: str, text_types: dict[str, list[str]]) -> dict[str, str]:
    media_type = content.type.partition(";")[0].strip()
    if media_type in text_types.get("JsonContentTypes", ()):
        encoding = "JSON"
    elif media_type in text_types.get("CsvContentTypes", ()):
        encoding = "CSV"
    else:
        encoding = "BASE64"
    is_binary = encoding == "BASE64"
    data = base64.b64encode(content.body).decode() if is_binary else content.body.decode(errors="replace")
    return {"observedContentType": content.type, "mode": mode, "data": data, "encoding": encoding}


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class _Writer:
    """Queued events and the thread that writes them, which starts with the first event."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._events: list[_Event] = []
        self._pending_bytes = 0
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        # Held while a batch is written, so that `flush` returns only after the batch before it is in S3 too.
        self._writing = threading.Lock()
        self._sleep = sleep

    def put(self, event: _Event) -> None:
        with self._lock:
            if self._pending_bytes > _MAX_PENDING_BYTES:
                self._dropped += 1
                return
            self._events.append(event)
            self._pending_bytes += len(event.input.body) + len(event.output.body)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sagemaker-capture", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        with self._writing:
            with self._lock:
                events = self._events
                dropped = self._dropped
                self._events = []
                self._pending_bytes = 0
                self._dropped = 0
            if dropped:
                _LOG.warning("Data capture dropped %d invocations, which arrived too fast", dropped)
            _write(events)

    def _run(self) -> None:
        # A daemon thread: it ends with the process, after `flush` at shutdown.
        while True:
            self._sleep(_PAUSE_SECONDS)
            self.flush()


def _write(events: Iterable[_Event]) -> None:
    """Write one object for each endpoint, variant and hour."""
    lines: dict[tuple[tuple[str, str], str], list[str]] = defaultdict(list)
    for event in events:
        lines[event.scope, f"{event.prefix}/{_utc(event.time):%Y/%m/%d/%H}"].append(json_line(event))
    for (scope, folder), batch in lines.items():
        try:
            with request_scope(*scope):
                objects.put(f"{folder}/{uuid.uuid4()}.jsonl", "".join(f"{line}\n" for line in batch).encode())
        except ContainerError as error:
            _LOG.warning("Data capture dropped %d invocations: %s", len(batch), error)


_writer = _Writer()
