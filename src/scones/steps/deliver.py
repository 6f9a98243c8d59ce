"""Deliver: upload images as arrivals, as the depot's camera does, and wait for their decisions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os.path import commonprefix
from typing import TYPE_CHECKING

from scones.contract.delivery import Decision
from scones.contract.layout import ARRIVALS, DECISIONS
from scones.errors import DeliveryError
from scones.progress import Progress
from scones.steps.storage.s3 import list_objects, read_json

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_POLL_SECONDS = 0.25
_MEANWHILE_SECONDS = 1.0


@dataclass(frozen=True)
class Schedule:
    """When images are uploaded, and how long decisions are awaited.

    `interval` is in seconds between two arrivals, `timeout` in seconds without a new decision; `meanwhile` is called
    once a second from the first arrival to the last decision.
    """

    interval: float = 0
    timeout: float = 300
    meanwhile: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def deliver(
    images: Iterable[tuple[str, bytes]],
    *,
    bucket: str,
    s3: S3Client,
    progress: Progress,
    schedule: Schedule | None = None,
) -> list[Decision]:
    """Upload images, pairs of `<driver>/<name>` and content, and return their decisions, oldest first.

    Raises DeliveryError with the first image without a decision if `schedule.timeout` passes without a new one.
    """
    schedule = schedule or Schedule()
    arrivals = dict(images)
    act_meanwhile = _once_a_second(schedule.meanwhile, schedule.clock)
    # S3's prefixes are of characters, not of path components.
    prefix = DECISIONS + commonprefix(list(arrivals))  # noqa: RUF071
    # An image of the same name may have a decision from an earlier run; the new decision has another ETag.
    old_etags = _etags(bucket, prefix, s3=s3)
    for uploaded, (name, content) in enumerate(arrivals.items(), start=1):
        s3.put_object(Bucket=bucket, Key=ARRIVALS + name, Body=content)
        progress.update(0, len(arrivals), f"{uploaded} of {len(arrivals)} arrived")
        act_meanwhile()
        schedule.sleep(schedule.interval)
    decisions: dict[str, Decision] = {}
    deadline = schedule.clock() + schedule.timeout
    while missing := sorted(arrivals.keys() - decisions.keys()):
        etags = _etags(bucket, prefix, s3=s3)
        new = [name for name in missing if etags.get(name) != old_etags.get(name)]
        decisions |= {name: read_json(bucket, f"{DECISIONS}{name}.json", s3=s3) for name in new}
        progress.update(len(decisions), len(arrivals), f"{len(decisions)} of {len(arrivals)} decided")
        if new:
            deadline = schedule.clock() + schedule.timeout
        elif schedule.clock() > deadline:
            raise DeliveryError(_timeout_message(missing, len(arrivals), schedule.timeout))
        else:
            act_meanwhile()
            schedule.sleep(_POLL_SECONDS)
    return sorted(decisions.values(), key=lambda decision: decision["decided_at"])


def _once_a_second(action: Callable[[], None], clock: Callable[[], float]) -> Callable[[], None]:
    """Return a function that calls `action`, but not again within a second."""
    due = clock()

    def act() -> None:
        nonlocal due
        if clock() >= due:
            action()
            # Counted from the end of the action, which may itself take longer than a second.
            due = clock() + _MEANWHILE_SECONDS

    return act


def _etags(bucket: str, prefix: str, *, s3: S3Client) -> dict[str, str]:
    """Return arrival -> ETag of its decision, for the decisions under a prefix."""
    decisions = list_objects(bucket, prefix, s3=s3)
    return {stored["Key"].removeprefix(DECISIONS).removesuffix(".json"): stored["ETag"] for stored in decisions}


def _timeout_message(missing: list[str], n_arrivals: int, timeout: float) -> str:
    return (
        f"{len(missing)} of {n_arrivals} arrivals have no decision after {timeout:.0f} s, the first is "
        f"{ARRIVALS}{missing[0]}; see `scones review`, `scones orders list` and `scones deliveries --failed`"
    )
