"""Decisions as lines on the terminal: what happened to an image, why, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from scones.contract.layout import ARRIVALS

if TYPE_CHECKING:
    from scones.contract.delivery import Assignment, Decision

_REDRIVE: Final = "retry with `scones deliveries --redrive`"
_REMEDIES: Final = {
    "EndpointUnavailableError": "run `scones release`, then `scones deliveries --redrive`",
}


def decision_line(decision: Decision) -> str:
    """Return a decision as one line: image, outcome, vehicle and who decided, then the order or the cause."""
    parts = [_vehicle(decision), _result(decision)]
    image = decision["s3_key"].removeprefix(ARRIVALS)
    return f"{image}  {decision['outcome']}  {'; '.join(part for part in parts if part)}"


def summary_line(decisions: Sequence[Decision]) -> str:
    """Return how many decisions have each outcome."""
    counts = Counter(decision["outcome"] for decision in decisions)
    return f"{len(decisions)} decided: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())


def remedy(error: str | None) -> str:
    """Return what to do about a failed delivery, by the name of its error."""
    return _REMEDIES.get(error or "", _REDRIVE)


def _vehicle(decision: Decision) -> str:
    """Return the class, its confidence, and who decided; empty if the delivery ended before the model was called."""
    prediction = ""
    if decision["label"] is not None and decision["confidence"] is not None:
        prediction = f"{decision['label']} {decision['confidence']:.3f}"
    if review := decision["review"]:
        doubted = f" (the model: {prediction})" if prediction else ""
        return f"{review['answer']}, decided by {review['reviewer']}{doubted}"
    # Such a decision was left to a person, whose answer is missing.
    if decision["decided_by"] == "review":
        return f"{prediction}, not accepted by the model"
    return f"{prediction}, decided by the model" if decision["decided_by"] else prediction


def _result(decision: Decision) -> str:
    if assignment := decision["assignment"]:
        return _order(assignment)
    match decision["outcome"]:
        case "NO_ORDER":
            return "no suitable order in half an hour; add one with `scones orders add` and deliver again"
        case "REVIEW_TIMED_OUT":
            return "nobody answered in time; deliver again, and answer with `scones review`"
        case "REJECTED":
            return f"{_cause(decision)}; deliver another image"
        case "FAILED":
            return f"{_cause(decision)}; {remedy(decision['error'])}"
    return ""


def _order(assignment: Assignment) -> str:
    return (
        f"order {assignment['order_id']}, {assignment['distance_km']:.1f} km, {assignment['bay']}, "
        f"at the lowest expected cost of all suitable orders: {assignment['expected_cost_minutes']:.1f} min"
    )


def _cause(decision: Decision) -> str:
    known = [text for text in (decision["error"], decision["cause"]) if text]
    return ": ".join(known) or "no cause given"
