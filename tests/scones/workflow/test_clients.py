"""The clients of a Lambda function, in a process whose environment is a function's."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
from scones.workflow.clients import client
s3 = client("s3")
assert client("s3") is s3
assert client("sns") is not s3
config = s3.meta.config
print(s3.meta.region_name, config.connect_timeout, config.read_timeout)
"""


def test_a_client_is_made_once_and_times_out_before_the_function() -> None:
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    region, connect_timeout, read_timeout = completed.stdout.split()
    assert region == "us-east-1"
    assert (int(connect_timeout), int(read_timeout)) == (2, 5)
