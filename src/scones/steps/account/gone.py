"""Which errors of AWS say that a resource does not exist. Each service has its own codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import ClientError

from scones.aws_errors import error_code

_GONE: Final = frozenset(
    {
        # Lambda, DynamoDB, CloudWatch Logs, EventBridge, SageMaker's jobs, Application Auto Scaling's tags
        "ResourceNotFoundException",
        # SageMaker, CloudWatch, Step Functions' tags
        "ResourceNotFound",
        # Application Auto Scaling
        "ObjectNotFoundException",
        # Step Functions
        "ExecutionDoesNotExist",
        "StateMachineDoesNotExist",
        # SQS, by its two protocols
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        # SNS
        "NotFound",
        "NotFoundException",
        # IAM
        "NoSuchEntity",
        # ECR
        "RepositoryNotFoundException",
        # S3; HeadObject and HeadBucket have only the status
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchUpload",
        "NoSuchVersion",
        "404",
    }
)
# SageMaker, CloudFormation and DynamoDB have codes here that they use for other errors, too.
_AMBIGUOUS: Final = frozenset({"ValidationException", "ValidationError", "ResourceInUseException"})
_GONE_MESSAGE: Final = re.compile(r"could not find|not found|does not exist|being deleted", re.IGNORECASE)


def is_gone(error: ClientError) -> bool:
    """Return whether the error says that the resource does not exist, or is being deleted."""
    code = error_code(error)
    message = error.response["Error"].get("Message", "")
    return code in _GONE or (code in _AMBIGUOUS and _GONE_MESSAGE.search(message) is not None)


@contextmanager
def ignoring_gone() -> Iterator[None]:
    """Leave the block without an error if AWS says that the resource does not exist.

    A delete call says so if the answer to an earlier one was lost, and so does any call if something else deleted the
    resource in the meantime.
    """
    try:
        yield
    except ClientError as error:
        if not is_gone(error):
            raise
