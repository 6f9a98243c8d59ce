import pytest

from scones.report.types import Run, not_entered, verdict


@pytest.mark.parametrize(
    ("outcome", "decided_by", "expected"),
    [
        ("DISPATCHED", "model", "accepted"),
        ("NO_ORDER", "model", "accepted"),
        ("DISPATCHED", "review", "review"),
        ("REVIEW_TIMED_OUT", "review", "review"),
        ("REJECTED", None, "rejected"),
        ("FAILED", "review", "failed"),
    ],
)
def test_a_verdict_says_who_decided(run: Run, outcome: str, decided_by: str | None, expected: str) -> None:
    decision = run["decisions"][0] | {"outcome": outcome, "decided_by": decided_by}
    assert verdict(decision) == expected  # type: ignore[arg-type]


def test_states_that_were_not_entered_share_no_lists() -> None:
    first = not_entered()
    first["seconds"].append(1.0)
    assert not_entered()["seconds"] == []
