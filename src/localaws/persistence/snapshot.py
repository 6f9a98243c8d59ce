"""ministack's stores as entries for rows, and entries as stores again.

Runs on the saver's thread, at the same time as requests that change the stores. Small services are read through their
own `get_state`, which copies. Services that grow are read in place, in pieces that are recognised as unchanged by
their identity: a DynamoDB item, an execution, a block of log events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final, NamedTuple

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

Scoped = AccountScopedDict | AccountRegionScopedDict
State = dict[str, Any]
StoredEntry = tuple[str, tuple[Any, ...], Any]

# The services that are read in place: the module's global `_NAME` is the key NAME of its `get_state`.
LIVE_STORES = {
    "cloudwatch": (
        "metrics",
        "alarms",
        "composite_alarms",
        "composite_triggers",
        "alarm_history",
        "dashboards",
        "resource_tags",
    ),
    "cloudwatch_logs": (
        "log_groups",
        "destinations",
        "resource_policies",
        "log_group_policies",
        "metric_filters",
        "queries",
        "log_records",
        "delivery_sources",
        "delivery_destinations",
        "deliveries",
    ),
    "dynamodb": (
        "tables",
        "tags",
        "ttl_settings",
        "pitr_settings",
        "kinesis_destinations",
        "contributor_insights",
        "backups",
        "resource_policies",
        "exports",
        "imports",
    ),
    "stepfunctions": (
        "state_machines",
        "executions",
        "tags",
        "activities",
        "state_machine_versions",
        "state_machine_aliases",
        "map_runs",
    ),
}
# A log stream grows at its end only, so one more event makes at most one row of this many events new.
_EVENTS_PER_ROW = 256
GONE: Final = object()


class Entry(NamedTuple):
    """One entry of a store: `key` is its scoped key, or () if the whole store is one entry; `value` may be GONE.

    Two entries whose stamps hold the identical objects have the same value.
    """

    store: str
    key: tuple[Any, ...]
    value: Any
    stamp: tuple[object, ...] | None = None


def entries(service: str, module: ModuleType) -> Iterator[Entry]:
    """Yield all that `service` needs after a restart."""
    if service not in LIVE_STORES:
        for store, value in (module.get_state() or {}).items():
            yield from _entries_of(store, value)
        return
    for store in LIVE_STORES[service]:
        value = getattr(module, f"_{store}")
        split = _SPLITS.get((service, store))
        for entry in _entries_of(store, value):
            yield from split(entry) if split else (entry,)


def entries_at(service: str, module: ModuleType, store: str, key: tuple[Any, ...]) -> Iterator[Entry]:
    """Yield what belongs to one key of one store of a service that is read in place, or an entry that is GONE.

    A table comes without its items, which have marks of their own.
    """
    if store == "items":
        table = module._tables._data.get(key[:3], {"items": {}})
        item = table["items"].get(key[3], {}).get(key[4], GONE)
        # A changed item is a new object: DynamoDB never changes one in its place.
        yield Entry(store, key, item, (item,))
        return
    value = getattr(module, f"_{store}")._data.get(key, GONE)
    entry = Entry(store, key, value)
    if value is GONE:
        yield entry
    elif store == "tables":
        yield _table_alone(entry)
    else:
        split = _SPLITS.get((service, store))
        yield from split(entry) if split else (entry,)


def _entries_of(store: str, value: object) -> Iterator[Entry]:
    if isinstance(value, Scoped):
        # Copied in one step, here and below: requests add and remove entries meanwhile. A list of the items would not
        # be one step, because each pair that it allocates may let another thread run.
        for key, inner in dict(value._data).items():
            yield Entry(store, key, inner)
    else:
        yield Entry(store, (), value)


def _split_table(table: Entry) -> Iterator[Entry]:
    yield _table_alone(table)
    for partition, items in dict(table.value["items"]).items():
        for sort, item in dict(items).items():
            yield Entry("items", (*table.key, partition, sort), item, (item,))


def _table_alone(table: Entry) -> Entry:
    return table._replace(value=_without(table.value, "items", "_index_members"))


def _split_execution(execution: Entry) -> Iterator[Entry]:
    value = execution.value
    events = value.get("events")
    # A running execution's list of events grows, so its last event is compared. The packed history of one that has
    # ended is compared as a whole, because to look at its last event would unpack it.
    last = events[-1] if isinstance(events, list) and events else events
    yield Entry(execution.store, execution.key, value, (value, value.get("status"), last))


def _split_log_record(record: Entry) -> Iterator[Entry]:
    yield Entry(record.store, record.key, record.value, (record.value,))


def _split_log_group(group: Entry) -> Iterator[Entry]:
    yield group._replace(value=_without(group.value, "streams"))
    for name, stream in dict(group.value["streams"]).items():
        yield Entry("streams", (*group.key, name), _without(stream, "events"))
        events = stream["events"]
        for start in range(0, len(events), _EVENTS_PER_ROW):
            block = events[start : start + _EVENTS_PER_ROW]
            yield Entry("events", (*group.key, name, start), block, (block[0], block[-1], len(block)))


_SPLITS = {
    ("dynamodb", "tables"): _split_table,
    ("stepfunctions", "executions"): _split_execution,
    ("cloudwatch_logs", "log_records"): _split_log_record,
    ("cloudwatch_logs", "log_groups"): _split_log_group,
}


def _without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in keys}


def state_of(service: str, stored: Iterable[StoredEntry]) -> State:
    """Return the argument of `load_persisted_state` for (store, key, value) in the order of their first writing."""
    state: State = {}
    for store, key, value in stored:
        if key == ():
            state[store] = value
        else:
            # (account, key) or (account, region, key, ...).
            kind = AccountScopedDict if len(key) == 2 else AccountRegionScopedDict
            state.setdefault(store, kind())._data[key] = value
    join = _JOINS.get(service)
    if join:
        join(state)
    return state


def _join_tables(state: State) -> None:
    items = state.pop("items", AccountRegionScopedDict())._data
    for table in state.get("tables", AccountRegionScopedDict())._data.values():
        table["items"] = {}
    for (*scope, partition, sort), item in items.items():
        state["tables"]._data[tuple(scope)]["items"].setdefault(partition, {})[sort] = item


def _join_log_groups(state: State) -> None:
    streams = state.pop("streams", AccountRegionScopedDict())._data
    events = state.pop("events", AccountRegionScopedDict())._data
    for group in state.get("log_groups", AccountRegionScopedDict())._data.values():
        group["streams"] = {}
    for (*scope, name), stream in streams.items():
        state["log_groups"]._data[tuple(scope)]["streams"][name] = {**stream, "events": []}
    for (*scope, name, _start), block in sorted(events.items()):
        state["log_groups"]._data[tuple(scope)]["streams"][name]["events"].extend(block)


_JOINS = {"dynamodb": _join_tables, "cloudwatch_logs": _join_log_groups}
