"""The answer that the report begins with: whether this model may be used, and why. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

from scones.contract.release import Certificate
from scones.report.formatting import listed, percent
from scones.report.types import ReleaseFacts, Run


class Assessment(TypedDict):
    """The answer in one sentence, and the sentences that support it; `usable` is false if the release failed."""

    usable: bool
    answer: str
    reasons: list[str]


def assess(run: Run, left: Sequence[str] | None) -> Assessment:
    """Return whether the model of a run may be used; `left` names what a cleanup left, None before any cleanup."""
    facts = run["facts"]
    usable = facts["status"] == "SUCCEEDED"
    answer = _permission(run) if usable else _refusal(facts)
    failure = f"Reason: {facts['cause']}" if facts["cause"] and not usable else None
    reasons = [failure, _accuracy(run), _certificate(run), _remains(left)]
    return Assessment(usable=usable, answer=answer, reasons=[reason for reason in reasons if reason])


def _permission(run: Run) -> str:
    if run["manifest"]["sketches"]:
        return "For demonstrations only: the model passed the release gate, but it was trained on sketches."
    return "Yes: the model passed the release gate and was deployed."


def _refusal(facts: ReleaseFacts) -> str:
    if facts["error"] == "ModelBelowGateError":
        return "No: the release gate stopped the model."
    state = f" in state {facts['failed_state']}" if facts["failed_state"] else ""
    return f"No: the release ended as {facts['status']}{state} with {facts['error'] or 'no error'}."


def _accuracy(run: Run) -> str | None:
    if run["evaluation"] is None:
        return "The model was not evaluated."
    accuracy = run["evaluation"]["accuracy"]
    span = f"95 % interval {percent(accuracy['low'])} to {percent(accuracy['high'])}, n = {accuracy['n']}"
    measured = f"Accuracy on the test set: {percent(accuracy['value'])} ({span})."
    minimum = run["facts"]["minimum_accuracy"]
    if minimum is None:
        return measured
    # The gate compares the value alone, so a pass may be chance if the interval contains the minimum.
    is_close = accuracy["low"] < minimum <= accuracy["high"]
    doubt = " The interval contains this minimum: more test images would give a clearer result." if is_close else ""
    return f"{measured} The gate requires {percent(minimum)}.{doubt}"


def _certificate(run: Run) -> str | None:
    measured = run["evaluation"].get("reliability") if run["evaluation"] else None
    if not run["evaluation"] or not measured or not measured["certificates"]:
        return None
    pairs = list(zip(run["evaluation"]["classes"], measured["certificates"], strict=False))
    bounds = [f"{percent(found['bound'], 2)} for {name}" for name, found in pairs if _accepts(found)]
    closed = [name for name, found in pairs if not _accepts(found)]
    confidence = percent(1 - math.fsum(found["delta"] for _, found in pairs))
    certified = f"at most {listed(bounds)} among accepted images" if bounds else "not certified for any class"
    reviewed = f"; every image classified as {listed(closed)} goes to review" if closed else ""
    return f"Acceptance certificate: with {confidence} confidence, the error rate is {certified}{reviewed}."


def _accepts(certificate: Certificate) -> bool:
    return certificate["threshold"] <= 1


def _remains(left: Sequence[str] | None) -> str:
    if left is None:
        return "Cleanup: not run yet, so the resources of the project still exist."
    if not left:
        return "Cleanup: nothing is left."
    return f"Cleanup: {len(left)} left: {', '.join(left)}."
