"""The depot's commands, as `cli` adds them: what is done with the drivers and orders, rather than with the model."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scones.cli.terminal import Json, clients, outputs_of, print_rows, reporter_for
from scones.errors import UsageError

app = typer.Typer()
orders = typer.Typer(no_args_is_help=True, help="What customers wait for: `import`, `add`, `list`, `sample`.")
app.add_typer(orders, name="orders", epilog="Example: `scones orders import evening.csv`")

_ORDER_COLUMNS = ("order_id", "state", "promised_at", "distance_km", "arrival_id")


@app.command(epilog="Example: `scones deliver gate/*.jpg --driver anna`")
def deliver(
    images: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Pictures from the gate.")],
    driver: Annotated[str, typer.Option(help="Whose arrival it is.", metavar="ID")] = "driver",
    as_json: Json = False,
) -> None:
    """Upload pictures as arrivals and wait for their decisions, a person's among them."""
    from scones.settings import load_settings
    from scones.steps.deliver import deliver as deliver_step
    from scones.steps.review import list_reviews

    settings, client = load_settings(), clients()
    outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
    pictures = [(f"{driver}/{path.name}", path.read_bytes()) for path in images]
    with reporter_for(as_json).step("deliver", f"{len(pictures)} arrivals") as progress:
        told: set[str] = set()

        def look() -> None:
            waiting = {one["arrival_id"] for one in list_reviews(outputs["ReviewFunction"], awslambda=client("lambda"))}
            if waiting - told:
                progress.note(f"{len(waiting)} wait for a person; answer with `scones review`")
            told.update(waiting)

        decisions = deliver_step(
            pictures,
            bucket=outputs["Bucket"],
            s3=client("s3"),
            progress=progress,
            meanwhile=look,
            timeout=(settings.review_minutes + 1) * 60,
        )
    given = [decision["assignment"] for decision in decisions]
    rows = [
        {**decision, "order": order and order["order_id"], "bay": order and order["bay"]}
        for decision, order in zip(decisions, given, strict=True)
    ]
    print_rows(rows, ("s3_key", "outcome", "label", "confidence", "order", "bay", "error"), as_json)


@app.command(epilog="Example: `scones deliveries --failed --redrive`")
def deliveries(
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed and was not started again.")] = False,
    redrive: Annotated[bool, typer.Option("--redrive", help="Start again what failed.")] = False,
    as_json: Json = False,
) -> None:
    """List deliveries, find those that failed, and start them again."""
    from scones.settings import load_settings
    from scones.steps import deliveries as deliveries_step

    settings, client = load_settings(), clients()
    outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
    machine, states = outputs["DeliveryMachine"], client("stepfunctions")
    queue = {"queue": outputs["DeadLetters"], "sqs": client("sqs")}
    if redrive:
        with reporter_for(as_json).step("redrive", "what failed") as progress:
            rows = deliveries_step.redrive(
                machine,
                **queue,
                table=outputs["ArrivalsTable"],
                stepfunctions=states,
                dynamodb=client("dynamodb"),
                progress=progress,
            )
    elif failed:
        rows = deliveries_step.failed_deliveries(machine, **queue, stepfunctions=states)
    else:
        rows = deliveries_step.list_deliveries(machine, stepfunctions=states)
    columns = ("name", "status", "started_at") + (("picture", "error", "cause") if failed or redrive else ())
    print_rows([dict(row) for row in rows], columns, as_json, empty="none")


@app.command(epilog="Example: `scones review 5f0c1d... bicycle`")
def review(
    arrival: Annotated[str | None, typer.Argument(help="An arrival that waits, as the list shows it.")] = None,
    answer: Annotated[str | None, typer.Argument(help="bicycle, motorcycle or neither.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who answers. Default: the user's name here.")] = None,
    as_json: Json = False,
) -> None:
    """List the pictures that wait for a person, or answer one."""
    from scones.settings import load_settings
    from scones.steps.review import answer_review, list_reviews, shown

    if arrival and not answer:
        raise UsageError("what is in the picture? say `scones review ARRIVAL bicycle`, motorcycle or neither")
    settings, client = load_settings(), clients()
    function = outputs_of(client, settings.workflow_stack)["ReviewFunction"]
    if arrival and answer:
        given = answer_review(function, arrival, answer, reviewer or getpass.getuser(), awslambda=client("lambda"))
        print_rows([{"arrival": arrival, **given}], ("arrival", "answer", "reviewer", "answered_at"), as_json)
        return
    waiting = list_reviews(function, awslambda=client("lambda"))
    rows = [dict(one) if as_json else shown(one) for one in waiting]
    print_rows(rows, tuple(rows[0]) if rows else (), as_json, empty="nothing waits")


