"""InvokeEndpoint: forwards the caller's HTTP request to a container and returns its answer, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ministack.core.responses import get_account_id

from localaws.services.sagemaker import store
from localaws.services.sagemaker.errors import ModelError, ValidationError
from localaws.services.sagemaker.hosting import blue_green, capture
from localaws.services.sagemaker.hosting.capture import Content
from localaws.services.sagemaker.hosting.serving_container import NoReplyError, Reply, ServingContainer
from localaws.services.sagemaker.store import Record
from localaws.wire import ApiError, UnknownOperationException

_PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/(?P<action>[^/]+)")
_MEGABYTE = 1024 * 1024
# SageMaker's quotas of a request's body.
_MAX_REAL_TIME_BYTES = 25 * _MEGABYTE
_MAX_SERVERLESS_BYTES = 4 * _MEGABYTE
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"
_CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_FORWARDED_HEADERS = (
    "content-type",
    "accept",
    _CUSTOM_ATTRIBUTES,
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
    """Return whether an HTTP path belongs to the runtime's API."""
    return _PATH.fullmatch(path) is not None


def invoke(path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Return the container's answer with SageMaker's headers; `headers` have lower-case names.

    Raises ValidationError if the endpoint does not serve or the body is too large, ServiceUnavailable while its
    container restarts, and ModelError if the container answers with a status other than 2xx.
    """
    match = _PATH.fullmatch(path)
    if match is None or match["action"] != "invocations":
        raise UnknownOperationException(f"{path} is not implemented by this local SageMaker")
    for name in _NOT_IMPLEMENTED:
        if name in headers:
            raise ValidationError(f"{name} is not implemented by this local SageMaker")
    endpoint = _find_serving(match["name"])
    with blue_green.acquire(endpoint["_Arn"], headers.get("x-amzn-sagemaker-target-variant")) as container:
        _check_size(container, body)
        reply = _forward(container, headers, body)
    variant = container.variant["VariantName"]
    content_type = reply.headers.get("content-type", "application/octet-stream")
    request_content = Content(headers.get("content-type", ""), body)
    answer_content = Content(content_type, reply.body)
    capture.record_invocation(endpoint, variant, headers.get(_INFERENCE_ID), request_content, answer_content)
    answer_headers = {"content-type": content_type}
    if _CUSTOM_ATTRIBUTES in reply.headers:
        answer_headers[_CUSTOM_ATTRIBUTES] = reply.headers[_CUSTOM_ATTRIBUTES]
    answer_headers["x-amzn-invoked-production-variant"] = variant
    return Reply(200, answer_headers, reply.body)


def error_body(error: ApiError) -> bytes:
    """Return the JSON body of an error of the runtime's API."""
    members = error.members if isinstance(error, ModelError) else {}
    return json.dumps({"Message": str(error), **members}).encode()


def _find_serving(name: str) -> Record:
    record: Record | None = store.ENDPOINTS.get(name)
    # "Updating" and "SystemUpdating" endpoints serve with their old containers, if they have any.
    if record is None or record["EndpointStatus"] in ("Creating", "Failed", "Deleting"):
        account = get_account_id()
        raise ValidationError(f"Endpoint {name} of account {account} not found.")
    return record


def _check_size(container: ServingContainer, body: bytes) -> None:
    limit = _MAX_SERVERLESS_BYTES if container.variant["IsServerless"] else _MAX_REAL_TIME_BYTES
    if len(body) > limit:
        raise ValidationError(f"The request body has {len(body)} bytes, the limit is {limit}")


def _forward(container: ServingContainer, headers: Mapping[str, str], body: bytes) -> Reply:
    forwarded = {name: headers[name] for name in _FORWARDED_HEADERS if name in headers}
    try:
        reply = container.invoke(body, forwarded)
    except NoReplyError as error:
        # SageMaker reports status 0 for a container that did not answer.
        message = f'Received server error (0) from primary with message "{error}".'
        raise ModelError(message, 0, str(error), container.log.arn) from error
    if not 200 <= reply.status < 300:
        text = reply.body.decode(errors="replace")
        side = "client" if 400 <= reply.status < 500 else "server"
        message = (
            f'Received {side} error ({reply.status}) from primary with message "{text}". '
            f"See the log group {container.log.group} for more information."
        )
        raise ModelError(message, reply.status, text, container.log.arn)
    return reply
