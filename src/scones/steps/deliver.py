"""Deliver: puts pictures under `arrivals/`, as the camera at the gate does, and waits until each has its decision."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from os.path import commonprefix
from typing import Any

from scones.contract.delivery import Decision
from scones.contract.layout import ARRIVALS, DECISIONS
from scones.errors import DeliveryError
from scones.progress import Progress
from scones.steps.storage.s3 import list_objects, read_json

_POLL_SECONDS, _LOOK_SECONDS = 0.25, 1.0


def deliver(
    pictures: Iterable[tuple[str, bytes]],
    *,
    bucket: str,
    s3: Any,
    progress: Progress,
    interval: float = 0,
    meanwhile: Callable[[], None] = lambda: None,
    timeout: float = 300,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Decision]:
    """Upload `(<driver>/<name>, bytes)` pairs and return their decisions, in the order in which they were made.

    `interval` is in seconds between two arrivals, `timeout` in seconds without a new decision; `meanwhile` is called
    once a second from the first arrival to the last decision. Raises DeliveryError naming the pictures that got none.
    """
    waiting, look = dict(pictures), _once_a_second(meanwhile, clock)
    # S3's prefixes go by character, not by folder.
    prefix = DECISIONS + commonprefix(list(waiting))  # noqa: RUF071
    # A picture of the same name may have been decided before; its decision is another object by then.
    before = _etags(bucket, prefix, s3=s3)
    for arrived, (name, image) in enumerate(waiting.items(), start=1):
        s3.put_object(Bucket=bucket, Key=ARRIVALS + name, Body=image)
        progress.update(0, len(waiting), f"{arrived} of {len(waiting)} arrived")
        look()
        sleep(interval)
    decisions: dict[str, Decision] = {}
    deadline = clock() + timeout
    while missing := sorted(waiting.keys() - decisions.keys()):
        after = _etags(bucket, prefix, s3=s3)
        fresh = [name for name in missing if after.get(name) != before.get(name)]
        decisions |= {name: read_json(bucket, _decision_key(name), s3=s3) for name in fresh}
        progress.update(len(decisions), len(waiting), f"{len(decisions)} of {len(waiting)} decided")
        if fresh:
            deadline = clock() + timeout
        elif clock() > deadline:
            raise DeliveryError(_late(missing, len(waiting), timeout))
        else:
            look()
            sleep(_POLL_SECONDS)
    return sorted(decisions.values(), key=lambda decision: decision["decided_at"])


def _once_a_second(action: Callable[[], None], clock: Callable[[], float]) -> Callable[[], None]:
    """`action`, at most so often however often it is called."""
    due = clock()

    def act() -> None:
        nonlocal due
        if clock() >= due:
            action()
            due = clock() + _LOOK_SECONDS

    return act


def _decision_key(name: str) -> str:
    return f"{DECISIONS}{name}.json"


def _etags(bucket: str, prefix: str, *, s3: Any) -> dict[str, str]:
    """Return arrival -> ETag of its decision, for the decisions under a prefix."""
    stored = list_objects(bucket, prefix, s3=s3)
    return {item["Key"].removeprefix(DECISIONS).removesuffix(".json"): item["ETag"] for item in stored}


def _late(missing: list[str], sent: int, timeout: float) -> str:
    return (
        f"{len(missing)} of {sent} arrivals have no decision after {timeout:.0f} s, the first is "
        f"{ARRIVALS}{missing[0]}; see `scones review`, `scones orders list` and `scones deliveries --failed`"
    )
