"""What stands between S3 and the container of a transform job: sends payloads, tries again, and writes the data log."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from localaws.services.sagemaker import payloads
from localaws.services.sagemaker.containers import objects
from localaws.services.sagemaker.containers.logs import LogStream
from localaws.services.sagemaker.errors import ContainerError, ServiceUnavailable, UnhealthyError
from localaws.services.sagemaker.hosting.serving_container import STARTUP_SECONDS, NoReplyError, Reply, Server
from localaws.services.sagemaker.payloads import RecordError
from localaws.services.sagemaker.store import Record

_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_MEGABYTE = 1024 * 1024
_PAYLOAD_MB = 6
_TIMEOUT_SECONDS = 600
_RETRIES = 3


def payload_mb(record: Record) -> int:
    """The job's MaxPayloadInMB, or the default."""
    return int(record.get("MaxPayloadInMB", _PAYLOAD_MB))


def concurrency(record: Record) -> int:
    """The job's MaxConcurrentTransforms, or the default."""
    return int(record.get("MaxConcurrentTransforms") or 1)


class TransformClient:
    """`record` is the job's. Its container is begun by `start` and ended by `close`, which any thread may call."""

    def __init__(self, record: Record) -> None:
        self._input, self._output = record["TransformInput"], record["TransformOutput"]
        self._strategy = record.get("BatchStrategy", "MultiRecord")
        self._limit = payload_mb(record) * _MEGABYTE
        headers = {"content-type": self._input.get("ContentType"), "accept": self._output.get("Accept")}
        self._headers = {name: value for name, value in headers.items() if value}
        settings = record.get("ModelClientConfig", {})
        self._retries = settings.get("InvocationsMaxRetries", _RETRIES)
        timeout = settings.get("InvocationsTimeoutInSeconds", _TIMEOUT_SECONDS)
        stream = f"{record['TransformJobName']}/i-{uuid.uuid4().hex[:17]}"
        self._data_log = LogStream(_LOG_GROUP, f"{stream}/data-log")
        self._server = Server(_variant(record), LogStream(_LOG_GROUP, stream), timeout)

    def start(self) -> None:
        """Raises ContainerError where the model cannot be loaded or its container does not answer pings."""
        try:
            self._server.start(STARTUP_SECONDS)
        except UnhealthyError as error:
            self._log(str(error))
            raise ContainerError("AlgorithmError: Model container failed to respond to ping") from error

    def close(self) -> None:
        self._server.close()

    def transform(self, source: str, target: str) -> str | None:
        """Send the object at `source` and store what is answered; gives the job's FailureReason where that fails.

        Raises ContainerError where S3 refuses, or where the container has ended.
        """
        by_line, many = self._input.get("SplitType") == "Line", self._strategy == "MultiRecord"
        try:
            answers = [
                self._ask(payload) for payload in payloads.split(objects.get(source), by_line, many, self._limit)
            ]
        except RecordError as error:
            self._log(*(f"{source.removeprefix('s3://')}: {line}" for line in str(error).splitlines()))
            return error.reason
        objects.put(target, payloads.assemble(answers, self._output.get("AssembleWith") == "Line"))
        return None

    def _ask(self, payload: bytes) -> bytes:
        """Raises RecordError for any answer but 2xx, after the retries that may help."""
        for left in reversed(range(self._retries + 1)):
            try:
                reply = self._server.invoke(payload, self._headers)
            except ServiceUnavailable as error:
                raise ContainerError("AlgorithmError: See job logs for more information") from error
            except NoReplyError as error:
                if not left:
                    raise RecordError("Unable to get response from algorithm", is_clients=False) from error
                continue
            if 200 <= reply.status < 300:
                return reply.body
            if reply.status < 500 or not left:
                break
        raise _refusal(reply)

    def _log(self, *lines: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        self._data_log.put([f"{now}:[sagemaker logs]: {line}" for line in lines])


def _refusal(reply: Reply) -> RecordError:
    is_clients = reply.status < 500
    what = f"ClientError: {reply.status}" if is_clients else f"Bad HTTP status received from algorithm: {reply.status}"
    return RecordError(f"{what}\n\nMessage:\n{reply.body.decode(errors='replace')}", is_clients=is_clients)


def _variant(record: Record) -> dict[str, Any]:
    """The container as a server takes it, with the variables that SageMaker adds for a transform job."""
    container, is_many = record["_Container"], record.get("BatchStrategy", "MultiRecord") == "MultiRecord"
    batch = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD" if is_many else "SINGLE_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(payload_mb(record)),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(concurrency(record)),
    }
    environment = {**container.get("Environment", {}), **batch, **record.get("Environment", {})}
    return {**container, "VariantName": record["TransformJobName"], "Environment": environment}
