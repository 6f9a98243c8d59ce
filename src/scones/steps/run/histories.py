"""Histories: what the events of an execution say of each of its states.

Takes an event to be the state's that was entered last, which holds in machines without Parallel and Map.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scones.report.types import TimedState

_ENDED = re.compile(r"Task(Succeeded|Failed|TimedOut|StartFailed|SubmitFailed)")
# An error tells its call in the handler's own words, or in Lambda's where the process ended.
_REQUEST = re.compile(r'request_?id"?:\s*"?([0-9a-f-]{36})', re.IGNORECASE)


@dataclass
class _Visit:
    """One stay in a state, from its entering on; `ended` is when its last task did, `has_failed` whether it failed."""

    entered: datetime
    scheduled: datetime | None = None
    ended: datetime | None = None
    has_failed: bool = False
    attempts: int = 0
    called: float = 0.0
    waited: float = 0.0
    requests: list[str] = field(default_factory=list)

    def add(self, event: Mapping[str, Any]) -> None:
        at, kind = event["timestamp"], event["type"]
        if kind == "TaskScheduled":
            self.attempts += 1
            self.waited += (at - self.ended).total_seconds() if self.ended else 0.0
            self.scheduled = at
        elif _ENDED.fullmatch(kind) and self.scheduled:
            self.called += (at - self.scheduled).total_seconds()
            self.ended, self.has_failed = at, kind != "TaskSucceeded"
        self.requests += _requests(event)

    def leave(self, state: TimedState, at: datetime) -> None:
        state["seconds"].append((at - self.entered).total_seconds())
        state["called"] += self.called
        state["waited"] += self.waited
        state["caught"] += self.has_failed
        state["requests"] += self.requests


def add_history(states: Mapping[str, TimedState], events: Iterable[Mapping[str, Any]]) -> None:
    """Add one execution's history, oldest event first, to what is known of each state."""
    visits: dict[str, _Visit] = {}
    name = ""
    for event in events:
        if details := event.get("stateEnteredEventDetails"):
            name = details["name"]
            visits[name] = _Visit(event["timestamp"])
            states[name]["entered"] += 1
        elif details := event.get("stateExitedEventDetails"):
            visit = visits.pop(details["name"], None) or _Visit(event["timestamp"])
            visit.leave(states[details["name"]], event["timestamp"])
        elif name in visits:
            states[name]["retried"] += event["type"] == "TaskScheduled" and visits[name].attempts > 0
            visits[name].add(event)
    # A state that was entered and never left is where an execution failed, except the ones that end it.
    for name in visits:
        states[name]["failed"] += 1


def _requests(event: Mapping[str, Any]) -> list[str]:
    """The id of the call that an event tells of, where it does."""
    for kind in ("Succeeded", "Submitted"):
        if details := event.get(f"task{kind}EventDetails"):
            return _answered(details.get("output"))
    details = event.get("taskFailedEventDetails") or {}
    return _REQUEST.findall(details.get("cause") or "")[:1]


def _answered(output: str | None) -> list[str]:
    answer = json.loads(output or "null")
    request = answer.get("SdkResponseMetadata", {}).get("RequestId") if isinstance(answer, dict) else None
    return [request] if request else []
