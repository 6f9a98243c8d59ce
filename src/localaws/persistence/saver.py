"""Saves what changed, when it changed: one saver for the server, on a thread of its own.

Stores tell which of them were looked at; only their services are compared with what is on disk, entry by entry.
What changes without a request, such as a running execution, is saved within a second.
"""

from __future__ import annotations

import ast
import asyncio
import contextvars
import hashlib
import json
import logging
import operator
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from ministack.core import persistence as engine

from localaws.persistence.rows import RowKey, Rows
from localaws.persistence.snapshot import Entry, Scoped, StoredEntry, entries, state_of

_LOG = logging.getLogger("localaws")
_SWEEP_SECONDS = 1.0

_Place = tuple[str, tuple[Any, ...]]

_touched: set[int] = set()
_request: contextvars.ContextVar[set[int] | None] = contextvars.ContextVar("touched", default=None)


def watch(stores: Iterable[type[Any]]) -> None:
    """Make every access to a store of these classes leave its mark, whoever makes it."""
    for store in stores:
        for name in ("_scoped", "_is_mine"):
            setattr(store, name, _marking(getattr(store, name)))


def _marking(access: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def marked(self: Any, key: Any) -> Any:
        _touched.add(id(self))
        mine = _request.get()
        if mine is not None:
            mine.add(id(self))
        return access(self, key)

    return marked


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
        self._owner: dict[int, str] = {}
        self._owned: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="localaws-saver")
        self._round = asyncio.Lock()
        self._waiting: set[int] = set()
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

    def track(self) -> Callable[[], Awaitable[None]]:
        """Begin a request; the result saves what the request has touched, together with whoever else is waiting."""
        mine: set[int] = set()
        _request.set(mine)

        async def save() -> None:
            self._waiting |= mine
            if self._next is None:
                self._next = asyncio.get_running_loop().create_task(self._save_waiting())
            await asyncio.shield(self._next)

        return save

    async def _save_waiting(self) -> None:
        async with self._round:
            touched, self._waiting, self._next = self._waiting | _drain(), set(), None
            await asyncio.get_running_loop().run_in_executor(self._thread, self.save, self._owners(touched))

    async def sweep(self) -> None:
        """Save everything once a second, for as long as this is awaited."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            async with self._round:
                _drain()
                with _logged():
                    await asyncio.get_running_loop().run_in_executor(self._thread, self.save, set(self._modules()))

    def _owners(self, touched: set[int]) -> set[str]:
        modules = self._modules()
        if modules.keys() != self._owned:
            self._owned = set(modules)
            self._owner = {
                id(value): service
                for service, module in modules.items()
                for value in vars(module).values()
                if isinstance(value, Scoped)
            }
        return {self._owner[store] for store in touched if store in self._owner}

    def save(self, services: Iterable[str]) -> None:
        """Write what differs from the last time. Raises sqlite3.Error, for instance on a full disk."""
        modules = self._modules()
        known: dict[str, dict[_Place, _Known]] = {}
        changed: list[tuple[RowKey, str]] = []
        gone: list[RowKey] = []
        for service in services:
            known[service], texts = self._look(service, modules[service])
            changed += [(_row(service, place), text) for place, text in texts.items()]
            gone += [_row(service, place) for place in self._known.get(service, {}).keys() - known[service].keys()]
        if changed or gone:
            self._rows.write(changed, gone)
        self._known.update(known)

    def _look(self, service: str, module: ModuleType) -> tuple[dict[_Place, _Known], dict[_Place, str]]:
        before = self._known.get(service, {})
        now: dict[_Place, _Known] = {}
        changed: dict[_Place, str] = {}
        for entry in entries(service, module):
            place = entry.store, entry.key
            known = before.get(place)
            if known is None or not known.is_same(entry):
                text = _text(service, entry)
                digest = _digest(text)
                if known is None or known.digest != digest:
                    changed[place] = text
                known = _Known(digest, entry.stamp)
            now[place] = known
        return now, changed

    def close(self) -> None:
        """Save everything once more and let go of the file."""
        self._thread.submit(self.save, set(self._modules())).result()
        self._thread.shutdown()
        self._rows.close()


def _drain() -> set[int]:
    drained = set(_touched)
    _touched.difference_update(drained)
    return drained


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _text(service: str, entry: Entry) -> str:
    try:
        return json.dumps(entry.value, default=engine._json_default, separators=(",", ":"))
    except (TypeError, ValueError):
        _LOG.exception("%s keeps in %r what cannot be saved: %r", service, entry.store, entry.key)
        return "null"


def _row(service: str, place: _Place) -> RowKey:
    return RowKey(service, place[0], repr(place[1]))


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except Exception:
        _LOG.exception("The state could not be saved; it is tried again in a second.")
