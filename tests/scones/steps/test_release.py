import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from scones.errors import UsageError
from scones.settings import Settings
from scones.steps.release import MOST_BACKBONE_BYTES, failure_reason, release_input, training_progress, upload_backbone


def test_the_reason_is_dug_out_of_a_failed_jobs_description() -> None:
    described = {"TrainingJobName": "scones-1", "FailureReason": "AlgorithmError: TrainingDivergedError: nan"}
    assert failure_reason(json.dumps(described)) == "AlgorithmError: TrainingDivergedError: nan"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fold=2 epoch=3 train_loss=0.4 validation_accuracy=0.8012", "fold 2, epoch 3, validation accuracy 0.8012"),
        ("final epoch=3 train_loss=0.4123 train_accuracy=0.8100", "last fit, epoch 3"),
        ("reading images\n", "reading images"),
    ],
)
def test_a_line_of_the_training_log_says_which_fit_is_how_far(line: str, told: str) -> None:
    assert training_progress(line) == told


def test_the_reason_is_dug_out_of_a_lambdas_error() -> None:
    cause = json.dumps({"errorType": "ModelBelowGateError", "errorMessage": "accuracy 0.5 is below 0.8"})
    assert failure_reason(json.dumps({"Error": "x", "Cause": cause})) == "accuracy 0.5 is below 0.8"


@given(st.text() | st.dictionaries(st.text(), st.text() | st.integers()).map(json.dumps))
def test_any_cause_gives_some_reason(cause: str) -> None:
    assert isinstance(failure_reason(cause), str)


@pytest.mark.parametrize("others", [[], ["negatives"], ["negatives", "test-negatives"]])
def test_a_release_is_named_after_the_project_and_the_second(others: list[str]) -> None:
    settings = Settings(project="depot", seed=7, minimum_accuracy=0.5)
    settings = settings.model_copy(update={"hyperparameters": {"epochs": "3"}})
    counts = {split: 3 * (split in others) for split in ("negatives", "test-negatives")}
    staged: Any = {"digest": "abc", "negatives": counts}
    request = release_input(settings, staged, now=datetime(2026, 11, 22, 18, 30, 5, tzinfo=UTC))
    assert request == {
        "name": "depot-20261122-183005",
        "digest": "abc",
        "channels": [{"name": split, "prefix": f"data/abc/{split}/"} for split in ("train", "validation", *others[:1])],
        "test_channels": [{"name": split, "prefix": f"data/abc/{split}/"} for split in ("test", *others[1:])],
        "hyperparameters": {"seed": "7", "epochs": "3"},
        "minimum_accuracy": 0.5,
    }


def test_weights_to_start_from_are_a_channel_of_the_training_job_alone(tmp_path: Path) -> None:
    staged: Any = {"digest": "abc", "negatives": {"negatives": 0, "test-negatives": 0}}
    weights = tmp_path / "w.npz"
    np.savez(weights, stem=np.zeros(3, np.float16))
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="depot")
        prefix = upload_backbone(weights, bucket="depot", s3=s3)
        assert s3.get_object(Bucket="depot", Key=f"{prefix}weights.npz")["Body"].read() == weights.read_bytes()
    request = release_input(Settings(), staged, backbone=prefix)
    assert request["channels"][-1] == {"name": "backbone", "prefix": prefix}
    assert [channel["name"] for channel in request["test_channels"]] == ["test"]


@pytest.mark.parametrize("content", [b"no zip", bytes(MOST_BACKBONE_BYTES + 1)], ids=["no zip", "too large"])
def test_what_cannot_be_weights_is_not_uploaded(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(UsageError, match=r"must be an \.npz file of at most 16 MB; make one with tools/pretrain.py"):
        upload_backbone(tmp_path / "w.npz", bucket="depot", s3=None)
