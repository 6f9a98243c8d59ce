"""The errors of AWS's services that faults stand for: their codes, HTTP statuses and bodies in each protocol."""

from __future__ import annotations

import json

from localaws.faults.operations import Operation
from localaws.wire import Answer

# The faults that are answers; all others end the connection.
ANSWERED = ("throttling", "internal-error", "access-denied")

# Kind -> service -> code. Each service's own name comes before its protocol's.
_CODES = {
    "throttling": {
        "dynamodb": "ProvisionedThroughputExceededException",
        "lambda": "TooManyRequestsException",
        "s3": "SlowDown",
        "query": "Throttling",
        "": "ThrottlingException",
    },
    "internal-error": {
        "dynamodb": "InternalServerError",
        "lambda": "ServiceException",
        "s3": "InternalError",
        "": "InternalFailure",
    },
    "access-denied": {"rest-xml": "AccessDenied", "query": "AccessDenied", "": "AccessDeniedException"},
}
_MESSAGES = {
    "throttling": "Rate exceeded (injected by localaws)",
    "internal-error": "We encountered an internal error. Please try again. (injected by localaws)",
    "access-denied": "User is not authorized to perform this operation (injected by localaws)",
}
_STATUSES = {"lambda": 429, "s3": 503}


def error_code(operation: Operation, kind: str) -> str:
    """Return the code of a service's error for one of the kinds in ANSWERED."""
    codes = _CODES[kind]
    return codes.get(operation.service) or codes.get(operation.protocol) or codes[""]


def error_message(kind: str) -> str:
    """Return the message of an error; it says that localaws injected it."""
    return _MESSAGES[kind]


def error_answer(operation: Operation, kind: str) -> Answer:
    """Return a service's HTTP answer for one of the kinds in ANSWERED, in the protocol of the request."""
    code = error_code(operation, kind)
    message = error_message(kind)
    headers, body = _body(operation.protocol, code, message)
    return _status(operation, kind), {**headers, "x-amzn-requestid": "injected-by-localaws"}, body


def _status(operation: Operation, kind: str) -> int:
    if kind == "internal-error":
        return 500
    if kind == "throttling":
        return _STATUSES.get(operation.service, 400)
    # The JSON protocols answer every error of the client with 400.
    return 400 if operation.protocol in ("json", "cbor") else 403


def _body(protocol: str, code: str, message: str) -> tuple[dict[str, str], bytes]:
    if protocol == "rest-xml":
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return {"content-type": "application/xml"}, text.encode()
    if protocol == "query":
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return {"content-type": "text/xml"}, text.encode()
    if protocol == "cbor":
        headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return headers, _cbor_map({"__type": code, "message": message})
    headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-errortype": code}
    return headers, json.dumps({"__type": code, "message": message}).encode()


def _cbor_map(texts: dict[str, str]) -> bytes:
    """Encode a map of short strings. Source: RFC 8949, 3.1."""
    encoded = bytes([0xA0 + len(texts)])
    for pair in texts.items():
        for text in pair:
            # 0x78 begins a string whose length is the next byte.
            encoded += bytes([0x78, len(text.encode())]) + text.encode()
    return encoded
