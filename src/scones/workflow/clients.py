"""The boto3 clients of a Lambda function, made on the first use in an execution environment."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from scones.clients import ClientFactory

# boto3 waits 60 seconds by default. The functions end after 30 at most, and a named error is better than their timeout.
_CONFIG = Config(connect_timeout=3, read_timeout=25, retries={"mode": "standard", "total_max_attempts": 2})


@cache
def _cached_client(service: str) -> Any:
    # The overloads of boto3's types know only literal names.
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


client: ClientFactory = _cached_client
