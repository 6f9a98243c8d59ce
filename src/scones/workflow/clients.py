"""The boto3 clients of a Lambda function, made on the first use in an execution environment."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from scones.clients import ClientFactory

# boto3 waits 60 seconds by default. Two attempts must fit into a function's time limit, because a named error is better
# than a timeout; only an endpoint that starts its container may need longer to answer.
CONNECT_SECONDS = 2
READ_SECONDS = 5
ENDPOINT_READ_SECONDS = 30


@cache
def _cached_client(service: str) -> Any:
    seconds = ENDPOINT_READ_SECONDS if service == "sagemaker-runtime" else READ_SECONDS
    config = Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=seconds, retries={"mode": "standard", "total_max_attempts": 2}
    )
    # The overloads of boto3's types know only literal names.
    return boto3.client(service, config=config)  # type: ignore[call-overload]


client: ClientFactory = _cached_client
