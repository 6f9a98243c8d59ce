"""Saves changes before the answer that acknowledges them: one saver for the server, with a thread of its own.

When a request ends, the entries that it touched are compared with what is on disk. Once a second all entries are, for
those that change without a request, such as a running execution.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import logging
import operator
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from ministack.core import persistence as engine

from localaws.persistence import marks
from localaws.persistence.marks import Mark
from localaws.persistence.rows import RowKey, Rows
from localaws.persistence.snapshot import GONE, LIVE_STORES, Entry, Scoped, StoredEntry, entries, entries_at, state_of

# Requests that come by the thousand, and the only service whose state they change. For these just the marked entries
# are compared, and for all others every entry of each service that was touched.
FREQUENT = {
    "PutItem": "dynamodb",
    "UpdateItem": "dynamodb",
    "DeleteItem": "dynamodb",
    "BatchWriteItem": "dynamodb",
    "TransactWriteItems": "dynamodb",
    "StartExecution": "stepfunctions",
    # ministack writes the object to a file; the only other change is an execution that its notification starts.
    "PutObject": "stepfunctions",
    "PutLogEvents": "cloudwatch_logs",
    "PutMetricData": "cloudwatch",
}
_LOG = logging.getLogger("localaws")
_SWEEP_SECONDS = 1.0

_Place = tuple[str, tuple[Any, ...]]
# Service -> the places to compare, or None for all of them.
_Work = dict[str, set[_Place] | None]


class _Known(NamedTuple):
    """One entry as it is on disk: the digest of its JSON and the stamp that it was read with."""

    digest: bytes
    stamp: tuple[object, ...] | None

    def is_unchanged(self, entry: Entry) -> bool:
        return self.stamp is not None and entry.stamp is not None and all(map(operator.is_, self.stamp, entry.stamp))


class _Diff(NamedTuple):
    """The rows to write and to remove, and the entries to remember (None: to forget) once that has succeeded."""

    changed: list[tuple[RowKey, str]]
    removed: list[RowKey]
    learnt: list[tuple[str, _Place, _Known | None]]


class Saver:
    """Saves the state of the services; `modules` returns the loaded ones by the name of their state."""

    def __init__(self, rows: Rows, modules: Callable[[], Mapping[str, ModuleType]]) -> None:
        self._rows = rows
        self._modules = modules
        self._known: dict[str, dict[_Place, _Known]] = {}
        self._owner: dict[int | str, tuple[str, str]] = {}
        self._owned: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="localaws-saver")
        self._round = asyncio.Lock()
        self._waiting: _Work = {}
        self._next: asyncio.Task[None] | None = None

    def load(self, get_module: Callable[[str], ModuleType], names: Mapping[str, str]) -> None:
        """Load the saved state into every service; `names` maps the name of a state to that of its module."""
        stored: dict[str, list[StoredEntry]] = {}
        for key, text in self._rows.read():
            place = key.store, ast.literal_eval(key.entry)
            value = json.loads(text, object_hook=engine._json_object_hook)
            self._known.setdefault(key.service, {})[place] = _Known(_digest(text), None)
            stored.setdefault(key.service, []).append((*place, value))
        for service, entries_of_service in stored.items():
            if service in names:
                get_module(names[service]).load_persisted_state(state_of(service, entries_of_service))

    def track(self, operation: str) -> Callable[[], Awaitable[None]]:
        """Begin a request and return the function that saves what it may have changed.

        Requests that end at the same time are saved together, in one transaction.
        """
        marked = marks.begin()

        async def save() -> None:
            self._add(self._work_of(operation, marked))
            if self._next is None:
                self._next = asyncio.get_running_loop().create_task(self._save_waiting())
            # A client that disconnects cancels its own request, which must not cancel the others' save.
            await asyncio.shield(self._next)

        return save

    def _work_of(self, operation: str, marked: Collection[Mark]) -> _Work:
        owners = self._owners()
        # Copied, because threads that the request has started may still add marks.
        found = [(*owners[store], key) for store, key in list(marked) if store in owners]
        only = FREQUENT.get(operation)
        if only is None:
            return {service: None for service, _, _ in found}
        return {only: {(store, key) for service, store, key in found if service == only}}

    def _add(self, work: _Work) -> None:
        for service, places in work.items():
            waiting = self._waiting.setdefault(service, set())
            self._waiting[service] = None if waiting is None or places is None else waiting | places

    async def _save_waiting(self) -> None:
        async with self._round:
            # Requests that end while this round writes start the next one: they must not be told it covered them.
            work = self._waiting
            self._waiting = {}
            self._next = None
            if None in work.values():
                await asyncio.get_running_loop().run_in_executor(self._thread, self.save, work)
            else:
                # To write a few entries takes less time than to wake a thread.
                self.save(work)

    async def sweep(self) -> None:
        """Save everything once a second, until this is cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            async with self._round:
                with _logged():
                    await asyncio.get_running_loop().run_in_executor(self._thread, self.save_all)

    def _owners(self) -> Mapping[int | str, tuple[str, str]]:
        """Return the service and the name of each store, by the store's id as marks have it."""
        modules = self._modules()
        if modules.keys() != self._owned:
            self._owned = set(modules)
            self._owner = {marks.ITEMS: ("dynamodb", marks.ITEMS)}
            for service, module in modules.items():
                for name, value in vars(module).items():
                    store = name.removeprefix("_")
                    # Stores that a restart does not need may hold what cannot be saved, or must not be: task tokens.
                    if isinstance(value, Scoped) and store in LIVE_STORES.get(service, (store,)):
                        self._owner[id(value)] = service, store
        return self._owner

    def save_all(self) -> None:
        """Write all entries that differ from what is on disk."""
        self.save(dict.fromkeys(self._modules()))

    def save(self, work: _Work) -> None:
        """Write the entries that differ from what is on disk, at the given places or in the whole of a service.

        Raises sqlite3.Error if they cannot be written, as on a full disk; they then count as not written.
        """
        diff = _Diff([], [], [])
        modules = self._modules()
        for service, places in work.items():
            self._add_differences(service, modules[service], places, diff)
        if diff.changed or diff.removed:
            self._rows.write(diff.changed, diff.removed)
        # Only now: after a failed write the same entries must differ again, or an answer would acknowledge a change
        # that is not on disk.
        self._learn(diff.learnt)

    def _add_differences(self, service: str, module: ModuleType, places: set[_Place] | None, diff: _Diff) -> None:
        """Add to `diff` how a service differs from what is on disk."""
        known = self._known.setdefault(service, {})
        present: set[_Place] = set()
        for entry in _entries(service, module, places):
            if entry.value is GONE:
                continue
            place = entry.store, entry.key
            present.add(place)
            before = known.get(place)
            now, text = _compare(service, entry, before)
            if now is not before:
                diff.learnt.append((service, place, now))
            if text is not None:
                diff.changed.append((_row(service, place), text))
        # An entry that is on disk but was not met has been deleted, if it was looked for.
        missing = (known.keys() if places is None else places & known.keys()) - present
        diff.removed.extend(_row(service, place) for place in missing)
        diff.learnt.extend((service, place, None) for place in missing)

    def _learn(self, learnt: Iterable[tuple[str, _Place, _Known | None]]) -> None:
        for service, place, known in learnt:
            if known is None:
                del self._known[service][place]
            else:
                self._known[service][place] = known

    def close(self) -> None:
        """Save everything once more and close the file."""
        self._thread.submit(self.save_all).result()
        self._thread.shutdown()
        self._rows.close()


