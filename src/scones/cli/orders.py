"""The commands of customer orders.

Steps are imported inside the commands, so that `scones --help` does not wait for numpy and boto3.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scones.cli.project import Project
from scones.cli.terminal import Json, Seed, print_rows, reporter_for

app = typer.Typer()
orders = typer.Typer(no_args_is_help=True, help="Manage customer orders: `import`, `add`, `list`, `sample`.")
app.add_typer(orders, name="orders", epilog="Example: `scones orders import evening.csv`")


@orders.command("import", epilog="Example: `scones orders import evening.csv`")
def import_orders(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV file with the columns order_id, promised_at, and distance_km or latitude and longitude.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Import orders from a CSV file; existing orders are left unchanged."""
    from scones.steps.orders import add_orders, read_orders

    project = Project.load()
    placed = read_orders(file, depot=project.settings.depot)
    table = project.storage["OrdersTable"]
    dynamodb = project.client("dynamodb")
    with reporter_for(as_json).step("orders", str(file)) as progress:
        added = add_orders(placed, table=table, dynamodb=dynamodb, progress=progress, now=datetime.now(UTC))
    row = {"orders": len(placed), "added": len(added), "known": len(placed) - len(added)}
    print_rows([row], tuple(row), as_json)


@orders.command("add", epilog="Example: `scones orders add o-17 --promised 2026-11-25T19:30+01:00 --km 3.2`")
def add_order(
    order: Annotated[str, typer.Argument(help="Order ID.")],
    promised: Annotated[
        str, typer.Option(help="Promised delivery time with a time zone, such as 2026-11-25T19:30+01:00.")
    ],
    km: Annotated[str, typer.Option(help="Distance from the depot in kilometres, one way.")] = "",
    latitude: Annotated[str, typer.Option(help="Latitude in degrees, instead of --km.")] = "",
    longitude: Annotated[str, typer.Option(help="Longitude in degrees, instead of --km.")] = "",
    as_json: Json = False,
) -> None:
    """Add one order."""
    from scones.progress import Progress
    from scones.steps.orders import add_orders, parse_order

    project = Project.load()
    columns = {
        "order_id": order,
        "promised_at": promised,
        "distance_km": km,
        "latitude": latitude,
        "longitude": longitude,
    }
    placed = parse_order(columns, "scones orders add", depot=project.settings.depot)
    table = project.storage["OrdersTable"]
    dynamodb = project.client("dynamodb")
    added = add_orders([placed], table=table, dynamodb=dynamodb, progress=Progress(), now=datetime.now(UTC))
    print_rows([{"order_id": order, "added": bool(added)}], ("order_id", "added"), as_json)


@orders.command("sample", epilog="Example: `scones orders sample evening.csv --seed 7`")
def sample(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="CSV file to write.")],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Generate the orders of a realistic evening that starts now, as a CSV file to import."""
    from scones.simulation.evening import sample_orders
    from scones.steps.orders import write_orders
    from scones.steps.storage.outputs import require_file

    require_file(file)
    project = Project.load()
    evening = sample_orders(project.settings.dispatch, seed, datetime.now(UTC))
    write_orders(evening, file)
    print_rows([{"file": str(file), "orders": len(evening)}], ("file", "orders"), as_json)


@orders.command("list", epilog="Example: `scones orders list --json`")
def list_all_orders(as_json: Json = False) -> None:
    """List the orders, open ones first."""
    from scones.steps.orders import list_orders

    project = Project.load()
    rows = list_orders(table=project.storage["OrdersTable"], dynamodb=project.client("dynamodb"))
    columns = ("order_id", "state", "promised_at", "distance_km", "arrival_id")
    print_rows(rows, columns, as_json, if_empty="no orders")
