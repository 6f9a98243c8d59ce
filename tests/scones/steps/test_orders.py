"""Orders: what a CSV file may hold, what it may not, and what is there already staying as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.dispatch_rule import Order
from scones.errors import OrderError
from scones.items import from_item, to_item
from scones.progress import Progress
from scones.settings import DepotSettings
from scones.steps.orders import (  # fmt: skip
    MAX_DISTANCE_KM,
    MAX_FILE_BYTES,
    MAX_ID_CHARS,
    NewOrder,
    Place,
    add_orders,
    great_circle_km,
    list_orders,
    parse_order,
    read_orders,
    write_orders,
)

BERLIN, PARIS = Place(52.5200, 13.4050), Place(48.8566, 2.3522)
DEPOT = DepotSettings(latitude=BERLIN.latitude, longitude=BERLIN.longitude, detour=1.3)
NOW = datetime(2026, 11, 25, 18, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ORDERS = st.lists(
    st.builds(
        Order,
        st.text(min_size=1, max_size=MAX_ID_CHARS).map(str.strip).filter(bool),
        st.floats(0, MAX_DISTANCE_KM),
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=ZONES).map(
            lambda t: t.replace(microsecond=0)
        ),
    )
)
TEXTS = st.text(max_size=80) | st.sampled_from(["3.2", "-1", "nan", "inf", "1e999", "2026-11-25T19:30+01:00", "52,5"])
NUMBERS = TEXTS | st.floats().map(str)
COLUMNS = {
    "order_id": TEXTS,
    "promised_at": st.datetimes(timezones=ZONES).map(datetime.isoformat) | TEXTS,
    "distance_km": NUMBERS,
    "latitude": NUMBERS,
    "longitude": NUMBERS,
}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of lines."""

    def write(*lines: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "evening.csv"
        path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
        return path

    return write


@given(orders=ORDERS)
def test_what_is_written_is_read_back(orders: list[Order], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("orders") / "evening.csv"
    write_orders(orders, path)
    read = [placed.order for placed in read_orders(path, depot=DepotSettings())]
    assert [(o.order_id, o.promised_at) for o in read] == [(o.order_id, o.promised_at) for o in orders]
    assert [o.distance_km for o in read] == pytest.approx([o.distance_km for o in orders], abs=0.0051)


@given(row=st.fixed_dictionaries(COLUMNS) | st.dictionaries(st.sampled_from([*COLUMNS]), TEXTS))
def test_any_row_is_an_order_within_its_limits_or_an_error_that_says_where(row: dict[str, str]) -> None:
    def parsed() -> Order | str:
        try:
            return parse_order(row, "evening.csv, line 7", depot=DEPOT).order
        except OrderError as error:
            return str(error)

    order = parsed()
    if isinstance(order, str):
        assert order.startswith("evening.csv, line 7: ")
        return
    assert 1 <= len(order.order_id) <= MAX_ID_CHARS
    assert 0 <= order.distance_km <= MAX_DISTANCE_KM
    assert order.promised_at.utcoffset() == timedelta(0)


@given(body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_is_orders_or_one_error_that_names_it(body: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("orders") / "evening.csv"
    path.write_bytes(body)

    def read() -> str:
        try:
            return f"{path}: {len(read_orders(path, depot=DEPOT))} orders"
        except OrderError as error:
            return str(error)

    assert read().startswith(str(path))


HEAD = "order_id,promised_at,distance_km"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",2026-11-25T19:30+01:00,3", "order_id has 0 characters"),
        (f"{'o' * 65},2026-11-25T19:30+01:00,3", "order_id has 65 characters, not 1 to 64"),
        ("o-2", "promised_at '' is not a time"),
        ("o-2,tomorrow,3", "promised_at 'tomorrow' is not a time"),
        ("o-2,2026-11-25T19:30,3", "'2026-11-25T19:30' has no time zone"),
        ("o-2,2026-11-25,3", "has no time zone"),
        ("o-2,0001-01-01T00:00+01:00,3", "is not a time"),
        ("o-2,9999-12-31T23:59-01:00,3", "is not a time"),
        ("o-2,2026-11-25T19:30+01:00,three", "distance_km 'three' is not a number from 0 to 500"),
        ("o-2,2026-11-25T19:30+01:00,-1", "'-1' is not a number"),
        ("o-2,2026-11-25T19:30+01:00,nan", "'nan' is not a number"),
        ("o-2,2026-11-25T19:30+01:00,501", "'501' is not a number"),
        ("o-2,2026-11-25T19:30+01:00,", "neither a distance nor a place"),
        ("o-2,2026-11-25T19:30+01:00,3,2", "more values than columns"),
    ],
)
def test_a_malformed_row_is_an_error_that_names_file_and_line(
    written: Callable[..., Path], row: str, message: str
) -> None:
    path = written(HEAD, "o-1,2026-11-25T19:30+01:00,3", row)
    with pytest.raises(OrderError, match=message) as raised:
        read_orders(path, depot=DEPOT)
    assert str(raised.value).startswith(f"{path}, line 3: ")


@pytest.mark.parametrize("head", ["id,promised_at,distance_km", "order_id;promised_at;distance_km"])
def test_a_file_without_a_column_says_which_it_needs(written: Callable[..., Path], head: str) -> None:
    with pytest.raises(OrderError, match="needs order_id, promised_at, and distance_km or latitude and longitude"):
        read_orders(written(head, "o-1,2026-11-25T19:30+01:00,3"), depot=DEPOT)


def test_a_mark_at_the_file_s_beginning_and_spaces_around_values_do_no_harm(written: Callable[..., Path]) -> None:
    path = written(HEAD, " o-1 , 2026-11-25T19:30+01:00 ,3.2", encoding="utf-8-sig")
    (placed,) = read_orders(path, depot=DEPOT)
    assert placed == NewOrder(Order("o-1", 3.2, datetime(2026, 11, 25, 18, 30, tzinfo=UTC)))


def test_a_file_in_another_encoding_and_one_too_large_are_refused(written: Callable[..., Path]) -> None:
    with pytest.raises(OrderError, match=r"evening\.csv is not a CSV file in UTF-8"):
        read_orders(written(HEAD, "ö-1,x,3", encoding="latin-1"), depot=DEPOT)
    with written(HEAD).open("r+b") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(OrderError, match="larger than 16 MB"):
        read_orders(Path(file.name), depot=DEPOT)


def test_a_place_is_as_far_as_the_roads_to_it() -> None:
    """Berlin to Paris, 878 km by the great circle; a place in Potsdam, 27 km."""
    assert great_circle_km(BERLIN, PARIS) == pytest.approx(877.5, abs=1.5)
    row = {"order_id": "o-1", "promised_at": "2026-11-25T19:30Z", "latitude": "52.3906", "longitude": "13.0645"}
    placed = parse_order(row, "here", depot=DEPOT)
    assert placed.place == Place(52.3906, 13.0645)
    assert placed.order.distance_km == pytest.approx(1.3 * 27.2, abs=0.5)
    with pytest.raises(OrderError, match="1141 km away, over 500"):
        parse_order(row | {"latitude": "48.8566", "longitude": "2.3522"}, "here", depot=DEPOT)
    with pytest.raises(OrderError, match="the depot has none; set \\[depot\\]"):
        parse_order(row, "here", depot=DepotSettings())


PLACES = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180))


