"""The depot's commands: deliveries, reviews, orders, and the simulation of evenings.

Steps are imported inside the commands, so that `scones --help` does not wait for numpy, boto3 and matplotlib.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scones.cli.project import Project
from scones.cli.terminal import Json, print_rows, reporter_for
from scones.errors import UsageError

if TYPE_CHECKING:
    from scones.contract.delivery import Decision
    from scones.progress import Progress

app = typer.Typer()
orders = typer.Typer(no_args_is_help=True, help="Manage customer orders: `import`, `add`, `list`, `sample`.")
app.add_typer(orders, name="orders", epilog="Example: `scones orders import evening.csv`")

Seed = Annotated[int, typer.Option(min=0, help="Random seed; runs with the same seed are identical.")]


@app.command(epilog="Example: `scones deliver gate/*.jpg --driver anna`")
def deliver(
    images: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Image files from the camera.")],
    driver: Annotated[str, typer.Option(help="Driver who arrives.", metavar="ID")] = "driver",
    as_json: Json = False,
) -> None:
    """Upload images as arrivals and wait for the decisions, including manual reviews."""
    from scones.steps.deliver import Schedule, deliver

    project = Project.load()
    outputs = project.outputs
    arrivals = [(f"{driver}/{path.name}", path.read_bytes()) for path in images]
    # A minute more than a review may take, so that a review that times out is a decision, too.
    timeout = (project.settings.review_minutes + 1) * 60
    with reporter_for(as_json).step("deliver", f"{len(arrivals)} arrivals") as progress:
        decisions = deliver(
            arrivals,
            bucket=outputs["Bucket"],
            s3=project.client("s3"),
            progress=progress,
            schedule=Schedule(timeout=timeout, meanwhile=_review_notes(project, progress)),
        )
    rows = [_decision_row(decision) for decision in decisions]
    print_rows(rows, ("s3_key", "outcome", "label", "confidence", "order", "bay", "error"), as_json)


def _review_notes(project: Project, progress: Progress) -> Callable[[], None]:
    """Return a function that notes how many arrivals wait for review, whenever a new one does."""
    from scones.steps.review import list_reviews

    noted: set[str] = set()

    def note_new_reviews() -> None:
        reviews = list_reviews(project.workflow["ReviewFunction"], awslambda=project.client("lambda"))
        waiting = {review["arrival_id"] for review in reviews}
        if waiting - noted:
            progress.note(f"{len(waiting)} wait for review; answer with `scones review`")
        noted.update(waiting)

    return note_new_reviews


def _decision_row(decision: Decision) -> dict[str, object]:
    assignment = decision["assignment"]
    return {
        **decision,
        "order": assignment and assignment["order_id"],
        "bay": assignment and assignment["bay"],
    }


@app.command(epilog="Example: `scones deliveries --failed --redrive`")
def deliveries(
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Only deliveries of the last 14 days that failed and have not been retried."),
    ] = False,
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Retry the failed deliveries of the last 14 days.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List deliveries, find those that failed, and retry them."""
    from scones.steps import deliveries as steps

    project = Project.load()
    outputs = project.outputs
    context = steps.DeliveryContext(
        outputs["DeliveryMachine"],
        outputs["DeadLetters"],
        outputs["ArrivalsTable"],
        stepfunctions=project.client("stepfunctions"),
        sqs=project.client("sqs"),
        dynamodb=project.client("dynamodb"),
    )
    if redrive:
        with reporter_for(as_json).step("redrive", "the failed deliveries") as progress:
            rows = steps.redrive(context, progress=progress)
    elif failed:
        rows = steps.failed_deliveries(context)
    else:
        rows = steps.list_deliveries(context)
    columns = ["name", "status", "started_at"]
    if failed or redrive:
        columns += ["s3_key", "error", "cause"]
    print_rows([dict(row) for row in rows], columns, as_json, if_empty="none")


@app.command(epilog="Example: `scones review 5f0c1d... bicycle`")
def review(
    arrival: Annotated[str | None, typer.Argument(help="Arrival ID, as `scones review` lists it.")] = None,
    answer: Annotated[str | None, typer.Argument(help="bicycle, motorcycle or neither.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Name of the reviewer. Default: the current user.")] = None,
    as_json: Json = False,
) -> None:
    """List the images that wait for manual review, or answer one."""
    from scones.steps.review import answer_review, list_reviews, shown

    if arrival and not answer:
        raise UsageError("the answer is missing; run `scones review ARRIVAL bicycle`, or motorcycle or neither")
    project = Project.load()
    function = project.workflow["ReviewFunction"]
    awslambda = project.client("lambda")
    if arrival and answer:
        saved = answer_review(function, arrival, answer, reviewer or getpass.getuser(), awslambda=awslambda)
        print_rows([{"arrival": arrival, **saved}], ("arrival", "answer", "reviewer", "answered_at"), as_json)
        return
    reviews = list_reviews(function, awslambda=awslambda)
    rows = [dict(review) if as_json else shown(review) for review in reviews]
    print_rows(rows, tuple(rows[0]) if rows else (), as_json, if_empty="nothing waits")


@app.command(epilog="Example: `scones simulate --evaluation evaluation.json --evenings 50`")
def simulate(
    evenings: Annotated[int, typer.Option(min=2, max=10_000, help="Number of evenings to simulate.")] = 200,
    seed: Seed = 0,
    evaluation: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="An evaluation.json. Default: the newest release's."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Output chart, as .svg.")] = Path("runs/simulation.svg"),
    as_json: Json = False,
) -> None:
    """Simulate evenings at a depot with the model's real predictions, under four dispatch policies."""
    from scones.steps.simulate import draw, newest_evaluation, read_evaluation, simulate, summary

    if out.suffix != ".svg":
        raise UsageError(f"--out {out} must end in .svg; other formats are not supported")
    project = Project.load()
    if evaluation:
        measured = read_evaluation(evaluation)
    else:
        measured = newest_evaluation(
            project.outputs["ReleaseMachine"],
            project.outputs["Bucket"],
            stepfunctions=project.client("stepfunctions"),
            s3=project.client("s3"),
        )
    doing = f"{evenings} evenings with the predictions of {measured['model']}"
    with reporter_for(as_json).step("simulate", doing) as progress:
        simulation = simulate(measured, project.settings.dispatch, evenings=evenings, seed=seed, progress=progress)
        progress.note(f"chart: {draw(simulation, out)}")
    rows = [dict(simulation)] if as_json else summary(simulation)
    print_rows(rows, ("mean per evening", *simulation["policies"]), as_json)


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
