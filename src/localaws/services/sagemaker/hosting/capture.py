"""Data capture: what went into an endpoint and came out of it, as lines of JSON in S3 in SageMaker's own layout.

Best effort, as on AWS: lines are made and written in the background, a batch at a time, and left out where they come
faster than that, or where S3 does not take them.
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
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ministack.core.responses import get_account_id, get_region, request_scope

from localaws.services.sagemaker.containers import objects
from localaws.services.sagemaker.errors import ContainerError
from localaws.services.sagemaker.store import Record

_LOG = logging.getLogger("localaws")
_PAUSE_SECONDS = 1.0
_MOST_BYTES = 64 * 1024 * 1024


class Content(NamedTuple):
    """A body with its Content-Type."""

    type: str
    body: bytes


class _Event(NamedTuple):
    config: dict[str, Any]
    folder: str
    scope: tuple[str, str]
    time: float
    inference_id: str | None
    input: Content
    output: Content


def summary(config: dict[str, Any] | None) -> dict[str, Any] | None:
    """How DescribeEndpoint tells of a DataCaptureConfig."""
    if config is None:
        return None
    is_on = is_enabled(config)
    return {
        "EnableCapture": is_on,
        "CaptureStatus": "Started" if is_on else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def is_enabled(config: dict[str, Any] | None) -> bool:
    """A configuration is on unless it says otherwise."""
    return config is not None and bool(config.get("EnableCapture", True))


def keep(endpoint: Record, variant: str, inference_id: str | None, sent: Content, answered: Content) -> None:
    """Take note of an invocation where the endpoint's configuration and chance want it; returns at once."""
    config = endpoint.get("_Capture")
    if config is None or not is_enabled(config) or random.random() * 100 >= config["InitialSamplingPercentage"]:  # noqa: S311 - a sample
        return
    folder = f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint['EndpointName']}/{variant}"
    scope = get_account_id(), get_region()
    _writer.put(_Event(config, folder, scope, time.time(), inference_id, sent, answered))


def flush() -> None:
    """Write what is left, and wait until it is."""
    _writer.flush()


def line(event: _Event) -> str:
    """One event as SageMaker writes it."""
    modes = {option["CaptureMode"] for option in event.config["CaptureOptions"]}
    headers = event.config.get("CaptureContentTypeHeader", {})
    data = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _content(event.input, "INPUT", headers)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _content(event.output, "OUTPUT", headers)
    metadata = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{_utc(event.time):%Y-%m-%dT%H:%M:%SZ}"}
    if event.inference_id:
        metadata["inferenceId"] = event.inference_id
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"})


def _content(content: Content, mode: str, headers: dict[str, list[str]]) -> dict[str, str]:
    encoding, data = "BASE64", base64.b64encode(content.body).decode()
    media_type = content.type.partition(";")[0].strip()
    for name, types in (("CSV", headers.get("CsvContentTypes", ())), ("JSON", headers.get("JsonContentTypes", ()))):
        if media_type in types:
            encoding, data = name, content.body.decode(errors="replace")
    return {"observedContentType": content.type, "mode": mode, "data": data, "encoding": encoding}


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class _Writer:
    """Events on their way to S3; its thread begins with the first."""

    def __init__(self) -> None:
        self._events: list[_Event] = []
        self._bytes = self._left_out = 0
        self._thread: threading.Thread | None = None
        self._lock, self._writing = threading.Lock(), threading.Lock()

    def put(self, event: _Event) -> None:
        with self._lock:
            if self._bytes > _MOST_BYTES:
                self._left_out += 1
                return
            self._events.append(event)
            self._bytes += len(event.input.body) + len(event.output.body)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sagemaker-capture", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        with self._writing:
            with self._lock:
                events, left_out = self._events, self._left_out
                self._events, self._bytes, self._left_out = [], 0, 0
            if left_out:
                _LOG.warning("Data capture left out %d invocations, which came too fast", left_out)
            _write(events)

    def _run(self) -> None:
        while True:
            time.sleep(_PAUSE_SECONDS)
            self.flush()


def _write(events: Iterable[_Event]) -> None:
    """One object for each endpoint, variant and hour."""
    lines: dict[tuple[tuple[str, str], str], list[str]] = defaultdict(list)
    for event in events:
        lines[event.scope, f"{event.folder}/{_utc(event.time):%Y/%m/%d/%H}"].append(line(event))
    for (scope, folder), batch in lines.items():
        try:
            with request_scope(*scope):
                objects.put(f"{folder}/{uuid.uuid4()}.jsonl", "".join(f"{text}\n" for text in batch).encode())
        except ContainerError as error:
            _LOG.warning("Data capture left out %d invocations: %s", len(batch), error)


_writer = _Writer()
