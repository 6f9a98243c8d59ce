"""What the tests of SageMaker share: clients, a bucket, and the shortest requests that work."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/service-role/toy"
BUCKET = "toy-bucket"


@dataclass
class Account:
    """One server's clients, and requests with all that is required."""

    server: Any
    eventually: Callable[..., Any]

    def __post_init__(self) -> None:
        for name in ("s3", "sagemaker", "logs", "stepfunctions", "cloudformation"):
            setattr(self, name, self.server.client(name))
        self.runtime = self.server.client("sagemaker-runtime")
        self.s3.create_bucket(Bucket=BUCKET)

    def put(self, key: str, body: bytes = b"x") -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, uri: str) -> bytes:
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def training_request(self, name: str, **hyperparameters: str) -> dict[str, Any]:
        return {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {"TrainingImage": "1.dkr.ecr.x/toy:latest", "TrainingInputMode": "File"},
            "HyperParameters": hyperparameters,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }

    def train(self, name: str, *, wait: bool = True, **hyperparameters: str) -> dict[str, Any]:
        self.sagemaker.create_training_job(**self.training_request(name, **hyperparameters))
        return self.wait_for_training(name) if wait else {}

    def wait_for_training(self, name: str) -> dict[str, Any]:
        return self._wait_for_job("Training", name)

    def wait_for_processing(self, name: str) -> dict[str, Any]:
        return self._wait_for_job("Processing", name)

    def wait_for_transform(self, name: str) -> dict[str, Any]:
        return self._wait_for_job("Transform", name)

    def _wait_for_job(self, kind: str, name: str) -> dict[str, Any]:
        describe = getattr(self.sagemaker, f"describe_{kind.lower()}_job")

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = describe(**{f"{kind}JobName": name})
            return job if job[f"{kind}JobStatus"] not in ("InProgress", "Stopping") else None

        result: dict[str, Any] = self.eventually(ended)
        return result

    def log_lines(self, group: str, stream_prefix: str) -> list[str]:
        try:
            found = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream_prefix)["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        names = [stream["logStreamName"] for stream in found]
        events = [self.logs.get_log_events(logGroupName=group, logStreamName=name)["events"] for name in names]
        return [event["message"] for stream in events for event in stream]

    def processing_request(self, name: str, *arguments: str) -> dict[str, Any]:
        self.put("processing/in/a.txt")
        root = "/opt/ml/processing"
        source = {"S3Uri": f"s3://{BUCKET}/processing/in/", "LocalPath": f"{root}/input"}
        target = {"S3Uri": f"s3://{BUCKET}/{name}", "LocalPath": f"{root}/output", "S3UploadMode": "EndOfJob"}
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        kind = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
        return {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {
                "ImageUri": "toy",
                "ContainerEntrypoint": ["evaluate"],
                "ContainerArguments": list(arguments) or ["succeed"],
            },
            "ProcessingResources": {"ClusterConfig": cluster},
            "ProcessingInputs": [{"InputName": "in", "S3Input": {**source, **kind}}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": target}]},
        }

    def model(self, name: str, *, model_data: str | None = None, **environment: str) -> str:
        """A model of the toy image."""
        container: dict[str, Any] = {"Image": "toy", "Environment": environment}
        if model_data:
            container["ModelDataUrl"] = model_data
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        return name

    def transform_request(self, name: str, records: dict[str, bytes], **members: Any) -> dict[str, Any]:
        """A transform of objects below a prefix of this name; TransformInput and TransformOutput may be partial."""
        for key, body in records.items():
            self.put(f"{name}/in/{key}", body)
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"}}
        return {
            "TransformJobName": name,
            "ModelName": name,
            **members,
            "TransformInput": {"DataSource": source, **members.get("TransformInput", {})},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/{name}/out", **members.get("TransformOutput", {})},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }

    def transform(self, name: str, records: dict[str, bytes], **members: Any) -> dict[str, Any]:
        """The ended job, on a model of the same name."""
        self.sagemaker.create_transform_job(**self.transform_request(self.model(name), records, **members))
        return self.wait_for_transform(name)

    def outputs(self, name: str) -> dict[str, bytes]:
        """What a transform of this name has written, by key below its output path."""
        prefix = f"{name}/out/"
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {item["Key"].removeprefix(prefix): self.get(f"s3://{BUCKET}/{item['Key']}") for item in found}

    def configure(self, name: str, *, model_data: str | None = None, **environment: str) -> str:
        """A model and an endpoint configuration of this name."""
        self.model(name, model_data=model_data, **environment)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        return name

    def serve(self, name: str, **environment: str) -> str:
        """An endpoint in service."""
        self.configure(name, **environment)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert self.wait_for_endpoint(name)["EndpointStatus"] == "InService"
        return name

    def wait_for_endpoint(self, name: str) -> dict[str, Any]:
        def settled() -> dict[str, Any] | None:
            endpoint: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
            return endpoint if endpoint["EndpointStatus"] in ("InService", "Failed") else None

        result: dict[str, Any] = self.eventually(settled)
        return result

    def invoke(self, name: str, body: bytes, **options: str) -> bytes:
        return bytes(self.runtime.invoke_endpoint(EndpointName=name, Body=body, **options)["Body"].read())


@pytest.fixture(scope="session")
def open_account(eventually: Callable[..., Any]) -> Callable[..., Account]:
    """For a test with a server of its own."""
    return partial(Account, eventually=eventually)


@pytest.fixture(scope="session")
def account(localaws: Any, open_account: Callable[..., Account]) -> Account:
    return open_account(localaws)


@pytest.fixture
def name() -> str:
    """A name that nothing has yet."""
    return f"t-{uuid.uuid4().hex[:12]}"
