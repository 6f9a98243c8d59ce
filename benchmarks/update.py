"""Failed requests while an endpoint on the laptop's AWS is updated to a new model under load."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import Any

from rich.console import Console

from scones.clients import ClientFactory
from scones.contract.layout import INFERENCE_JSON
from scones.laptop import laptop
from scones.progress import Reporter

CLIENTS = 8
BUCKET, NAME = "benchmark", "benchmark"
ROLE = "arn:aws:iam::000000000000:role/benchmark"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/scones:latest"


def measure(model: Path, images: Sequence[bytes], folder: Path) -> dict[str, Any]:
    """Invoke from `CLIENTS` threads before, during and after an update; `model` holds the first version."""
    folder.mkdir()
    with chdir(folder), laptop(Reporter(Console(quiet=True)), keep=False) as client:
        client("s3").create_bucket(Bucket=BUCKET)
        for version in ("1", "2"):
            create(client, version, model)
        client("sagemaker").create_endpoint(EndpointName=NAME, EndpointConfigName="1")
        wait(client)
        stop = threading.Event()
        answers: list[tuple[str, str]] = []
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(ask, client, images[n::CLIENTS], stop, answers) for n in range(CLIENTS)]
            time.sleep(1)
            client("sagemaker").update_endpoint(EndpointName=NAME, EndpointConfigName="2")
            wait(client)
            time.sleep(1)
            stop.set()
            failed = [error for future in clients for error in future.result()]
    models = {name: sum(model.endswith(name) for _, model in answers) for name in ("v1", "v2")}
    return {
        "n": len(answers) + len(failed),
        "failed": len(failed),
        "errors": sorted(set(failed)),
        "answered_by": models,
    }


def create(client: ClientFactory, version: str, model: Path) -> None:
    """Upload the model as `version`, and create its SageMaker model and endpoint configuration."""
    archive = io.BytesIO()
    about = json.loads((model / "model.json").read_text()) | {"version": f"v{version}"}
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(model / "model.onnx", "model.onnx")
        text = json.dumps(about).encode()
        entry = tarfile.TarInfo("model.json")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    client("s3").put_object(Bucket=BUCKET, Key=f"{version}.tar.gz", Body=archive.getvalue())
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{version}.tar.gz"}
    client("sagemaker").create_model(ModelName=version, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    instance = {"InitialInstanceCount": 1, "InstanceType": "ml.c5.large"}
    variant = {"VariantName": "AllTraffic", "ModelName": version, **instance}
    client("sagemaker").create_endpoint_config(EndpointConfigName=version, ProductionVariants=[variant])


def wait(client: ClientFactory) -> None:
    """Wait until the endpoint is in service; raises RuntimeError if it fails."""
    while (status := client("sagemaker").describe_endpoint(EndpointName=NAME)["EndpointStatus"]) != "InService":
        if status == "Failed":
            raise RuntimeError("the endpoint failed")
        time.sleep(0.05)


def ask(
    client: ClientFactory, images: Sequence[bytes], stop: threading.Event, answers: list[tuple[str, str]]
) -> list[str]:
    """Invoke the endpoint until `stop`; append labels and model versions to `answers`, and return the errors."""
    failed = []
    for number in range(10**9):
        if stop.is_set():
            break
        try:
            response = client("sagemaker-runtime").invoke_endpoint(
                EndpointName=NAME, Body=images[number % len(images)], ContentType="image/png", Accept=INFERENCE_JSON
            )
            inference = json.loads(response["Body"].read())
            answers.append((inference["label"], inference["model"].partition("+")[0]))
        except Exception as error:
            failed.append(f"{type(error).__name__}: {error}"[:200])
    return failed
