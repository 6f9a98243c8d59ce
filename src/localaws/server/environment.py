"""What ministack reads from the environment when it is imported: set here, once, before that. Runs in the server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

ACCOUNT = "000000000000"
REGION = "us-east-1"

# The caller's settings for AWS, or for another copy of the engine, are not for this server.
_FOREIGN = ("AWS_", "LAMBDA_", "LOCALSTACK_", "MINISTACK_", "SFN_", "S3_", "SERVICES")


def client_environment(url: str) -> dict[str, str]:
    """What any AWS client needs to find this server; the credentials are accepted as they are."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }


def prepare(environ: MutableMapping[str, str], state: Path, url: str, port: int) -> None:
    """Make `environ` the engine's: whatever it writes is under `state`, and what it does not need stays off."""
    for name in [name for name in environ if name.startswith(_FOREIGN)]:
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
        # No containers here: a socket that is not there keeps the engine from looking for any.
        DOCKER_HOST=f"unix://{temporary}/docker.sock",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
    )
    tempfile.tempdir = os.fspath(temporary)
