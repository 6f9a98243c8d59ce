"""Deliver: upload images as arrivals, as the depot's camera does, and wait for their decisions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os.path import commonprefix, splitext
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scones.contract.delivery import Decision
from scones.contract.layout import ARRIVALS, DECISIONS
from scones.errors import DeliveryError, SconesError
from scones.progress import Progress
from scones.steps.run.patience import patiently
from scones.steps.storage.arrivals import ArrivalUploads
from scones.steps.storage.s3 import list_objects, read_json

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_POLL_SECONDS = 0.25
_MEANWHILE_SECONDS = 1.0


@dataclass(frozen=True)
class Schedule:
    """When images are uploaded, and how long decisions are awaited.

    `interval` is in seconds between two arrivals, `timeout` in seconds without a new decision; `meanwhile` is called
    once a second from the first arrival to the last decision, to look at reviews. Its errors are noted, and stop
    nothing. `decided` is called with each decision as soon as it is there, to show it.
    """

    interval: float = 0
    timeout: float = 300
    meanwhile: Callable[[], None] = lambda: None
    decided: Callable[[Decision], None] = lambda decision: None
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

    Each image is an arrival, also of a name that was used before; `ArrivalUploads` says which key it gets. Raises
    DeliveryError with the first image without a decision if `schedule.timeout` passes without a new one.
    """
    run = _Run(bucket, s3, progress, schedule or Schedule())
    try:
        names = run.upload(list(images))
        decisions = run.wait(names)
    finally:
        run.meanwhile.report()
    return _oldest_first(decisions)


def upload(
    images: Iterable[tuple[str, bytes]],
    *,
    bucket: str,
    s3: S3Client,
    progress: Progress,
    schedule: Schedule | None = None,
) -> list[str]:
    """Upload images as `deliver` does, without waiting for their decisions; return the keys of their arrivals."""
    run = _Run(bucket, s3, progress, schedule or Schedule())
    return [ARRIVALS + name for name in run.upload(list(images))]


class _Run:
    """One call of `deliver` or `upload`."""

    def __init__(self, bucket: str, s3: S3Client, progress: Progress, schedule: Schedule) -> None:
        self._bucket = bucket
        self._s3 = s3
        self._progress = progress
        self._schedule = schedule
        self.meanwhile = _Meanwhile(schedule, progress)

    def upload(self, pairs: Sequence[tuple[str, bytes]]) -> list[str]:
        """Upload the images and return the names of their arrivals."""
        # Without the suffixes, because what is appended to a name that is taken stands before the suffix.
        decided = self._decided([splitext(name)[0] for name, _ in pairs])
        uploads = ArrivalUploads(self._bucket, self._s3, decided, self._progress, self._schedule.sleep)
        names = []
        for name, content in pairs:
            names.append(uploads.upload(name, content))
            if names[-1] != name:
                self._progress.note(f"{name} has arrived before; this arrival is {names[-1]}")
            self._progress.update(0, len(pairs), f"{len(names)} of {len(pairs)} arrived")
            self.meanwhile()
            self._schedule.sleep(self._schedule.interval)
        return names

    def wait(self, names: Sequence[str]) -> dict[str, Decision]:
        """Return arrival -> decision, once each arrival has one."""
        timeout = self._schedule.timeout
        deadline = self._schedule.clock() + timeout
        decisions: dict[str, Decision] = {}
        while missing := sorted(set(names) - decisions.keys()):
            new = self._read(self._decided(names).intersection(missing))
            decisions |= new
            for decision in _oldest_first(new):
                self._schedule.decided(decision)
            self._progress.update(len(decisions), len(names), f"{len(decisions)} of {len(names)} decided")
            if new:
                deadline = self._schedule.clock() + timeout
            elif self._schedule.clock() > deadline:
                raise DeliveryError(_timeout_message(missing, len(names), timeout))
            else:
                self.meanwhile()
                self._schedule.sleep(_POLL_SECONDS)
        return decisions

    def _decided(self, names: Sequence[str]) -> set[str]:
        """Return the names of decided arrivals under the common prefix of these names."""
        # S3's prefixes are of characters, not of path components.
        prefix = DECISIONS + commonprefix(names)  # noqa: RUF071

        def look() -> list[str]:
            return [stored["Key"] for stored in list_objects(self._bucket, prefix, s3=self._s3)]

        keys = patiently(look, progress=self._progress, sleep=self._schedule.sleep)
        return {key.removeprefix(DECISIONS).removesuffix(".json") for key in keys}

    def _read(self, names: Iterable[str]) -> dict[str, Decision]:
        """Return arrival -> decision; a decision that was deleted since it was listed is left out."""

        def read(name: str) -> Decision | None:
            decision: Decision | None = read_json(self._bucket, f"{DECISIONS}{name}.json", s3=self._s3)
            return decision

        decisions = {
            name: patiently(partial(read, name), progress=self._progress, sleep=self._schedule.sleep) for name in names
        }
        return {name: decision for name, decision in decisions.items() if decision}


class _Meanwhile:
    """Calls the schedule's `meanwhile`, but not again within a second; notes its first error and counts the others."""

    def __init__(self, schedule: Schedule, progress: Progress) -> None:
        self._schedule = schedule
        self._progress = progress
        self._due = schedule.clock()
        self._n_failed = 0

    def __call__(self) -> None:
        if self._schedule.clock() < self._due:
            return
        try:
            self._schedule.meanwhile()
        except (BotoCoreError, ClientError, SconesError) as error:
            self._n_failed += 1
            if self._n_failed == 1:
                self._progress.note(f"the reviews could not be read: {error}; deliveries go on")
        # Counted from the end of the action, which may itself take longer than a second.
        self._due = self._schedule.clock() + _MEANWHILE_SECONDS

    def report(self) -> None:
        """Note how often the action failed, if it did."""
        if self._n_failed:
            self._progress.note(f"the reviews could not be read {self._n_failed} times; see `scones review`")


def _oldest_first(decisions: Mapping[str, Decision]) -> list[Decision]:
    return sorted(decisions.values(), key=lambda decision: decision["decided_at"])


def _timeout_message(missing: list[str], n_arrivals: int, timeout: float) -> str:
    return (
        f"{len(missing)} of {n_arrivals} arrivals have no decision after {timeout:.0f} s, the first is "
        f"{ARRIVALS}{missing[0]}; see `scones review`, `scones orders list` and `scones deliveries --failed`"
    )
