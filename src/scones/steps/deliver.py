"""Deliver: puts pictures under `arrivals/`, as the camera at the gate does, and waits until each has its decision."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from scones.contract import ARRIVALS, DECISIONS, Decision
from scones.errors import DeliveryError
from scones.steps.progress import Step


def deliver(
    pictures: Iterable[tuple[str, bytes]],
    *,
    bucket: str,
    s3: Any,
    step: Step,
    interval: float = 0,
    timeout: float = 300,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Decision]:
    """Upload `(<driver>/<name>, bytes)` pairs and return their decisions, in the order in which they were made.

    `interval` is in seconds between two arrivals, `timeout` in seconds without a new decision. Raises DeliveryError
    naming the pictures that got none.
    """
    waiting = dict(pictures)
    for arrived, (name, image) in enumerate(waiting.items(), start=1):
        s3.put_object(Bucket=bucket, Key=ARRIVALS + name, Body=image)
        step.update(0, len(waiting), f"{arrived} of {len(waiting)} arrived")
        sleep(interval)
    decisions: dict[str, Decision] = {}
    deadline = clock() + timeout
    while len(decisions) < len(waiting):
        fresh = _decided(bucket, s3=s3) & waiting.keys() - decisions.keys()
        for name in fresh:
            stored = s3.get_object(Bucket=bucket, Key=f"{DECISIONS}{name}.json")
            decisions[name] = json.loads(stored["Body"].read())
        deadline = clock() + timeout if fresh else deadline
        step.update(len(decisions), len(waiting), f"{len(decisions)} of {len(waiting)} decided")
        if clock() > deadline:
            missing = sorted(waiting.keys() - decisions.keys())
            raise DeliveryError(
                f"{len(missing)} of {len(waiting)} arrivals have no decision after {timeout:.0f} s, the first is "
                f"{ARRIVALS}{missing[0]}; look at the delivery state machine's executions"
            )
        sleep(0.25)
    return sorted(decisions.values(), key=lambda decision: decision["decided_at"])


def _decided(bucket: str, *, s3: Any) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=DECISIONS)
    keys = (stored["Key"] for page in pages for stored in page.get("Contents", []))
    return {key.removeprefix(DECISIONS).removesuffix(".json") for key in keys}