@given(one=PLACES, other=PLACES)
def test_a_great_circle_is_the_same_both_ways_and_at_most_half_round_the_earth(one: Place, other: Place) -> None:
    there = great_circle_km(one, other)
    assert there == pytest.approx(great_circle_km(other, one), abs=1e-6)
    assert 0 <= there <= math.pi * 6371.0088 + 1e-6
    assert great_circle_km(one, one) == 0


def test_importing_twice_keeps_what_is_there_and_what_is_assigned_stays_assigned(
    localaws: Any, table: Callable[[str, str], str]
) -> None:
    dynamodb, name = localaws.client("dynamodb"), table("order_id", "promised_at")
    add = {"table": name, "dynamodb": dynamodb, "progress": Progress(), "now": NOW}
    orders = [NewOrder(Order(f"o-{n}", n, NOW + timedelta(minutes=9 - n))) for n in range(3)]
    orders[2] = NewOrder(orders[2].order, BERLIN)
    assert add_orders(orders[:2], **add) == ["o-0", "o-1"]
    dynamodb.update_item(
        TableName=name,
        Key=to_item({"order_id": "o-1"}),
        UpdateExpression="SET #state = :assigned, arrival_id = :arrival",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=to_item({":assigned": "ASSIGNED", ":arrival": "a1"}),
    )
    farther = [NewOrder(Order(p.order.order_id, 99.0, p.order.promised_at), p.place) for p in orders]
    assert add_orders(farther, **add) == ["o-2"]
    rows = list_orders(table=name, dynamodb=dynamodb)
    assert [(row["order_id"], row["state"], row["distance_km"]) for row in rows] == [
        ("o-2", "OPEN", 99),
        ("o-0", "OPEN", 0),
        ("o-1", "ASSIGNED", 1),
    ]
    assert (rows[0]["latitude"], rows[0]["longitude"], rows[2]["arrival_id"]) == (52.52, 13.405, "a1")
    assert rows[0]["expires_at"] == int((NOW + timedelta(minutes=7, days=30)).timestamp())


def test_a_row_holds_the_promised_time_in_utc_so_that_texts_sort_as_times(
    localaws: Any, table: Callable[[str, str], str], written: Callable[..., Path]
) -> None:
    dynamodb, name = localaws.client("dynamodb"), table("order_id", "promised_at")
    late, early = "late,2026-11-25T19:00-02:00,1", "early,2026-11-25T20:00+01:00,1"
    placed = read_orders(written(HEAD, late, early), depot=DEPOT)
    add_orders(placed, table=name, dynamodb=dynamodb, progress=Progress(), now=NOW)
    assert [row["order_id"] for row in list_orders(table=name, dynamodb=dynamodb)] == ["early", "late"]
    item = dynamodb.get_item(TableName=name, Key=to_item({"order_id": "early"}))["Item"]
    assert from_item(item)["promised_at"] == "2026-11-25T19:00:00+00:00"


def test_an_order_is_added_although_the_answer_to_the_call_was_lost(
    localaws: Any, table: Callable[[str, str], str]
) -> None:
    orders = table("order_id", "promised_at")
    client = localaws.client("dynamodb")

    class Repeating:
        """DynamoDB's client that repeats each write, as the SDK does if the first answer is lost."""

        get_item = client.get_item

        def put_item(self, **request: Any) -> Any:
            client.put_item(**request)
            return client.put_item(**request)

    dynamodb: Any = Repeating()
    new = NewOrder(Order("o-1", 3.0, datetime(2026, 11, 25, 18, tzinfo=UTC)))
    first = datetime(2026, 11, 25, 17, tzinfo=UTC)
    arguments: Any = {"table": orders, "dynamodb": dynamodb, "progress": Progress()}
    assert add_orders([new, new], now=first, **arguments) == ["o-1"]
    assert add_orders([new], now=first + timedelta(seconds=1), **arguments) == []
