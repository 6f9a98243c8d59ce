"""The environment variables of the server. ministack reads them while it is imported, so they are set once, before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

ACCOUNT = "000000000000"
REGION = "us-east-1"

# The caller's settings for AWS, or for another copy of ministack, must not reach this server.
_FOREIGN = ("AWS_", "LAMBDA_", "LOCALSTACK_", "MINISTACK_", "SFN_", "S3_", "SERVICES")


def client_settings(url: str) -> dict[str, str]:
    """Return, with the keys of AWS's configuration files, what any AWS client needs to reach this server.

    The server accepts any credentials.
    """
    return {
        "endpoint_url": url,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "region": REGION,
    }


def client_environment(url: str) -> dict[str, str]:
    """Return the same settings as environment variables."""
    settings = client_settings(url)
    return {
        "AWS_ENDPOINT_URL": settings["endpoint_url"],
        "AWS_ACCESS_KEY_ID": settings["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": settings["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": settings["region"],
    }


def prepare(environ: MutableMapping[str, str], state: Path, url: str, port: int) -> None:
    """Set in `environ` all that ministack reads: it writes below `state` only, and what is not needed here is off.

    `url` and `port` are the server's own address. Variables that other AWS programs read are removed.
    """
    foreign = [name for name in environ if name.startswith(_FOREIGN)]
    for name in foreign:
        del environ[name]
    temporary = state / "tmp"
    environ.update(
        client_environment(url),
        GATEWAY_PORT=str(port),
        LOG_LEVEL="WARNING",
        AUTH="false",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=REGION,
        PERSIST_STATE="1",
        STATE_DIR=str(state / "state"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state / "s3"),
        LAMBDA_EXECUTOR="local",
        TMPDIR=str(temporary),
        # ministack looks for containers at each start; a socket that does not exist makes that return at once.
        DOCKER_HOST=f"unix://{temporary}/docker.sock",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
    )
    # The module caches the folder; TMPDIR alone reaches only child processes.
    tempfile.tempdir = os.fspath(temporary)
