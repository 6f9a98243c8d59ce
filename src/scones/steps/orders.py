"""Orders: read them from a CSV file or from single values, and add them to the table that Dispatch assigns from.

An order that exists already is left unchanged, so that a file may be imported twice.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scones.contract.layout import RETENTION_SECONDS
from scones.dispatch_rule import Order
from scones.errors import OrderError
from scones.items import conditional_write, from_item, to_item
from scones.progress import Progress
from scones.settings import DepotSettings

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# An evening's orders take a few KB; the limits keep a wrong file or a misplaced comma out of the table.
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_DISTANCE_KM = 500
MAX_ID_CHARS = 64
# In the order in which they are listed.
STATES = ("OPEN", "ASSIGNED")
# The mean radius of the Earth (IUGG).
_EARTH_RADIUS_KM = 6371.0088
_COLUMNS = "order_id, promised_at, and distance_km or latitude and longitude"


@dataclass(frozen=True)
class Place:
    """A point on the Earth, in degrees of WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class NewOrder:
    """An order to add, and its place if it was given as one."""

    order: Order
    place: Place | None = None


def read_orders(path: Path, *, depot: DepotSettings) -> list[NewOrder]:
    """Read orders from a CSV file with a header line.

    The distance of a place is its great-circle distance from the depot, times the depot's `detour`. Raises OrderError
    with the first wrong line, or if the file is larger than `MAX_FILE_BYTES` or not CSV in UTF-8.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise OrderError(f"{path} is larger than {MAX_FILE_BYTES // 2**20} MB; import it in parts")
    # Excel begins a file in UTF-8 with a byte order mark, which "utf-8-sig" drops.
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        try:
            return [parse_order(row, f"{path}, line {rows.line_num}", depot=depot) for row in rows]
        except (csv.Error, UnicodeDecodeError) as error:
            raise OrderError(f"{path} is not a CSV file in UTF-8 ({error}); it needs {_COLUMNS}") from error


def parse_order(row: Mapping[str, Any], where: str, *, depot: DepotSettings) -> NewOrder:
    """Return the order in one row: column name -> string, as `csv.DictReader` returns it.

    Raises OrderError if a value is missing or invalid; the message begins with `where`.
    """
    # Values are None where a line is short, and a list under the key None where it is long.
    values = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str)}
    order_id = values.get("order_id", "")
    if not 1 <= len(order_id) <= MAX_ID_CHARS:
        raise OrderError(
            f"{where}: order_id has {len(order_id)} characters, not 1 to {MAX_ID_CHARS}; it needs {_COLUMNS}"
        )
    if None in row:
        raise OrderError(f"{where}: it has more values than columns; write 3.2 rather than 3,2, and quote other commas")
    promised_at = _parse_time(values.get("promised_at", ""), where)
    if values.get("distance_km"):
        distance_km = _parse_number(values, "distance_km", where, 0, MAX_DISTANCE_KM)
        return NewOrder(Order(order_id, distance_km, promised_at))
    place, distance_km = _parse_place(values, f"{where}: order {order_id}", where, depot)
    return NewOrder(Order(order_id, distance_km, promised_at), place)


def _parse_place(values: Mapping[str, str], subject: str, where: str, depot: DepotSettings) -> tuple[Place, float]:
    """Return an order's place, and its distance from the depot by road in kilometres."""
    if not values.get("latitude") or not values.get("longitude"):
        raise OrderError(f"{subject} has neither a distance nor a place; it needs {_COLUMNS}")
    if depot.latitude is None or depot.longitude is None:
        raise OrderError(f"{subject} has a place, and the depot has none; set [depot] in scones.toml")
    latitude = _parse_number(values, "latitude", where, -90, 90)
    longitude = _parse_number(values, "longitude", where, -180, 180)
    place = Place(latitude, longitude)
    distance_km = great_circle_km(Place(depot.latitude, depot.longitude), place) * depot.detour
    if distance_km > MAX_DISTANCE_KM:
        raise OrderError(f"{subject} is {distance_km:.0f} km away, over {MAX_DISTANCE_KM}; check its place")
    return place, distance_km


