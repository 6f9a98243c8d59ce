"""A function's code on disk and the environment variables of its process. Runs in the server."""

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
    """Return the folder with the files of a zip, which is shared by all functions with the same zip."""
    # ministack has checked the unpacked size when the function was created.
    return Path(lambda_svc._provided_runtime_code_dir(code_zip))


def function_environment(
    config: dict[str, Any], code: Path, scratch: Path, runtime_api: str, log_stream: str
) -> dict[str, str]:
    """Return the environment variables of a function: AWS's, the function's own, and the address of this server.

    `code` is the folder of its files, `scratch` the folder that takes the place of /tmp, `runtime_api` the address
    (host:port) of its Runtime API. Source: Lambda Developer Guide, "Defined runtime environment variables".
    """
    region = get_region()
    # The later entries win: a function may choose another endpoint, but not overwrite the reserved variables.
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
    """Return the name of the function's log group in CloudWatch Logs."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def _layer_folders(config: dict[str, Any]) -> list[Path]:
    folders = []
    for layer in config.get("Layers") or ():
        data = lambda_svc._resolve_layer_zip(layer)
        if data:
            # Lambda Developer Guide, "Layer paths for each Lambda runtime".
            python = unpack(data) / "python"
            folders += [python, python / f"lib/python3.{sys.version_info.minor}/site-packages"]
    return folders
