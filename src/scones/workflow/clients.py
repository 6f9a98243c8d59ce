"""boto3 clients of a Lambda sandbox: made once, on the first invocation, with timeouts that fit a function's."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(connect_timeout=3, read_timeout=25, retries={"mode": "standard", "total_max_attempts": 2})


@cache
def client(service: str) -> Any:
    """Return the sandbox's client of an AWS service."""
    return boto3.client(service, config=_CONFIG)
