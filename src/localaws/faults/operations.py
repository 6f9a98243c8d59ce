"""The service and the operation of a request, from its signature and from botocore's models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel

from localaws.wire import service_model

_CREDENTIAL = re.compile(r"[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")
_FORM = "application/x-www-form-urlencoded"
# The names in signatures that are not boto3's names of the services.
_SIGNED_AS = {"states": "stepfunctions", "monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}


class Request(NamedTuple):
    """An HTTP request: its path is percent-encoded, its header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


class Operation(NamedTuple):
    """An operation: boto3's name of its service, its own name, and the protocol of the request.

    The protocol is "json", "cbor", "query", "rest-json" or "rest-xml". Names that are not known are empty.
    """

    service: str
    name: str
    protocol: str


class _Route(NamedTuple):
    operation: str
    method: str
    path: re.Pattern[str]
    # Query parameters with a fixed value, and names of query parameters and headers that must be there.
    fixed: frozenset[tuple[str, str]]
    parameters: frozenset[str]
    headers: frozenset[str]

    def matches(self, request: Request) -> bool:
        return (
            self.method == request.method
            and self.path.fullmatch(request.path) is not None
            and self.fixed <= request.query.items()
            and self.parameters <= request.query.keys()
            and self.headers <= request.headers.keys()
        )

    @property
    def conditions(self) -> int:
        return len(self.fixed) + len(self.parameters) + len(self.headers)


def operation_of(request: Request) -> Operation:
    """Return the operation of a signed request; what its signature or its form does not tell is empty."""
    service = _service(request)
    cbor = _CBOR.fullmatch(request.path)
    if cbor:
        return Operation(service, cbor[1], "cbor")
    target = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if target:
        return Operation(service, target, "json")
    action = request.query.get("Action") or _form_action(request)
    if action:
        return Operation(service, action, "query")
    return Operation(service, rest_operation(service, request), _rest_protocol(service))


def rest_operation(service: str, request: Request) -> str:
    """Return the operation of a REST service whose method, path, query and headers fit best, or an empty string."""
    found = (route.operation for route in _routes(service) if route.matches(request))
    return next(found, "")


def _service(request: Request) -> str:
    header = request.headers.get("authorization", "").partition("Credential=")[2].partition(",")[0]
    # A presigned URL has its signature in the query.
    credential = _CREDENTIAL.fullmatch(header or request.query.get("X-Amz-Credential", ""))
    scope = credential[1] if credential else ""
    # SageMaker's runtime signs as its control plane does, but has another protocol.
    if scope == "sagemaker" and "x-amz-target" not in request.headers:
        return "sagemaker-runtime"
    return _SIGNED_AS.get(scope, scope)


def _form_action(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith(_FORM):
        return ""
    return dict(parse_qsl(request.body.decode(errors="replace"))).get("Action", "")


def _rest_protocol(service: str) -> str:
    try:
        return service_model(service).protocol if service else ""
    except UnknownServiceError:
        return ""


@cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Return the routes of a REST service, those with the most conditions first and deprecated ones last."""
    if not _rest_protocol(service).startswith("rest-"):
        return ()
    model = service_model(service)
    operations = [model.operation_model(name) for name in model.operation_names]
    # S3's deprecated operations have the request lines of their successors.
    routes = [_route(operation) for operation in sorted(operations, key=lambda operation: operation.deprecated)]
    return tuple(sorted(routes, key=lambda route: -route.conditions))


def _route(model: OperationModel) -> _Route:
    path, _, query = model.http["requestUri"].partition("?")
    shape = model.input_shape
    required = [shape.members[name].serialization for name in shape.required_members] if shape else []
    return _Route(
        model.name,
        model.http["method"],
        _path_pattern(path),
        frozenset(parse_qsl(query, keep_blank_values=True)),
        frozenset(about["name"] for about in required if about.get("location") == "querystring"),
        frozenset(about["name"].lower() for about in required if about.get("location") == "header"),
    )


def _path_pattern(template: str) -> re.Pattern[str]:
    """Compile a path such as `/{Bucket}/{Key+}`, whose `+` also matches slashes."""
    pattern = ""
    for part in re.split(r"(\{\w+\+?\})", template.rstrip("/")):
        if part.endswith("+}"):
            pattern += ".+"
        elif part.startswith("{"):
            pattern += "[^/]+"
        else:
            pattern += re.escape(part)
    return re.compile(f"{pattern}/?", re.DOTALL)
