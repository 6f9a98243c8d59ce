"""The client of a transform job's container: sends payloads, retries, and writes the data log."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from localaws.services.sagemaker import payloads
from localaws.services.sagemaker.containers import objects
from localaws.services.sagemaker.containers.logs import LogStream
from localaws.services.sagemaker.errors import ContainerError, ServiceUnavailable, UnhealthyError
from localaws.services.sagemaker.hosting.serving_container import (
    STARTUP_SECONDS,
    NoReplyError,
    Reply,
    ServingContainer,
)
from localaws.services.sagemaker.payloads import RecordError
from localaws.services.sagemaker.store import Record

_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_MEGABYTE = 1024 * 1024
# SageMaker's defaults.
_DEFAULT_PAYLOAD_MB = 6
_DEFAULT_TIMEOUT_SECONDS = 600
_DEFAULT_RETRIES = 3


def payload_mb(record: Record) -> int:
    """Return the job's MaxPayloadInMB, or the default."""
    return int(record.get("MaxPayloadInMB", _DEFAULT_PAYLOAD_MB))


def concurrency(record: Record) -> int:
    """Return the job's MaxConcurrentTransforms, or the default."""
    # Zero means the default, which SageMaker would ask /execution-parameters for.
    return int(record.get("MaxConcurrentTransforms") or 1)


class TransformClient:
    """Sends the objects of the job in `record` to its container, from any number of threads."""

    def __init__(self, record: Record) -> None:
        self._by_line = record["TransformInput"].get("SplitType") == "Line"
        self._is_multi_record = _is_multi_record(record)
        self._assemble_by_line = record["TransformOutput"].get("AssembleWith") == "Line"
        self._max_bytes = payload_mb(record) * _MEGABYTE
        content_type = record["TransformInput"].get("ContentType")
        headers = {"content-type": content_type, "accept": record["TransformOutput"].get("Accept")}
        self._headers = {name: value for name, value in headers.items() if value}
        settings = record.get("ModelClientConfig", {})
        self._retries = settings.get("InvocationsMaxRetries", _DEFAULT_RETRIES)
        timeout = settings.get("InvocationsTimeoutInSeconds", _DEFAULT_TIMEOUT_SECONDS)
        stream = f"{record['TransformJobName']}/i-{uuid.uuid4().hex[:17]}"
        self._data_log = LogStream(_LOG_GROUP, f"{stream}/data-log")
        self._container = ServingContainer(_variant(record), LogStream(_LOG_GROUP, stream), timeout)

    def start(self) -> None:
        """Start the container. Raises ContainerError if its model cannot be downloaded or it stays unhealthy."""
        try:
            self._container.start(STARTUP_SECONDS)
        except UnhealthyError as error:
            self._log(str(error))
            raise ContainerError("AlgorithmError: Model container failed to respond to ping") from error

    def close(self) -> None:
        """End the container; any thread may call it, more than once."""
        self._container.close()

    def transform(self, source: str, target: str) -> str | None:
        """Send the object at `source` and write the answers to `target`; return the job's FailureReason, or None.

        Raises ContainerError if S3 refuses or the container has ended.
        """
        body = objects.get(source)
        try:
            parts = payloads.split(
                body, by_line=self._by_line, is_multi_record=self._is_multi_record, max_bytes=self._max_bytes
            )
            answers = [self._send(payload) for payload in parts]
        except RecordError as error:
            self._log(*(f"{source.removeprefix('s3://')}: {line}" for line in str(error).splitlines()))
            return error.reason
        objects.put(target, payloads.assemble(answers, by_line=self._assemble_by_line))
        return None

    def _send(self, payload: bytes) -> bytes:
        """Return the answer to a payload. Raises RecordError if it is not 2xx after the retries that may help."""
        for retries_left in reversed(range(self._retries + 1)):
            try:
                reply = self._container.invoke(payload, self._headers)
            except ServiceUnavailable as error:
                # A transform job's container is not restarted: the whole job fails.
                raise ContainerError("AlgorithmError: See job logs for more information") from error
            except NoReplyError as error:
                if not retries_left:
                    raise RecordError("Unable to get response from algorithm", is_client_error=False) from error
                continue
            if 200 <= reply.status < 300:
                return reply.body
            # The same request would get the same 4xx again.
            if reply.status < 500 or not retries_left:
                break
        raise _record_error(reply)

    def _log(self, *lines: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        self._data_log.put([f"{now}:[sagemaker logs]: {line}" for line in lines])


def _record_error(reply: Reply) -> RecordError:
    is_client_error = reply.status < 500
    if is_client_error:
        summary = f"ClientError: {reply.status}"
    else:
        summary = f"Bad HTTP status received from algorithm: {reply.status}"
    text = reply.body.decode(errors="replace")
    return RecordError(f"{summary}\n\nMessage:\n{text}", is_client_error=is_client_error)


def _is_multi_record(record: Record) -> bool:
    return bool(record.get("BatchStrategy", "MultiRecord") == "MultiRecord")


def _variant(record: Record) -> dict[str, Any]:
    """Return the job's container as a variant, with the environment that SageMaker adds for a transform job."""
    container = record["_Container"]
    batch = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD" if _is_multi_record(record) else "SINGLE_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(payload_mb(record)),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(concurrency(record)),
    }
    environment = {**container.get("Environment", {}), **batch, **record.get("Environment", {})}
    return {**container, "VariantName": record["TransformJobName"], "Environment": environment}