def _entries(service: str, module: ModuleType, places: Iterable[_Place] | None) -> Iterator[Entry]:
    if places is None:
        yield from entries(service, module)
    else:
        for store, key in places:
            yield from entries_at(service, module, store, key)


def _compare(service: str, entry: Entry, known: _Known | None) -> tuple[_Known, str | None]:
    """Return the entry as it will be on disk, and its JSON if that has to be written."""
    # The most frequent case in a sweep; it spares the JSON and the digest.
    if known is not None and known.is_unchanged(entry):
        return known, None
    text = _text(service, entry)
    digest = _digest(text)
    return _Known(digest, entry.stamp), (None if known is not None and known.digest == digest else text)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _text(service: str, entry: Entry) -> str:
    try:
        return json.dumps(entry.value, default=_plain, separators=(",", ":"))
    except (TypeError, ValueError):
        # One entry of this kind must not keep all others from being saved.
        _LOG.exception("The entry %r in %r of %s cannot be saved", entry.key, entry.store, service)
        return "null"


def _plain(value: object) -> object:
    # A History is a sequence, but not a list, and json knows lists only.
    is_bytes = isinstance(value, bytes | bytearray)
    return list(value) if isinstance(value, Sequence) and not is_bytes else engine._json_default(value)


def _row(service: str, place: _Place) -> RowKey:
    return RowKey(service, place[0], repr(place[1]))


@contextmanager
def _logged() -> Iterator[None]:
    """Log an exception instead of raising it."""
    try:
        yield
    except Exception:
        _LOG.exception("The state could not be saved; it will be tried again in a second.")
