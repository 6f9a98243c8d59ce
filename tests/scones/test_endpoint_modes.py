"""Releases on serverless and real-time endpoints, one after the other, with an image that trains nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scones.contract.release import Channel, ReleaseInput
from scones.errors import ReleaseError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.cleanup import cleanup
from scones.steps.deploy import deploy
from scones.steps.release import release

DATA = "0" * 64


def channel(split: str) -> Channel:
    return Channel(name=split, prefix=f"data/{DATA}/{split}/")


@dataclass
class Project:
    """A project on its own server; `release` deploys the settings first, as an operator would."""

    client: Any
    released: int = 0

    def release(self, hyperparameters: dict[str, str] | None = None, **settings: Any) -> dict[str, Any]:
        """Release, and return the description of the endpoint."""
        services = {name: self.client(name) for name in ("cloudformation", "s3")}
        outputs = deploy(Settings(project="modes", **settings), progress=Progress(), **services)
        for split in ("train", "validation", "test"):
            self.client("s3").put_object(Bucket=outputs["Bucket"], Key=f"data/{DATA}/{split}/one.png", Body=b"one")
        self.released += 1
        request = ReleaseInput(
            name=f"modes-20260101-{self.released:06}", digest=DATA, channels=[channel("train"), channel("validation")],
            test_channels=[channel("test")], hyperparameters=hyperparameters or {}, minimum_accuracy=0.0,
        )  # fmt: skip
        release(outputs["ReleaseMachine"], request, client=self.client, progress=Progress())
        return self.endpoint()

    def endpoint(self) -> dict[str, Any]:
        endpoint: dict[str, Any] = self.client("sagemaker").describe_endpoint(EndpointName="modes")
        return endpoint

    def scaled(self) -> list[tuple[str, int, int]]:
        scaling = self.client("application-autoscaling")
        targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        return [(target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) for target in targets]


@pytest.fixture
def project(start_localaws: Any, tmp_path: Path) -> Iterator[Project]:
    quick = f"scones={sys.executable} {Path(__file__).parent / 'quick_image.py'}"
    with start_localaws(tmp_path / "state", "--image", quick) as server:
        yield Project(server.client)


def test_an_endpoint_is_replaced_only_if_it_cannot_be_updated_to_the_new_mode(project: Project) -> None:
    serverless = project.release()
    assert serverless["ProductionVariants"][0]["CurrentServerlessConfig"]["MemorySizeInMB"] == 2048
    assert project.release()["CreationTime"] == serverless["CreationTime"]

    realtime = project.release(endpoint_mode="realtime", realtime_min_instances=2)
    assert realtime["CreationTime"] == serverless["CreationTime"]
    assert realtime["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    assert project.scaled() == [("endpoint/modes/variant/AllTraffic", 2, 4)]

    larger = project.release(endpoint_mode="realtime", realtime_instance_type="ml.c7i.xlarge")
    assert larger["CreationTime"] == serverless["CreationTime"]
    # Scaling has set it to two instances, and the next release keeps that number.
    assert larger["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    config = project.client("sagemaker").describe_endpoint_config(EndpointConfigName=larger["EndpointConfigName"])
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.c7i.xlarge"
    assert project.scaled() == [("endpoint/modes/variant/AllTraffic", 1, 4)]

    again = project.release()
    assert again["CreationTime"] > serverless["CreationTime"]
    assert "CurrentServerlessConfig" in again["ProductionVariants"][0]
    assert project.scaled() == []


def test_a_failed_update_keeps_the_scaling_and_cleanup_removes_it(project: Project) -> None:
    healthy = project.release(endpoint_mode="realtime")
    with pytest.raises(ReleaseError, match=r"DeploymentFailed: .*not feeling well"):
        project.release({"sick": "yes"}, endpoint_mode="realtime")
    assert project.endpoint()["EndpointConfigName"] == healthy["EndpointConfigName"]
    policies = project.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="sagemaker")
    metrics = [p["TargetTrackingScalingPolicyConfiguration"] for p in policies["ScalingPolicies"]]
    assert [m["PredefinedMetricSpecification"]["PredefinedMetricType"] for m in metrics] == [
        "SageMakerVariantInvocationsPerInstance"
    ]

    deleted = cleanup(Settings(project="modes"), client=project.client, progress=Progress())
    assert "scalable target" in {resource.kind for resource in deleted}
    assert project.scaled() == []
