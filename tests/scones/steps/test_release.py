import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.settings import Settings
from scones.steps.release import failure_reason, release_input


def test_the_reason_is_dug_out_of_a_failed_jobs_description() -> None:
    described = {"TrainingJobName": "scones-1", "FailureReason": "AlgorithmError: TrainingDivergedError: nan"}
    assert failure_reason(json.dumps(described)) == "AlgorithmError: TrainingDivergedError: nan"


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
        "data": "abc",
        "channels": ["train", "validation", *others[:1]],
        "test_channels": ["test", *others[1:]],
        "hyperparameters": {"seed": "7", "epochs": "3"},
        "minimum_accuracy": 0.5,
    }
