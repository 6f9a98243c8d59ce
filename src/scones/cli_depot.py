"""The depot's commands, as `cli` adds them: what is done with the drivers, rather than with the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scones.errors import UsageError
from scones.terminal import Json, clients, outputs_of, print_rows, reporter_for

app = typer.Typer()


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
    from scones.steps import simulate as step

    if out.suffix != ".svg":
        raise UsageError(f"--out {out} must end in .svg: the picture is drawn as one")
    settings = load_settings()
    if evaluation:
        answers = step.read_evaluation(evaluation)
    else:
        client = clients()
        outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
        answers = step.newest_evaluation(
            outputs["ReleaseMachine"], outputs["Bucket"], stepfunctions=client("stepfunctions"), s3=client("s3")
        )
    with reporter_for(as_json).step(
        "simulate", f"{evenings} evenings with the answers of {answers['model']}"
    ) as progress:
        found = step.simulate(answers, settings.rules, evenings=evenings, seed=seed, step=progress)
        progress.note(f"picture: {step.draw(found, out)}")
    rows = [dict(found)] if as_json else step.summary(found)
    print_rows(rows, ("an evening", *found["policies"]), as_json)