@app.command(epilog="Example: `scones simulate --evaluation evaluation.json --evenings 50`")
def simulate(
    evenings: Annotated[int, typer.Option(min=2, max=10_000, help="How many evenings to play.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of all chance; the same seed gives the same evenings.")] = 0,
    evaluation: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="An evaluation.json. Default: the newest release's."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The picture to write: .svg.")] = Path("runs/simulation.svg"),
    as_json: Json = False,
) -> None:
    """Play evenings at a depot with the model's real answers, under four ways to give orders to drivers."""
    from scones.settings import load_settings
    from scones.steps import simulate as simulate_step

    if out.suffix != ".svg":
        raise UsageError(f"--out {out} must end in .svg: the picture is drawn as one")
    settings = load_settings()
    if evaluation:
        answers = simulate_step.read_evaluation(evaluation)
    else:
        client = clients()
        outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
        answers = simulate_step.newest_evaluation(
            outputs["ReleaseMachine"], outputs["Bucket"], stepfunctions=client("stepfunctions"), s3=client("s3")
        )
    with reporter_for(as_json).step(
        "simulate", f"{evenings} evenings with the answers of {answers['model']}"
    ) as progress:
        found = simulate_step.simulate(answers, settings.dispatch, evenings=evenings, seed=seed, progress=progress)
        progress.note(f"picture: {simulate_step.draw(found, out)}")
    rows = [dict(found)] if as_json else simulate_step.summary(found)
    print_rows(rows, ("an evening", *found["policies"]), as_json)


@orders.command("import", epilog="Example: `scones orders import evening.csv`")
def import_orders(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV: order_id, promised_at, and distance_km or latitude and longitude."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Import a CSV file of orders; those that are there already stay as they are."""
    from scones.settings import load_settings
    from scones.steps.orders import add_orders, read_orders

    settings, client = load_settings(), clients()
    found = read_orders(file, depot=settings.depot)
    table = outputs_of(client, settings.storage_stack)["OrdersTable"]
    with reporter_for(as_json).step("orders", str(file)) as progress:
        added = add_orders(found, table=table, dynamodb=client("dynamodb"), progress=progress, now=datetime.now(UTC))
    row = {"orders": len(found), "added": len(added), "known": len(found) - len(added)}
    print_rows([row], tuple(row), as_json)


@orders.command("add", epilog="Example: `scones orders add o-17 --promised 2026-11-25T19:30+01:00 --km 3.2`")
def add_order(
    order: Annotated[str, typer.Argument(help="The order's id.")],
    promised: Annotated[str, typer.Option(help="By when, with a time zone: 2026-11-25T19:30+01:00.")],
    km: Annotated[str, typer.Option(help="Kilometres from the depot, one way.")] = "",
    latitude: Annotated[str, typer.Option(help="Degrees, where there is no --km.")] = "",
    longitude: Annotated[str, typer.Option(help="Degrees, where there is no --km.")] = "",
    as_json: Json = False,
) -> None:
    """Add one order."""
    from scones.progress import Progress
    from scones.settings import load_settings
    from scones.steps.orders import add_orders, parse_order

    settings, client = load_settings(), clients()
    columns = {"order_id": order, "promised_at": promised, "distance_km": km}
    columns |= {"latitude": latitude, "longitude": longitude}
    placed = parse_order(columns, "scones orders add", depot=settings.depot)
    table = outputs_of(client, settings.storage_stack)["OrdersTable"]
    added = add_orders([placed], table=table, dynamodb=client("dynamodb"), progress=Progress(), now=datetime.now(UTC))
    print_rows([{"order_id": order, "added": bool(added)}], ("order_id", "added"), as_json)


@orders.command("sample", epilog="Example: `scones orders sample evening.csv --seed 7`")
def sample(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The CSV file to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Of all chance; the same seed draws the same evening.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw the orders of a realistic evening that begins now, to import."""
    from scones.settings import load_settings
    from scones.simulation.evening import sample_orders
    from scones.steps.orders import write_orders

    found = sample_orders(load_settings().dispatch, seed, datetime.now(UTC))
    write_orders(found, file)
    print_rows([{"file": str(file), "orders": len(found)}], ("file", "orders"), as_json)


@orders.command("list", epilog="Example: `scones orders list --json`")
def list_all_orders(as_json: Json = False) -> None:
    """List the orders, open ones first."""
    from scones.settings import load_settings
    from scones.steps.orders import list_orders

    settings, client = load_settings(), clients()
    table = outputs_of(client, settings.storage_stack)["OrdersTable"]
    print_rows(list_orders(table=table, dynamodb=client("dynamodb")), _ORDER_COLUMNS, as_json, empty="no orders")
