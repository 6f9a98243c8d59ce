from __future__ import annotations

import pytest

from scones.report.assessment import Assessment, assess
from scones.report.types import Run


def said(run: Run, left: list[str] | None = None) -> tuple[bool, str]:
    found: Assessment = assess(run, left)
    return found["usable"], " ".join([found["answer"], *found["reasons"]]).replace("\u00a0", " ")


def test_a_model_of_photographs_that_passed_the_gate_may_be_used(run: Run) -> None:
    run["manifest"]["sketches"] = False
    usable, text = said(run)
    assert usable
    assert text.startswith("Yes: the model passed the release gate and was deployed.")
    assert "Accuracy on the test set: 87.5 % (95 % interval 82.2 % to 91.4 %, n = 200)." in text
    assert "The gate requires 80.0 %." in text
    assert "more test images" not in text


def test_a_model_of_sketches_is_for_demonstrations_only(run: Run) -> None:
    assert said(run)[1].startswith("For demonstrations only")


def test_an_interval_that_contains_the_minimum_is_called_unclear(run: Run) -> None:
    run["facts"]["minimum_accuracy"] = 0.85
    assert "The interval contains this minimum: more test images would give a clearer result." in said(run)[1]


def test_the_certificate_is_one_sentence_for_all_classes(run: Run) -> None:
    assert (
        "with 95.0 % confidence, the error rate is at most 1.32 % for bicycle among accepted images; "
        "every image classified as motorcycle goes to review." in said(run)[1]
    )


@pytest.mark.parametrize(
    ("error", "state", "expected"),
    [
        ("ModelBelowGateError", "Gate", "No: the release gate stopped the model. Reason: accuracy 0.7 is below 0.8"),
        ("TrainingFailed", "Train", "No: the release ended as FAILED in state Train with TrainingFailed."),
    ],
)
def test_a_release_that_did_not_succeed_may_not_be_used(run: Run, error: str, state: str, expected: str) -> None:
    cause = "accuracy 0.7 is below 0.8"
    run["facts"] |= {"status": "FAILED", "error": error, "failed_state": state, "cause": cause, "model_package": None}
    usable, text = said(run)
    assert not usable
    assert text.startswith(expected)


def test_a_release_without_an_evaluation_says_so(run: Run) -> None:
    run["evaluation"] = None
    run["facts"]["minimum_accuracy"] = None
    assert "The model was not evaluated." in said(run)[1]


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (None, "Cleanup: not run yet, so the resources of the project still exist."),
        ([], "Cleanup: nothing is left."),
        (["bucket b", "table t"], "Cleanup: 2 left: bucket b, table t."),
    ],
)
def test_what_is_left_after_cleanup_ends_the_answer(run: Run, left: list[str] | None, expected: str) -> None:
    assert said(run, left)[1].endswith(expected)
