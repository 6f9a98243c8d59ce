"""What AWS does not allow the caller, in the terms of IAM: the action, the resource, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from scones.aws_errors import error_code

if TYPE_CHECKING:
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel

# "403" is S3's answer to HeadObject and HeadBucket, which have no body.
_CODES: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
        "NotAuthorized",
        "403",
    }
)
# Most services name both in the message; the action may be one that the call only leads to, such as iam:PassRole.
_NAMED: Final = re.compile(
    r"not authorized to perform: (?P<action>[\w-]+:\w+)(?: on resource: \"?(?P<resource>[^\s\"]+))?"
)
# The operations of S3 that need an action of another name. Source: Service Authorization Reference, "Amazon S3".
_S3_ACTIONS: Final = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "UploadPart": "PutObject",
}
# The services whose actions have another prefix than the name that signs their requests.
_PREFIXES: Final = {"monitoring": "cloudwatch", "tagging": "tag"}
# The member of an error's response where `note_requests` writes.
_REQUEST: Final = "Request"


def is_refusal(error: Exception) -> bool:
    """Return whether AWS says that the caller may not do what it asked for."""
    return isinstance(error, ClientError) and error_code(error) in _CODES


def explain(error: ClientError) -> str:
    """Return what was not allowed, on what, and what to do.

    Action and resource are those of AWS's message, otherwise those of the request if `note_requests` saw it.
    """
    message = error.response["Error"].get("Message", "")
    request: Mapping[str, str] = error.response.get(_REQUEST, {})  # type: ignore[assignment]
    named = _NAMED.search(message)
    action = named["action"] if named else request.get("action", error.operation_name)
    resource = (named and named["resource"]) or request.get("resource", "")
    where = f" on {resource}" if resource else ""
    return (
        f"AWS does not allow you {action}{where}; add this action to the policy of your user or role, "
        f"or ask who manages the account (AWS says: {message or error_code(error)})"
    )


@dataclass
class Refused:
    """What was passed over because AWS does not allow it: `reasons` maps each such thing to its explanation."""

    reasons: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def passing(self, what: str) -> Iterator[None]:
        """Leave the block without an error if the caller is not allowed what it asks for, and note why."""
        try:
            yield
        except ClientError as error:
            if not is_refusal(error):
                raise
            self.reasons[what] = explain(error)


def note_requests(events: BaseEventHooks) -> None:
    """Keep action and resource of each refused request for `explain`; `events` are those of a boto3 session.

    A ClientError has neither the service nor the arguments of its call.
    """
    events.register("before-parameter-build", _keep_arguments)
    events.register("after-call", _add_request)


def _keep_arguments(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
    context["scones_arguments"] = params


def _add_request(parsed: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object) -> None:
    if "Error" in parsed:
        resource = _resource(context.get("scones_arguments", {}))
        parsed[_REQUEST] = {"action": _action(model), "resource": resource}


def _action(model: OperationModel) -> str:
    service = model.service_model.signing_name
    name = _S3_ACTIONS.get(model.name, model.name) if service == "s3" else model.name
    return f"{_PREFIXES.get(service, service)}:{name}"


def _resource(arguments: Mapping[str, Any]) -> str:
    """Return the ARN of an S3 object or bucket; for other services, the first argument that names something."""
    if "Bucket" in arguments:
        path = "/".join(str(arguments[name]) for name in ("Bucket", "Key") if name in arguments)
        return f"arn:aws:s3:::{path}"
    return next(_names(arguments), "")


def _names(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        if isinstance(value, str) and name.lower().endswith(("arn", "name", "url", "id")):
            yield value
