"""The depot's commands: deliveries, reviews, and the simulation of evenings.

Steps are imported inside the commands, so that `scones --help` does not wait for numpy, boto3 and matplotlib.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scones.cli.outcomes import decision_line, remedy, summary_line
from scones.cli.project import Project
from scones.cli.terminal import Json, Seed, print_rows, reporter_for
from scones.cli.times import parse_since
from scones.errors import DeliveryError, UsageError

if TYPE_CHECKING:
    from scones.contract.delivery import Decision
    from scones.progress import Progress
    from scones.steps.deliver import Schedule
    from scones.steps.deliveries import DeliveryContext
    from scones.steps.run.delivery import Delivery

app = typer.Typer()


@app.command(epilog="Example: `scones deliver gate/*.jpg --driver anna`")
def deliver(
    images: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Image files from the camera.")],
    driver: Annotated[str, typer.Option(help="Driver who arrives.", metavar="ID")] = "driver",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Upload the images without waiting.")] = False,
    as_json: Json = False,
) -> None:
    """Upload images as arrivals and wait for the decisions, including manual reviews."""
    from scones.steps.deliver import deliver, upload

    project = Project.load()
    bucket = project.outputs["Bucket"]
    s3 = project.client("s3")
    arrivals = [(f"{driver}/{path.name}", path.read_bytes()) for path in images]
    with reporter_for(as_json).step("deliver", f"{len(arrivals)} arrivals") as progress:
        if no_wait:
            keys = upload(arrivals, bucket=bucket, s3=s3, progress=progress)
        else:
            schedule = _schedule(project, progress)
            decisions = deliver(arrivals, bucket=bucket, s3=s3, progress=progress, schedule=schedule)
            progress.note(summary_line(decisions))
    if no_wait:
        print_rows([{"s3_key": key} for key in keys], ("s3_key",), as_json)
        return
    # A person has seen each decision already.
    if as_json:
        print_rows([dict(decision) for decision in decisions], (), as_json)
    _require_no_failure(decisions)


def _schedule(project: Project, progress: Progress) -> Schedule:
    from scones.steps.deliver import Schedule

    return Schedule(
        # A minute more than a review may take, so that a review that times out is a decision, too.
        timeout=(project.settings.review_minutes + 1) * 60,
        meanwhile=_review_notes(project, progress),
        decided=lambda decision: progress.note(decision_line(decision)),
    )


def _require_no_failure(decisions: Sequence[Decision]) -> None:
    """Raise DeliveryError if a delivery failed. A rejected image is a decision, and no failure."""
    failed = [decision for decision in decisions if decision["outcome"] == "FAILED"]
    if failed:
        remedies = sorted({remedy(decision["error"]) for decision in failed})
        raise DeliveryError(f"{len(failed)} of {len(decisions)} deliveries failed; {'; '.join(remedies)}")


def _review_notes(project: Project, progress: Progress) -> Callable[[], None]:
    """Return a function that notes how many arrivals wait for review, whenever a new one does."""
    from scones.steps.review import list_reviews

    noted: set[str] = set()

    def note_new_reviews() -> None:
        reviews = list_reviews(project.workflow["ReviewFunction"], awslambda=project.client("lambda"))
        waiting = {review["arrival_id"] for review in reviews}
        if waiting - noted:
            verb = "waits" if len(waiting) == 1 else "wait"
            progress.note(f"{len(waiting)} {verb} for review; answer with `scones review`")
        noted.update(waiting)

    return note_new_reviews


@app.command(epilog="Example: `scones deliveries --driver anna --since 2h`")
def deliveries(
    name: Annotated[str | None, typer.Argument(help="Name of a delivery, or its beginning. Default: all.")] = None,
    driver: Annotated[str | None, typer.Option(help="Only deliveries of this driver.", metavar="ID")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only deliveries since then: 2h, 3d, or 2026-11-25T19:30.", metavar="TIME")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of deliveries, newest first.")] = 50,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="All deliveries of the last 14 days that failed and have not been retried."),
    ] = False,
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Retry the failed deliveries of the last 14 days.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List deliveries, find those that failed, and retry them."""
    from scones.steps import deliveries as steps
    from scones.steps.run.delivery import Selection

    selection = Selection(name or "", driver, None if since is None else parse_since(since, datetime.now(UTC)))
    context = _delivery_context(Project.load())
    if redrive:
        if name:
            selection = replace(selection, name=steps.find_failed(name, context))
        with reporter_for(as_json).step("redrive", "the failed deliveries") as progress:
            rows = steps.redrive(context, selection, progress=progress)
    elif failed:
        rows = steps.failed_deliveries(context, selection)
    else:
        rows = steps.list_deliveries(context, selection, limit=limit)
    columns = ("started_at", "driver", "image", "outcome", "order_id", "name", "cause")
    print_rows([dict(row) if as_json else _shown(row) for row in rows], columns, as_json, if_empty="no deliveries")


def _delivery_context(project: Project) -> DeliveryContext:
    from scones.steps.deliveries import DeliveryContext

    outputs = project.outputs
    return DeliveryContext(
        outputs["DeliveryMachine"],
        outputs["DeadLetters"],
        outputs["ArrivalsTable"],
        stepfunctions=project.client("stepfunctions"),
        sqs=project.client("sqs"),
        dynamodb=project.client("dynamodb"),
    )


def _shown(delivery: Delivery) -> dict[str, object]:
    """Return a delivery as the row of a table: the state of one without an outcome, and the error with its cause."""
    return {
        **delivery,
        "image": (delivery["s3_key"] or "").rpartition("/")[2],
        "outcome": delivery["outcome"] or delivery["status"],
        "cause": ": ".join(text for text in (delivery["error"], delivery["cause"]) if text),
    }


@app.command(epilog="Example: `scones review 5f0c bicycle`")
def review(
    arrival: Annotated[
        str | None, typer.Argument(help="Arrival ID, or its beginning, as `scones review` lists it.")
    ] = None,
    answer: Annotated[str | None, typer.Argument(help="bicycle, motorcycle or neither, in any case.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Name of the reviewer. Default: the current user.")] = None,
    as_json: Json = False,
) -> None:
    """List the images that wait for manual review, or answer one."""
    from scones.steps.review import answer_review, list_reviews, resolve, shown

    if arrival and not answer:
        raise UsageError("the answer is missing; run `scones review ARRIVAL bicycle`, or motorcycle or neither")
    project = Project.load()
    function = project.workflow["ReviewFunction"]
    awslambda = project.client("lambda")
    if arrival and answer:
        arrival_id, label = resolve(arrival, answer, list_reviews(function, awslambda=awslambda))
        saved = answer_review(function, arrival_id, label, reviewer or getpass.getuser(), awslambda=awslambda)
        print_rows([{"arrival_id": arrival_id, **saved}], ("arrival_id", "answer", "reviewer", "answered_at"), as_json)
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
    from scones.steps.storage.outputs import require_file

    if out.suffix != ".svg":
        raise UsageError(f"--out {out} must end in .svg; other formats are not supported")
    require_file(out)
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
