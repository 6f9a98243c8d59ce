"""Filtering, sorting and paging of the List operations, which all take the same parameters."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from localaws.services.sagemaker.errors import ValidationException
from localaws.services.sagemaker.store import Record

_DEFAULT_RESULTS = 10


def page(records: Iterable[Record], request: dict[str, Any], key: str, *, name: str, status: str = "") -> Record:
    """One page of `records` under `key`, with NextToken where more follow.

    `name` and `status` are the record's members that NameContains, SortBy and StatusEquals look at.
    Raises ValidationException for a NextToken that we did not give.
    """
    chosen = [record for record in records if _matches(record, request, name, status)]
    member = {"Name": name, "Status": status}.get(request.get("SortBy", ""), request.get("SortBy", "CreationTime"))
    descending = request.get("SortOrder", "Descending") == "Descending"
    chosen.sort(key=lambda record: record.get(member) or record["CreationTime"], reverse=descending)
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", _DEFAULT_RESULTS)
    token = {"NextToken": base64.urlsafe_b64encode(str(end).encode()).decode()} if end < len(chosen) else {}
    return {key: chosen[start:end], **token}


def _matches(record: Record, request: dict[str, Any], name: str, status: str) -> bool:
    if request.get("NameContains", "").lower() not in record[name].lower():
        return False
    if "StatusEquals" in request and record.get(status) != request["StatusEquals"]:
        return False
    # Nothing here has a warm pool or a training plan, so nothing matches one.
    if "WarmPoolStatusEquals" in request or "TrainingPlanArnEquals" in request:
        return False
    return all(
        _inside(record.get(member), request.get(f"{member}After"), request.get(f"{member}Before"))
        for member in ("CreationTime", "LastModifiedTime")
    )


def _inside(time: float | None, after: Any, before: Any) -> bool:
    if time is None:
        return True
    return (after is None or time >= _seconds(after)) and (before is None or time <= _seconds(before))


def _seconds(timestamp: float | str) -> float:
    if not isinstance(timestamp, str):
        return timestamp
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError as error:
        raise ValidationException(f"{timestamp!r} is not a timestamp") from error


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(token.encode())))
    except (ValueError, binascii.Error) as error:
        raise ValidationException("Invalid NextToken") from error
