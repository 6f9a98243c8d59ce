"""A function's zip on disk and the environment that its process gets. Runs in the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ministack.core.lambda_runtime import execution_credentials
from ministack.core.responses import get_region
from ministack.services import lambda_svc

from localaws.services.awslambda.packages import runtime_packages


def unpack(code_zip: bytes) -> Path:
    """The folder with the zip's files, shared by all that have the same bytes; its size was checked when it came."""
    return Path(lambda_svc._provided_runtime_code_dir(code_zip))


def function_environment(
    config: dict[str, Any], code: Path, scratch: Path, runtime_api: str, log_stream: str
) -> dict[str, str]:
    """What AWS sets for a function, its own variables, and where this server is; nothing of the server's own.

    Source: AWS, "Defined runtime environment variables". `scratch` stands for /tmp.
    """
    region = get_region()
    return {
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        **(config.get("Environment") or {}).get("Variables", {}),
        **{name: value for name, value in execution_credentials(config).items() if value},
        "_HANDLER": config["Handler"],
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(config),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": region,
        "HOME": str(scratch),
        "LAMBDA_TASK_ROOT": str(code),
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(map(str, (code, *_layer_folders(config), runtime_packages()))),
        "TMPDIR": str(scratch),
        "TZ": ":UTC",
    }


def log_group(config: dict[str, Any]) -> str:
    """The function's log group in CloudWatch Logs."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def _layer_folders(config: dict[str, Any]) -> list[Path]:
    folders = []
    for layer in config.get("Layers") or ():
        data = lambda_svc._resolve_layer_zip(layer)
        if data:
            python = unpack(data) / "python"
            folders += [python, python / f"lib/python3.{sys.version_info.minor}/site-packages"]
    return folders
