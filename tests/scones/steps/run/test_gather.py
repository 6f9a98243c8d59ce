import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import NotReleasedError
from scones.steps.run.gather import artifacts, decisions, lambda_run, released, transform_runs

COLD = (
    "REPORT RequestId: 1\tDuration: 12.50 ms\tBilled Duration: 300 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 61 MB\tInit Duration: 280.25 ms\t\n"
)
WARM = "REPORT RequestId: 2\tDuration: 2.25 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 63 MB\t\n"
START = datetime(2026, 11, 22, tzinfo=UTC)


def test_report_lines_become_invocations() -> None:
    run = lambda_run("scones-filter", ["START RequestId: 1", COLD, WARM, "END"])
    assert run == {
        "name": "scones-filter",
        "invocations": [
            {"request": "1", "run_ms": 12.5, "billed_ms": 300, "init_ms": 280.25},
            {"request": "2", "run_ms": 2.25, "billed_ms": 3, "init_ms": None},
        ],
        "memory_mb": 128,
        "max_memory_mb": 63,
    }


@given(st.lists(st.text()))
def test_log_lines_without_a_report_are_no_run(messages: list[str]) -> None:
    assert lambda_run("scones-filter", [message for message in messages if "REPORT" not in message]) is None


class Archive:
    """S3 that holds one model.tar.gz."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.body = io.BytesIO()
        with tarfile.open(fileobj=self.body, mode="w:gz") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert Key == "models/r1/output/model.tar.gz"
        return {"Body": io.BytesIO(self.body.getvalue())}


def test_what_training_wrote_is_read_out_of_the_archive() -> None:
    s3 = Archive({"./metrics.json": b'{"seed": 1}', "audit.json": b"[]", "model.onnx": b"\x00"})
    assert artifacts("b", "r1", s3=s3) == {"metrics.json": {"seed": 1}, "audit.json": []}


class Decided:
    """S3 with three decisions: of an earlier release, of this one, and of an execution that still runs."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def get_paginator(self, operation: str) -> "Decided":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        ages = {"earlier": -60, "this": 1, "running": 2}
        return [
            {"Contents": [{"Key": key, "LastModified": START + timedelta(seconds=age)} for key, age in ages.items()]}
        ]

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        self.read.append(Key)
        cause = json.dumps({"errorMessage": "no endpoint"}) if Key == "this" else None
        stored = {"execution": f"arn:aws:states:::execution:m:{Key}", "decided_at": Key, "cause": cause}
        return {"Body": io.BytesIO(json.dumps(stored).encode())}


def test_decisions_are_those_of_the_releases_deliveries_with_their_cause_in_a_sentence() -> None:
    s3: Any = Decided()
    delivery: Any = {"executions": [{"name": "earlier"}, {"name": "this"}]}
    found = decisions("b", START + timedelta(seconds=1, milliseconds=500), delivery, s3=s3)
    assert [(decision["decided_at"], decision["cause"]) for decision in found] == [("this", "no endpoint")]
    assert "earlier" not in s3.read


def test_without_the_deliveries_all_decisions_since_the_release_count() -> None:
    s3: Any = Decided()
    assert len(decisions("b", START, None, s3=s3)) == 2


class Jobs:
    """SageMaker with a job that has ended and one that has not."""

    def get_paginator(self, operation: str) -> "Jobs":
        assert operation == "list_transform_jobs"
        return self

    def paginate(self, NameContains: str) -> list[dict[str, Any]]:
        return [{"TransformJobSummaries": [{"TransformJobName": f"{NameContains}{n}"} for n in range(2)]}]

    def describe_transform_job(self, TransformJobName: str) -> dict[str, Any]:
        times = {"TransformStartTime": START} | (
            {"TransformEndTime": START + timedelta(seconds=9)} if TransformJobName.endswith("1") else {}
        )
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
        return {"TransformJobName": TransformJobName, "TransformResources": resources, **times}


def test_transform_jobs_that_have_ended_are_counted_by_instance_seconds() -> None:
    assert transform_runs("r1", sagemaker=Jobs()) == [{"name": "r1-1", "instance_type": "ml.m5.large", "seconds": 18.0}]


def test_the_newest_release_is_found(releases: Any) -> None:
    assert released("m", stepfunctions=releases("scones-1"))["name"] == "scones-1"


def test_without_a_release_there_is_no_model(releases: Any) -> None:
    with pytest.raises(NotReleasedError, match="no release has succeeded"):
        released("m", stepfunctions=releases(None))
