"""InvokeEndpoint: the data plane, from the caller's HTTP request to the container's and back, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ministack.core.responses import get_account_id

from localaws.services.sagemaker import store
from localaws.services.sagemaker.errors import ModelError, UnknownOperationException, ValidationError
from localaws.services.sagemaker.hosting import blue_green, capture
from localaws.services.sagemaker.hosting.capture import Content
from localaws.services.sagemaker.hosting.serving_container import NoReplyError, Reply, Server
from localaws.services.sagemaker.store import Record

_PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/(?P<action>[^/]+)")
_MEGABYTE = 1024 * 1024
_REAL_TIME_BYTES = 25 * _MEGABYTE
_SERVERLESS_BYTES = 4 * _MEGABYTE
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"
_PASSED_ON = (
    "content-type",
    "accept",
    "x-amzn-sagemaker-custom-attributes",
    _INFERENCE_ID,
    "x-amzn-sagemaker-session-id",
)
_NOT_IMPLEMENTED = (
    "x-amzn-sagemaker-target-model",
    "x-amzn-sagemaker-target-container-hostname",
    "x-amzn-sagemaker-inference-component",
    "x-amzn-sagemaker-enable-explanations",
)


def is_invocation(path: str) -> bool:
    return _PATH.fullmatch(path) is not None


def invoke(path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """The container's answer, with SageMaker's headers. `headers` have names in lower case.

    Raises ValidationError for an endpoint that does not serve or a body that is too large, ServiceUnavailable while it
    is starting again, ModelError where the container answers with anything but 2xx.
    """
    found = _PATH.fullmatch(path)
    if found is None or found["action"] != "invocations":
        raise UnknownOperationException(f"{path} is not implemented by this local SageMaker")
    for name in _NOT_IMPLEMENTED:
        if name in headers:
            raise ValidationError(f"{name} is not implemented by this local SageMaker")
    record = _serving(found["name"])
    with blue_green.borrowed(record["_Arn"], headers.get("x-amzn-sagemaker-target-variant")) as server:
        _check_size(server, body)
        reply = _ask(server, headers, body)
    passed = {"content-type": reply.headers.get("content-type", "application/octet-stream")}
    sent, answered = Content(headers.get("content-type", ""), body), Content(passed["content-type"], reply.body)
    capture.keep(record, server.variant["VariantName"], headers.get(_INFERENCE_ID), sent, answered)
    if "x-amzn-sagemaker-custom-attributes" in reply.headers:
        passed["x-amzn-sagemaker-custom-attributes"] = reply.headers["x-amzn-sagemaker-custom-attributes"]
    passed["x-amzn-invoked-production-variant"] = server.variant["VariantName"]
    return Reply(200, passed, reply.body)


def _serving(name: str) -> Record:
    record: Record | None = store.ENDPOINTS.get(name)
    if record is None or record["EndpointStatus"] in ("Creating", "Failed", "Deleting"):
        account = get_account_id()
        raise ValidationError(f"Endpoint {name} of account {account} not found.")
    return record


def _check_size(server: Server, body: bytes) -> None:
    limit = _SERVERLESS_BYTES if server.variant["IsServerless"] else _REAL_TIME_BYTES
    if len(body) > limit:
        raise ValidationError(f"The request body has {len(body)} bytes, the limit is {limit}")


def _ask(server: Server, headers: Mapping[str, str], body: bytes) -> Reply:
    passed = {name: headers[name] for name in _PASSED_ON if name in headers}
    try:
        reply = server.invoke(body, passed)
    except NoReplyError as error:
        message = f'Received server error (0) from primary with message "{error}".'
        raise ModelError(message, 0, str(error), server.log.arn) from error
    if not 200 <= reply.status < 300:
        text = reply.body.decode(errors="replace")
        kind = "client" if 400 <= reply.status < 500 else "server"
        message = (
            f'Received {kind} error ({reply.status}) from primary with message "{text}". '
            f"See the log group {server.log.group} for more information."
        )
        raise ModelError(message, reply.status, text, server.log.arn)
    return reply


def error_members(error: Exception) -> bytes:
    """The JSON body of an error of the data plane."""
    members = error.members if isinstance(error, ModelError) else {}
    return json.dumps({"Message": str(error), **members}).encode()
