"""Saves what changed before the answer that says so: one saver for the server, on a thread of its own.

A request's own entries are compared with what is on disk when it ends; everything is, once a second, for what changes
without a request, such as a running execution.
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

# Requests that come by the thousand, and the only service whose state they change: not all of it is looked at.
FREQUENT = {
    "PutItem": "dynamodb",
    "UpdateItem": "dynamodb",
    "DeleteItem": "dynamodb",
    "BatchWriteItem": "dynamodb",
    "TransactWriteItems": "dynamodb",
    "StartExecution": "stepfunctions",
    # The engine writes an object to a file of its own; what else it may change is what it starts.
    "PutObject": "stepfunctions",
    "PutLogEvents": "cloudwatch_logs",
    "PutMetricData": "cloudwatch",
}
_LOG = logging.getLogger("localaws")
_SWEEP_SECONDS = 1.0

_Place = tuple[str, tuple[Any, ...]]
_Work = dict[str, set[_Place] | None]


class _Known(NamedTuple):
    """What is on disk for one entry."""

    digest: bytes
    stamp: tuple[object, ...] | None

    def is_same(self, entry: Entry) -> bool:
        return self.stamp is not None and entry.stamp is not None and all(map(operator.is_, self.stamp, entry.stamp))


class Saver:
    """`modules` gives the services that are loaded, by the name of their state."""

    def __init__(self, rows: Rows, modules: Callable[[], Mapping[str, ModuleType]]) -> None:
        self._rows, self._modules = rows, modules
        self._known: dict[str, dict[_Place, _Known]] = {}
        self._owner: dict[int | str, tuple[str, str]] = {}
        self._owned: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="localaws-saver")
        self._round = asyncio.Lock()
        self._waiting: _Work = {}
        self._next: asyncio.Task[None] | None = None

    def load(self, get_module: Callable[[str], ModuleType], names: Mapping[str, str]) -> None:
        """Give every service its state back; `names` is state name -> module name."""
        found: dict[str, list[StoredEntry]] = {}
        for key, text in self._rows.read():
            place = key.store, ast.literal_eval(key.entry)
            self._known.setdefault(key.service, {})[place] = _Known(_digest(text), None)
            found.setdefault(key.service, []).append((*place, json.loads(text, object_hook=engine._json_object_hook)))
        for service, stored in found.items():
            if service in names:
                get_module(names[service]).load_persisted_state(state_of(service, stored))

    def track(self, operation: str) -> Callable[[], Awaitable[None]]:
        """Begin a request; the result saves what it may have changed, together with whoever else is waiting."""
        marked = marks.begin()

        async def save() -> None:
            self._add(self._work_of(operation, marked))
            if self._next is None:
                self._next = asyncio.get_running_loop().create_task(self._save_waiting())
            await asyncio.shield(self._next)

        return save

    def _work_of(self, operation: str, marked: Collection[Mark]) -> _Work:
        owners = self._owners()
        found = [(*owners[store], key) for store, key in list(marked) if store in owners]
        only = FREQUENT.get(operation)
        if only is None:
            return {service: None for service, _, _ in found}
        return {only: {(store, key) for service, store, key in found if service == only}}

    def _add(self, work: _Work) -> None:
        for service, places in work.items():
            known = self._waiting.setdefault(service, set())
            self._waiting[service] = None if known is None or places is None else known | places

    async def _save_waiting(self) -> None:
        async with self._round:
            work, self._waiting, self._next = self._waiting, {}, None
            if None in work.values():
                await asyncio.get_running_loop().run_in_executor(self._thread, self.save, work)
            else:
                # A few entries are written sooner than a thread is woken.
                self.save(work)

    async def sweep(self) -> None:
        """Save everything once a second, for as long as this is awaited."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            async with self._round:
                with _logged():
                    await asyncio.get_running_loop().run_in_executor(self._thread, self.save_all)

    def _owners(self) -> Mapping[int | str, tuple[str, str]]:
        modules = self._modules()
        if modules.keys() != self._owned:
            self._owned = set(modules)
            self._owner = {marks.ITEMS: ("dynamodb", marks.ITEMS)}
            for service, module in modules.items():
                for name, value in vars(module).items():
                    store = name.removeprefix("_")
                    # What a restart does not need may hold what cannot be saved, or must not be: tokens of tasks.
                    if isinstance(value, Scoped) and store in LIVE_STORES.get(service, (store,)):
                        self._owner[id(value)] = service, store
        return self._owner

    def save_all(self) -> None:
        """Write whatever differs from the last time."""
        self.save(dict.fromkeys(self._modules()))

    def save(self, work: _Work) -> None:
        """Write what differs, in these places or anywhere in the service. Raises sqlite3.Error, as on a full disk."""
        changed: list[tuple[RowKey, str]] = []
        gone: list[RowKey] = []
        learnt: list[tuple[str, _Place, _Known | None]] = []
        modules = self._modules()
        for service, places in work.items():
            known = self._known.setdefault(service, {})
            met: set[_Place] = set()
            for entry in _entries(service, modules[service], places):
                place = entry.store, entry.key
                if entry.value is GONE:
                    continue
                met.add(place)
                before = known.get(place)
                now, text = _compare(service, entry, before)
                if now is not before:
                    learnt.append((service, place, now))
                if text is not None:
                    changed.append((_row(service, place), text))
            missing = (known.keys() if places is None else places & known.keys()) - met
            gone += [_row(service, place) for place in missing]
            learnt += [(service, place, None) for place in missing]
        if changed or gone:
            self._rows.write(changed, gone)
        self._learn(learnt)

    def _learn(self, learnt: Iterable[tuple[str, _Place, _Known | None]]) -> None:
        for service, place, known in learnt:
            if known is None:
                del self._known[service][place]
            else:
                self._known[service][place] = known

    def close(self) -> None:
        """Save everything once more and let go of the file."""
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
    # Most of a sweep: what is long written and stays as it is.
    if known is not None and known.is_same(entry):
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
        _LOG.exception("%s keeps in %r what cannot be saved: %r", service, entry.store, entry.key)
        return "null"


def _plain(value: object) -> object:
    is_bytes = isinstance(value, bytes | bytearray)
    return list(value) if isinstance(value, Sequence) and not is_bytes else engine._json_default(value)


def _row(service: str, place: _Place) -> RowKey:
    return RowKey(service, place[0], repr(place[1]))


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except Exception:
        _LOG.exception("The state could not be saved; it is tried again in a second.")
