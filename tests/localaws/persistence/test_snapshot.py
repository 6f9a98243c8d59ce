import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ministack.core import persistence as engine
from ministack.core.responses import AccountRegionScopedDict

from localaws.persistence.snapshot import GONE, LIVE_STORES, entries, entries_at, state_of

NAMES = st.text(min_size=1, max_size=8)
VALUES = st.dictionaries(NAMES, st.text(max_size=5) | st.integers(), max_size=3)


def module(service: str, **stores: dict[str, Any]) -> ModuleType:
    """A service with these entries, all of account 1 in region r."""
    made = ModuleType(service)
    for name in LIVE_STORES[service]:
        store = AccountRegionScopedDict()
        store._data.update({("1", "r", key): value for key, value in stores.get(name, {}).items()})
        setattr(made, f"_{name}", store)
    return made


def through_disk(service: str, made: ModuleType) -> dict[str, Any]:
    """The state as it comes back, store -> plain dictionary."""
    stored = []
    for entry in entries(service, made):
        text = json.dumps(entry.value, default=engine._json_default)
        stored.append((entry.store, entry.key, json.loads(text, object_hook=engine._json_object_hook)))
    return {
        name: {key[2]: value for key, value in store._data.items()} for name, store in state_of(service, stored).items()
    }


@given(
    st.dictionaries(NAMES, st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, min_size=1), max_size=3), max_size=3)
)
def test_tables_come_back_with_their_items(tables: dict[str, Any]) -> None:
    made = module("dynamodb", tables={name: {"TableName": name, "items": items} for name, items in tables.items()})
    back = through_disk("dynamodb", made).get("tables", {})
    assert back == {
        name: {"TableName": name, "items": {k: v for k, v in items.items() if v}} for name, items in tables.items()
    }


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(0, 600), max_size=3), max_size=3))
def test_log_streams_come_back_with_their_events_in_order(groups: dict[str, dict[str, int]]) -> None:
    made_groups = {
        group: {
            "arn": group,
            "streams": {s: {"token": "1", "events": [{"n": n} for n in range(count)]} for s, count in streams.items()},
        }
        for group, streams in groups.items()
    }
    back = through_disk("cloudwatch_logs", module("cloudwatch_logs", log_groups=made_groups)).get("log_groups", {})
    assert back == made_groups


def test_one_item_is_found_without_its_table_s_others_and_a_missing_one_is_gone() -> None:
    made = module("dynamodb", tables={"t": {"TableName": "t", "items": {"p": {"s": {"v": 1}}}}})
    assert [entry.value for entry in entries_at("dynamodb", made, "items", ("1", "r", "t", "p", "s"))] == [{"v": 1}]
    assert [entry.value for entry in entries_at("dynamodb", made, "items", ("1", "r", "t", "p", "x"))] == [GONE]
    assert [entry.value for entry in entries_at("dynamodb", made, "items", ("1", "r", "x", "p", "s"))] == [GONE]
    assert [entry.value for entry in entries_at("dynamodb", made, "tables", ("1", "r", "t"))] == [{"TableName": "t"}]


@contextmanager
def growing(items: dict[str, Any]) -> Iterator[None]:
    """Add items whenever memory is collected, as another thread may do at that moment."""

    def add(phase: str, _: object) -> None:
        items[f"{phase}-{len(items)}"] = {"v": 0}

    before = gc.get_threshold()
    gc.callbacks.append(add)
    gc.set_threshold(10)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(add)


def test_items_that_are_added_while_a_table_is_read_do_no_harm() -> None:
    items = {str(number): {"v": number} for number in range(5_000)}
    made = module("dynamodb", tables={"t": {"TableName": "t", "items": {"p": items}}})
    with growing(items):
        found = [entry.value["v"] for entry in entries("dynamodb", made) if entry.store == "items"]
    assert found[:5_000] == list(range(5_000))