def _parse_time(text: str, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            # Overflows in the first and the last hours that a datetime can hold.
            return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise OrderError(f"{where}: promised_at {text!r} is not a time; write 2026-11-25T19:30+01:00") from error
    raise OrderError(f"{where}: promised_at {text!r} has no time zone; write 2026-11-25T19:30+01:00")


def _parse_number(values: Mapping[str, str], name: str, where: str, minimum: float, maximum: float) -> float:
    try:
        number = float(values[name])
    except ValueError:
        number = math.nan
    # Also false for nan, which `float` accepts.
    if not minimum <= number <= maximum:
        raise OrderError(f"{where}: {name} {values[name]!r} is not a number from {minimum} to {maximum}")
    return number


def great_circle_km(start: Place, end: Place) -> float:
    """Return the great-circle distance of two places by the haversine formula, on a sphere of the Earth's mean radius.

    Source: Sinnott 1984, "Virtues of the Haversine".
    """
    north = math.radians(end.latitude - start.latitude)
    east = math.radians(end.longitude - start.longitude)
    cosines = math.cos(math.radians(start.latitude)) * math.cos(math.radians(end.latitude))
    haversine = math.sin(north / 2) ** 2 + cosines * math.sin(east / 2) ** 2
    # Rounding takes opposite points slightly over 1, where asin is not defined.
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1, haversine)))


def add_orders(
    orders: Iterable[NewOrder], *, table: str, dynamodb: DynamoDBClient, progress: Progress, now: datetime
) -> list[str]:
    """Add orders to the table as open ones, created at `now`; return the ids of those that did not exist yet."""
    new_orders = list(orders)
    added: dict[str, None] = {}
    for done, new_order in enumerate(new_orders, start=1):
        order_id = new_order.order.order_id
        if _add_order(new_order, table=table, dynamodb=dynamodb, now=now):
            added[order_id] = None
        progress.count(done, len(new_orders), order_id)
    return list(added)


def _add_order(new_order: NewOrder, *, table: str, dynamodb: DynamoDBClient, now: datetime) -> bool:
    order = new_order.order
    place = new_order.place
    row = {
        "order_id": order.order_id,
        "state": "OPEN",
        # The table holds numbers in decimal; a metre is more than an address tells.
        "distance_km": round(order.distance_km, 3),
        # In UTC, so that the index by state sorts these strings by time.
        "promised_at": order.promised_at.astimezone(UTC).isoformat(),
        "latitude": place.latitude if place else None,
        "longitude": place.longitude if place else None,
        "created_at": now.isoformat(),
        # A customer's address is personal data.
        "expires_at": int(order.promised_at.timestamp()) + RETENTION_SECONDS,
    }
    is_new = conditional_write(
        dynamodb.put_item, TableName=table, Item=to_item(row), ConditionExpression="attribute_not_exists(order_id)"
    )
    if is_new:
        return True
    # The SDK repeats a call whose answer was lost; the row is then there, and this run has made it.
    key = to_item({"order_id": order.order_id})
    stored = from_item(dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {}))
    return all(stored.get(name) == row[name] for name in ("created_at", "promised_at", "distance_km"))


def list_orders(*, table: str, dynamodb: DynamoDBClient) -> list[dict[str, Any]]:
    """Return the rows of all orders, open ones first, and within a state by their promised times."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    rows = [from_item(item) for page in pages for item in page["Items"]]
    return sorted(rows, key=lambda row: (STATES.index(row["state"]), row["promised_at"], row["order_id"]))


def write_orders(orders: Iterable[Order], path: Path) -> None:
    """Write orders to a CSV file in the form that `read_orders` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("order_id", "promised_at", "distance_km"))
        for order in orders:
            promised_at = order.promised_at.isoformat(timespec="seconds")
            rows.writerow((order.order_id, promised_at, f"{order.distance_km:.2f}"))
