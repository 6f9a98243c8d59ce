"""The history of an execution that has ended: its events, compressed, and unpacked at each access.

A history holds every state's input and output several times, and most histories are never read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

from ministack.services import stepfunctions as engine

Event = dict[str, Any]

# Histories repeat themselves so much that the fastest level is enough.
_LEVEL = 1


class History(Sequence[Event]):
    """The compressed events of an execution; takes the place of ministack's list of them."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._pack(events)

    def _pack(self, events: Sequence[Event]) -> None:
        self._number = len(events)
        self._packed = zlib.compress(json.dumps(list(events)).encode(), _LEVEL)

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._events()[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events())

    def append(self, event: Event) -> None:
        """Add an event that comes after the end, as that of a StopExecution."""
        self._pack([*self, event])

    def _events(self) -> list[Event]:
        events: list[Event] = json.loads(zlib.decompress(self._packed))
        return events


def packing(run: Callable[[str], None]) -> Callable[[str], None]:
    """Return `run`, which runs an execution by its ARN, so that it packs the history afterwards."""

    def run_and_pack(execution_arn: str) -> None:
        run(execution_arn)
        execution = engine._executions.get(execution_arn)
        if execution and execution["status"] != "RUNNING":
            execution["events"] = History(execution["events"])

    return run_and_pack
