"""Classification against localaws, with a container that answers at once."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from scones.contract.layout import TAG
from scones.errors import ClassificationError, UsageError
from scones.progress import Progress
from scones.steps.batch.shards import MAX_SHARD_IMAGE_BYTES
from scones.steps.classify import Batch, BatchRequest, classify, summary

from .conftest import Lossy, Uploads

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKET = "batches"
# One such image fills a shard.
LARGE = 3 * 1024 * 1024


class Notes(Progress):
    def __init__(self) -> None:
        self.updates: list[tuple[int, int | None, str]] = []
        self.noted: list[str] = []

    def update(self, done: int, total: int | None = None, detail: str = "") -> None:
        self.updates.append((done, total, detail))

    def note(self, text: str) -> None:
        self.noted.append(text)


@dataclass
class Project:
    """A released model of that container image, and a folder of images."""

    server: Any
    folder: Path
    release: str

    def __post_init__(self) -> None:
        self.s3, self.sagemaker = Uploads(self.server.client("s3")), self.server.client("sagemaker")
        self.progress = Notes()
        role = "arn:aws:iam::000000000000:role/any"
        self.sagemaker.create_model(ModelName=self.release, PrimaryContainer={"Image": "lines"}, ExecutionRoleArn=role)

    def put(self, **images: bytes) -> None:
        for name, body in images.items():
            (self.folder / f"{name}.png").write_bytes(body)

    def classify(self, source: str | None = None, out: str = "out.jsonl", **options: Any) -> list[dict[str, Any]]:
        tags = [{"Key": TAG, "Value": "batch"}]
        request = BatchRequest(self.release, source or str(self.folder), BUCKET, "ml.m5.large", tags)
        path = self.folder / out
        classify(Batch(request, cast("S3Client", self.s3), self.sagemaker, self.progress, **options), path)
        return [json.loads(line) for line in path.read_text().splitlines()]

    def jobs(self) -> dict[str, str]:
        jobs = self.sagemaker.list_transform_jobs(NameContains=self.release)["TransformJobSummaries"]
        return {job["TransformJobName"]: job["TransformJobStatus"] for job in jobs}


@pytest.fixture(scope="module")
def server(start_localaws: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    image = f"lines={sys.executable} {Path(__file__).parents[1] / 'lines_image.py'}"
    with start_localaws(tmp_path_factory.mktemp("localaws"), "--image", image) as started:
        started.client("s3").create_bucket(Bucket=BUCKET)
        yield started


@pytest.fixture
def project(server: Any, tmp_path: Path) -> Project:
    return Project(server, tmp_path, f"batch-{uuid.uuid4().hex[:8]}")


def test_every_image_is_a_row_and_a_bad_one_has_its_error(project: Project) -> None:
    project.put(a=b"good", b=b"bad", c=b"good")
    rows = project.classify()
    assert [(row["key"], row["label"], row["error"]) for row in rows] == [
        ("a.png", "bicycle", None),
        ("b.png", None, "ImageRejectedError: it is bad"),
        ("c.png", "bicycle", None),
    ]
    assert (rows[0]["decision"], rows[0]["probability_motorcycle"], rows[0]["novelty"]) == ("accept", 0.25, 0.5)
    assert summary(rows) == {"images": 3, "accept": 2, "review": 0, "error": 1}
    assert (3, 3) in [(done, total) for done, total, _ in project.progress.updates]


def test_the_job_is_tagged_and_its_inputs_are_deleted_afterwards(project: Project) -> None:
    project.put(a=b"good")
    project.classify()
    (name,) = project.jobs()
    job = project.sagemaker.describe_transform_job(TransformJobName=name)
    tags = project.sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"]
    assert tags == [{"Key": TAG, "Value": "batch"}]
    stored = project.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"classifications/{project.release}/")["Contents"]
    assert ["/out/" in item["Key"] for item in stored] == [True]


def test_a_second_run_uploads_nothing_and_writes_the_same(project: Project) -> None:
    project.put(a=b"good", b=b"bad")
    first = project.classify()
    project.s3.keys.clear()
    assert project.classify() == first
    assert project.s3.keys == []
    assert len(project.jobs()) == 1


def test_after_a_failure_only_unanswered_shards_are_uploaded(project: Project) -> None:
    project.put(a=b"a" * LARGE, b=b"poison" * (LARGE // 6), c=b"c" * LARGE)
    with pytest.raises(ClassificationError, match=r"-1 Failed: AlgorithmError: .*run the command again for the rest"):
        project.classify()
    assert len(project.s3.keys) == 3
    project.put(b=b"b" * LARGE)
    project.s3.keys.clear()
    rows = project.classify()
    assert len(project.s3.keys) == 1
    assert sorted(project.jobs().values()) == ["Completed", "Failed"]
    assert [row["label"] for row in rows] == ["bicycle"] * 3


def test_after_ctrl_c_the_next_run_uses_the_answers_of_the_job(project: Project) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    go = project.folder / "go"
    project.put(a=f"after {go}".encode())
    with pytest.raises(KeyboardInterrupt):
        project.classify(sleep=interrupt)
    go.touch()
    (job,) = project.jobs()
    assert project.progress.noted == [f"{job} keeps running; run the same command again for its answers"]
    assert [row["label"] for row in project.classify()] == ["bicycle"]
    assert project.jobs() == {job: "Completed"}


@pytest.mark.parametrize("operation", ["create_transform_job", "describe_transform_job"])
def test_a_lost_answer_neither_ends_the_command_nor_starts_a_second_job(project: Project, operation: str) -> None:
    project.put(a=b"good")
    project.sagemaker = Lossy(project.sagemaker, operation)
    assert [row["label"] for row in project.classify(sleep=lambda seconds: time.sleep(0.1))] == ["bicycle"]
    assert list(project.jobs().values()) == ["Completed"]


def test_an_image_that_changes_is_classified_again(project: Project) -> None:
    project.put(a=b"bad")
    assert project.classify()[0]["error"]
    project.put(a=b"good")
    assert project.classify()[0]["label"] == "bicycle"


def test_images_in_s3_are_classified_by_their_keys(project: Project) -> None:
    for key in ("camera/1.jpg", "camera/2.jpg"):
        project.s3.client.put_object(Bucket=BUCKET, Key=f"{project.release}/{key}", Body=b"good")
    rows = project.classify(f"s3://{BUCKET}/{project.release}/camera/")
    assert [row["key"] for row in rows] == [f"{project.release}/camera/1.jpg", f"{project.release}/camera/2.jpg"]


def test_a_file_too_large_for_a_request_is_an_error_without_upload(project: Project) -> None:
    with (project.folder / "huge.png").open("wb") as file:
        file.truncate(MAX_SHARD_IMAGE_BYTES + 1)
    (row,) = project.classify()
    assert row["error"].startswith(f"ImageRejectedError: the file has {MAX_SHARD_IMAGE_BYTES + 1} bytes")
    assert project.jobs() == {}


def test_an_unwritable_output_is_an_error_before_any_upload(project: Project) -> None:
    project.put(a=b"good")
    with pytest.raises(UsageError, match="does not end in"):
        project.classify(out="out.xlsx")
    assert project.s3.keys == []
