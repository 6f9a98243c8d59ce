"""Results written by version 0.1.0, with today's field names."""

from __future__ import annotations

from typing import Any


def current_release_input(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a release's input; 0.1.0 called the digest `data`."""
    return _renamed(stored, {"data": "digest"})


def current_decision(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a decision; 0.1.0 called the arrival's id `arrival`, and said who decided with `gate`."""
    found = _renamed(stored, {"arrival": "arrival_id", "gate": "decided_by"})
    if found.get("decided_by") == "accept":
        found["decided_by"] = "model"
    return found


def current_audit(stored: dict[str, Any]) -> dict[str, Any]:
    """Return an audit; 0.1.0 called its lists `suspects` and `odd`."""
    return _renamed(stored, {"suspects": "label_issues", "odd": "outliers"})


def current_evaluation(stored: dict[str, Any]) -> dict[str, Any]:
    """Return an evaluation; 0.1.0 called the reliability `trust`, and its bins `reliability`."""
    found = _renamed(stored, {"trust": "reliability"})
    if "bins" not in found.get("reliability", {"bins": []}):
        found["reliability"] = _renamed(found["reliability"], {"reliability": "bins"})
    return found


def _renamed(stored: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return the same fields, those in `names` under their new name; a field that has it already is kept."""
    return {names.get(name, name): value for name, value in stored.items() if names.get(name) not in stored}
