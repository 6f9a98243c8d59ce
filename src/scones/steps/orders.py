"""Orders: what customers wait for, from a CSV file or one by one into the table from which Dispatch gives them away.

Runs where the operator sits. An order that is there already stays as it is, so that a file may be imported twice.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scones.contract.layout import KEPT_SECONDS
from scones.dispatch_rule import Order
from scones.errors import OrderError
from scones.items import conditional_write, from_item, to_item
from scones.progress import Progress
from scones.settings import DepotSettings

MOST_BYTES, MOST_KM, MOST_ID = 16 * 1024 * 1024, 500, 64
STATES = ("OPEN", "ASSIGNED")
_EARTH_KM = 6371.0088
_COLUMNS = "order_id, promised_at, and distance_km or latitude and longitude"


@dataclass(frozen=True)
class Place:
    """Degrees of WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Placed:
    """An order, and the place that it goes to where one was given."""

    order: Order
    place: Place | None = None


def read_orders(path: Path, *, depot: DepotSettings) -> list[Placed]:
    """Read a CSV file with a head. Raises OrderError, naming the first line that is wrong.

    A place is as far as its great circle from the depot times the depot's `detour`.
    """
    if path.stat().st_size > MOST_BYTES:
        raise OrderError(f"{path} is larger than {MOST_BYTES // 2**20} MB; import it in parts")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        try:
            return [parse_order(row, f"{path}, line {rows.line_num}", depot=depot) for row in rows]
        except (csv.Error, UnicodeDecodeError) as error:
            raise OrderError(f"{path} is no CSV file in UTF-8 ({error}); it needs {_COLUMNS}") from error


def parse_order(row: dict[str, Any], where: str, *, depot: DepotSettings) -> Placed:
    """Read one order from its columns as texts. Raises OrderError that begins with `where`."""
    values = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str)}
    order_id = values.get("order_id", "")
    if not 1 <= len(order_id) <= MOST_ID:
        raise OrderError(f"{where}: order_id has {len(order_id)} characters, not 1 to {MOST_ID}; it needs {_COLUMNS}")
    if None in row:
        raise OrderError(f"{where}: it has more values than columns; write 3.2 rather than 3,2, and quote other commas")
    promised = _time(values.get("promised_at", ""), where)
    if values.get("distance_km"):
        return Placed(Order(order_id, _number(values, "distance_km", where, 0, MOST_KM), promised))
    if not values.get("latitude") or not values.get("longitude"):
        raise OrderError(f"{where}: order {order_id} has neither a distance nor a place; it needs {_COLUMNS}")
    if depot.latitude is None or depot.longitude is None:
        raise OrderError(f"{where}: order {order_id} has a place, and the depot has none; set [depot] in scones.toml")
    place = Place(_number(values, "latitude", where, -90, 90), _number(values, "longitude", where, -180, 180))
    distance = great_circle_km(Place(depot.latitude, depot.longitude), place) * depot.detour
    if distance > MOST_KM:
        raise OrderError(f"{where}: order {order_id} is {distance:.0f} km away, over {MOST_KM}; check its place")
    return Placed(Order(order_id, distance, promised), place)


def great_circle_km(one: Place, other: Place) -> float:
    """The haversine formula, on a sphere of the Earth's mean radius (Sinnott 1984, "Virtues of the Haversine")."""
    north, east = (math.radians(b - a) for a, b in ((one.latitude, other.latitude), (one.longitude, other.longitude)))
    across = math.cos(math.radians(one.latitude)) * math.cos(math.radians(other.latitude))
    half = math.sin(north / 2) ** 2 + across * math.sin(east / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1, half)))


def add_orders(orders: Iterable[Placed], *, table: str, dynamodb: Any, progress: Progress, now: datetime) -> list[str]:
    """Put orders into the table, open; return the ids of those that were not there yet."""
    added, waiting = [], list(orders)
    for done, placed in enumerate(waiting, start=1):
        if _add(placed, table=table, dynamodb=dynamodb, now=now):
            added.append(placed.order.order_id)
        progress.update(done, len(waiting), placed.order.order_id)
    return added


def list_orders(*, table: str, dynamodb: Any) -> list[dict[str, Any]]:
    """Return the rows of all orders, open ones first, each by its promised time."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    rows = [from_item(item) for page in pages for item in page["Items"]]
    return sorted(rows, key=lambda row: (STATES.index(row["state"]), row["promised_at"], row["order_id"]))


def write_orders(orders: Iterable[Order], path: Path) -> None:
    """Write a CSV file that `read_orders` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("order_id", "promised_at", "distance_km"))
        rows.writerows(
            (o.order_id, o.promised_at.isoformat(timespec="seconds"), f"{o.distance_km:.2f}") for o in orders
        )


def _add(placed: Placed, *, table: str, dynamodb: Any, now: datetime) -> bool:
    order = placed.order
    row = {
        "order_id": order.order_id,
        "state": "OPEN",
        "distance_km": round(order.distance_km, 3),
        "promised_at": order.promised_at.astimezone(UTC).isoformat(),
        "latitude": placed.place.latitude if placed.place else None,
        "longitude": placed.place.longitude if placed.place else None,
        "created_at": now.isoformat(),
        # Where somebody lives is personal.
        "expires_at": int(order.promised_at.timestamp()) + KEPT_SECONDS,
    }
    return conditional_write(
        dynamodb.put_item, TableName=table, Item=to_item(row), ConditionExpression="attribute_not_exists(order_id)"
    )


def _time(text: str, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise OrderError(f"{where}: promised_at {text!r} is no time; write 2026-11-25T19:30+01:00") from error
    raise OrderError(f"{where}: promised_at {text!r} has no time zone; write 2026-11-25T19:30+01:00")


def _number(values: dict[str, str], name: str, where: str, least: float, most: float) -> float:
    try:
        number = float(values[name])
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise OrderError(f"{where}: {name} {values[name]!r} is not a number from {least} to {most}")
    return number
