"""The command that deletes the personal data of one driver."""

from __future__ import annotations

from typing import Annotated

import typer

from scones.cli.project import Project
from scones.cli.terminal import Json, print_rows, progress_console, reporter_for

app = typer.Typer()


@app.command(epilog="Example: `scones forget anna --plan`")
def forget(
    driver: Annotated[str, typer.Argument(help="ID of the driver, as in arrivals/ID/1.jpg.")],
    plan_only: Annotated[bool, typer.Option("--plan", help="Show what would be deleted, without deleting it.")] = False,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Delete everything that is known of one driver: images, decisions, captures, labels, table rows."""
    from scones.steps.forget import REMAINS, DriverRecords, find_traces, forget

    project = Project.load()
    outputs = project.outputs
    reporter = reporter_for(as_json)
    with reporter.step("find", f"everything of driver {driver}") as progress:
        records = DriverRecords(
            outputs["Bucket"],
            outputs["ArrivalsTable"],
            outputs["ReviewsTable"],
            outputs["DeliveryMachine"],
            client=project.client,
            progress=progress,
        )
        traces = find_traces(driver, records)
    counts = traces.counts()
    if not plan_only:
        if not is_confirmed:
            typer.confirm(f"Delete everything of driver {driver} ({counts})?", abort=True, err=True)
        with reporter.step("forget", f"driver {driver}"):
            forget(traces, records)
        progress_console(as_json).print(REMAINS, highlight=False, markup=False)
    print_rows([{"driver": driver, **counts}], ("driver", *counts), as_json)
