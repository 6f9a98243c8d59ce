import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.steps.run.compatibility import (
    current_audit,
    current_decision,
    current_evaluation,
    current_release_input,
)

NAMES = ("data", "digest", "arrival", "arrival_id", "gate", "decided_by", "suspects", "odd", "trust", "reliability")


@pytest.mark.parametrize(("gate", "decided_by"), [("accept", "model"), ("review", "review"), (None, None)])
def test_an_earlier_decision_says_who_decided(gate: str | None, decided_by: str | None) -> None:
    stored = {"arrival": "a1", "gate": gate, "outcome": "DISPATCHED"}
    assert current_decision(stored) == {"arrival_id": "a1", "decided_by": decided_by, "outcome": "DISPATCHED"}


def test_an_earlier_release_names_its_data_set_by_digest() -> None:
    assert current_release_input({"name": "r", "data": "3f2a"}) == {"name": "r", "digest": "3f2a"}


def test_an_earlier_evaluation_has_reliability_with_bins() -> None:
    stored = {"model": "m", "trust": {"brier": 0.1, "reliability": [1]}}
    assert current_evaluation(stored) == {"model": "m", "reliability": {"brier": 0.1, "bins": [1]}}


def test_an_earlier_audit_has_label_issues_and_outliers() -> None:
    assert current_audit({"suspects": [1], "odd": [2]}) == {"label_issues": [1], "outliers": [2]}


@given(
    stored=st.dictionaries(
        st.sampled_from(NAMES[:-2]) | st.text().filter(lambda name: name not in NAMES), st.integers()
    )
)
@pytest.mark.parametrize("current", [current_audit, current_decision, current_evaluation, current_release_input])
def test_what_is_current_stays_as_it_is(current, stored) -> None:  # type: ignore[no-untyped-def]
    once = current(stored)
    assert current(once) == once
