"""Timings of states, from the events of an execution's history.

Assigns an event to the state that was entered last, which is correct for machines without Parallel and Map states.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scones.report.types import TimedState

_TASK_ENDED = re.compile(r"Task(Succeeded|Failed|TimedOut|StartFailed|SubmitFailed)")
# A failed task has the request's id in its cause: as `requestId` in the handler's error, or as `RequestId` in Lambda's
# own message if the process ended.
_REQUEST = re.compile(r'request_?id"?:\s*"?([0-9a-f-]{36})', re.IGNORECASE)


_CALLBACK = ".waitForTaskToken"


@dataclass
class _Visit:
    """One stay in a state; `ended` is when its last task attempt ended. Durations are in seconds."""

    entered: datetime
    scheduled: datetime | None = None
    ended: datetime | None = None
    has_failed: bool = False
    attempts: int = 0
    called: float = 0.0
    waited: float = 0.0
    requests: list[str] = field(default_factory=list)

    def add(self, event: Mapping[str, Any]) -> None:
        timestamp = event["timestamp"]
        kind = event["type"]
        if kind == "TaskScheduled":
            self.attempts += 1
            # The time between the end of an attempt and the next one is the backoff of the state's Retry.
            self.waited += (timestamp - self.ended).total_seconds() if self.ended else 0.0
            self.scheduled = timestamp
        elif _TASK_ENDED.fullmatch(kind) and self.scheduled:
            self.called += (timestamp - self.scheduled).total_seconds()
            self.ended = timestamp
            self.has_failed = kind != "TaskSucceeded"
        self.requests += _request_ids(event)

    def leave(self, state: TimedState, timestamp: datetime) -> None:
        state["seconds"].append((timestamp - self.entered).total_seconds())
        state["called"] += self.called
        state["waited"] += self.waited
        # The last attempt failed and yet the state was left: a Catch took the error.
        state["caught"] += self.has_failed
        state["requests"] += self.requests


def add_history(states: Mapping[str, TimedState], events: Iterable[Mapping[str, Any]]) -> None:
    """Add the events of one execution, oldest first, to the timings of the states.

    `states` is state name -> timings, with an entry for each state that the events name, such as a defaultdict.
    """
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
    # A failed execution never leaves its last state: a Succeed state has an exit event, a Fail state has none.
    for name in visits:
        states[name]["failed"] += 1


def review_seconds(events: Iterable[Mapping[str, Any]]) -> float:
    """Return the seconds in which an execution waited for a task token to be returned, as a review does."""
    seconds = 0.0
    asked: datetime | None = None
    for event in events:
        resource = (event.get("taskSubmittedEventDetails") or {}).get("resource", "")
        if resource.endswith(_CALLBACK):
            asked = event["timestamp"]
        elif asked and _TASK_ENDED.fullmatch(event["type"]):
            seconds += (event["timestamp"] - asked).total_seconds()
            asked = None
    return seconds


def _request_ids(event: Mapping[str, Any]) -> list[str]:
    """Return the id of the request that an event is about, or no id."""
    for kind in ("Succeeded", "Submitted"):
        if details := event.get(f"task{kind}EventDetails"):
            return _request_id_of_output(details.get("output"))
    details = event.get("taskFailedEventDetails") or {}
    return _REQUEST.findall(details.get("cause") or "")[:1]


def _request_id_of_output(output: str | None) -> list[str]:
    response = json.loads(output or "null")
    request = response.get("SdkResponseMetadata", {}).get("RequestId") if isinstance(response, dict) else None
    return [request] if request else []
