"""The engine's stores as rows, and rows as stores again. Runs on the saver's thread, beside requests that change them.

Small services are read through their own `get_state`, which copies. Those that grow are read in place, in pieces that
can be recognised as unchanged without looking inside: a DynamoDB item, an execution, a block of log events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final, NamedTuple

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict, now_iso

Scoped = AccountScopedDict | AccountRegionScopedDict
State = dict[str, Any]
StoredEntry = tuple[str, tuple[Any, ...], Any]

# Module globals `_NAME` behind the key NAME of `get_state`.
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
_EVENTS_PER_ROW = 256
GONE: Final = object()


class Entry(NamedTuple):
    """`key` is the scoped key, or () for a store that has none; `value` may be GONE.

    Stamps that are equal, object by object, mean that nothing has changed.
    """

    store: str
    key: tuple[Any, ...]
    value: Any
    stamp: tuple[object, ...] | None = None


def entries(service: str, module: ModuleType) -> Iterator[Entry]:
    """Everything that `service` would have to be told after a restart."""
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
    """The same for one key of one store, of a service that is read in place; for a table, without its items."""
    if store == "items":
        table = module._tables._data.get(key[:3], {"items": {}})
        item = table["items"].get(key[3], {}).get(key[4], GONE)
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


def _entries_of(store: str, value: Any) -> Iterator[Entry]:
    if isinstance(value, Scoped):
        for key, inner in list(value._data.items()):
            yield Entry(store, key, inner)
    else:
        yield Entry(store, (), value)


def _split_table(table: Entry) -> Iterator[Entry]:
    yield _table_alone(table)
    for partition, items in list(table.value["items"].items()):
        for sort, item in list(items.items()):
            yield Entry("items", (*table.key, partition, sort), item, (item,))


def _table_alone(table: Entry) -> Entry:
    return table._replace(value=_without(table.value, "items", "_index_members"))


def _split_execution(execution: Entry) -> Iterator[Entry]:
    value, events = execution.value, execution.value.get("events")
    # Of a list that grows its last event; what has ended has another kind of history, which stays as it is.
    last = events[-1] if isinstance(events, list) and events else events
    yield Entry(execution.store, execution.key, value, (value, value.get("status"), last))


def _split_log_record(record: Entry) -> Iterator[Entry]:
    yield Entry(record.store, record.key, record.value, (record.value,))


def _split_log_group(group: Entry) -> Iterator[Entry]:
    yield group._replace(value=_without(group.value, "streams"))
    for name, stream in list(group.value["streams"].items()):
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
    """The argument of `load_persisted_state`, from (store, key, value) in the order of their first writing."""
    state: State = {}
    for store, key, value in stored:
        if key == ():
            state[store] = value
        else:
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


def _end_executions(state: State) -> None:
    failure = {"error": "States.Runtime", "cause": "The server stopped while this execution was running."}
    for execution in state.get("executions", AccountRegionScopedDict())._data.values():
        if execution["status"] == "RUNNING":
            execution.update(failure, status="FAILED", stopDate=now_iso())
            event = {"type": "ExecutionFailed", "timestamp": now_iso(), "executionFailedEventDetails": failure}
            execution["events"].append({"id": len(execution["events"]) + 1, **event})


_JOINS = {"dynamodb": _join_tables, "cloudwatch_logs": _join_log_groups, "stepfunctions": _end_executions}
