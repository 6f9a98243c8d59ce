"""CloudWatch Logs without a second copy of every event: the record of one is made when a query finds it.

Only a query gives out the pointers that GetLogRecord takes, and the engine makes what it misses then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch_logs as engine

_put = engine._put_log_events


def install() -> None:
    """Put the forgetting after the engine's PutLogEvents."""
    engine._put_log_events = put_log_events


def put_log_events(request: Mapping[str, Any]) -> object:
    """PutLogEvents."""
    answer = _put(request)
    group = engine._log_groups.get(request.get("logGroupName"), {"streams": {}})
    events = group["streams"].get(request.get("logStreamName"), {"events": []})["events"]
    for event in events[len(events) - len(request.get("logEvents", [])) :]:
        engine._log_records.pop(event["eventId"], None)
    return answer
