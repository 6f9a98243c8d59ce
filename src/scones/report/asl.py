"""The states and transitions of an Amazon States Language definition. Runs where the operator sits; executes nothing.

It reads definitions that the engine has accepted, so it is lenient: a transition to a state that does not exist is
ignored. The states inside a Parallel or a Map belong to that one state. Source: states-language.net/spec.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["next", "choice", "default", "catch"]

COMPARISONS = {
    "Equals": "=",
    "EqualsPath": "=",
    "LessThan": "<",
    "LessThanPath": "<",
    "GreaterThan": ">",
    "GreaterThanPath": ">",
    "LessThanEquals": "≤",
    "LessThanEqualsPath": "≤",
    "GreaterThanEquals": "≥",
    "GreaterThanEqualsPath": "≥",
    "Matches": "matches",
}
OPERAND_TYPES = ("String", "Numeric", "Boolean", "Timestamp")


@dataclass(frozen=True)
class Transition:
    """A transition from `source` to `target`; `label` is the condition, or the errors that are caught."""

    source: str
    target: str
    kind: Kind
    label: str = ""


def states(definition: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the top-level states by name, `StartAt` first."""
    named: dict[str, Mapping[str, Any]] = definition.get("States") or {}
    start = str(definition.get("StartAt"))
    return {start: named[start], **named} if start in named else named


def transitions(definition: Mapping[str, Any]) -> list[Transition]:
    """Return the transitions between top-level states; those of one kind between the same two are joined to one."""
    named = states(definition)
    labels: dict[tuple[str, str, Kind], list[str]] = {}
    for name, state in named.items():
        for way in _ways(name, state):
            if way.target in named:
                labels.setdefault((way.source, way.target, way.kind), []).append(way.label)
    return [Transition(*ends, " or ".join(filter(None, parts))) for ends, parts in labels.items()]


def _ways(name: str, state: Mapping[str, Any]) -> Iterator[Transition]:
    if isinstance(state.get("Next"), str):
        yield Transition(name, state["Next"], "next")
    for rule in state.get("Choices") or ():
        yield Transition(name, str(rule.get("Next")), "choice", condition(rule))
    if isinstance(state.get("Default"), str):
        yield Transition(name, state["Default"], "default", "otherwise")
    for catcher in state.get("Catch") or ():
        yield Transition(name, str(catcher.get("Next")), "catch", ", ".join(map(str, catcher.get("ErrorEquals") or ())))


def condition(rule: Mapping[str, Any]) -> str:
    """Return a choice rule as one line: its JSONata condition without the delimiters, or its comparison in words."""
    if "Condition" in rule:
        return str(rule["Condition"]).removeprefix("{%").removesuffix("%}").strip()
    if "Not" in rule:
        return f"not ({condition(rule['Not'])})"
    for word in ("And", "Or"):
        if word in rule:
            return f" {word.lower()} ".join(condition(part) for part in rule[word])
    variable = str(rule.get("Variable", "")).removeprefix("$.")
    comparison = next((key for key in rule if key not in ("Variable", "Next", "Comment", "Assign", "Output")), "")
    return f"{variable} {_operator(comparison)} {rule.get(comparison, '')}".strip()


def _operator(comparison: str) -> str:
    for operand in OPERAND_TYPES:
        if comparison.startswith(operand):
            return COMPARISONS.get(comparison.removeprefix(operand), comparison)
    return comparison
