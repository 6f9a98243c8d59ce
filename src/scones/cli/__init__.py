"""The command line: parses, calls one step, prints. The only place that catches SconesError."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from scones import __version__
from scones.cli import depot
from scones.cli.terminal import Json, clients, outputs_of, print_rows, reporter_for, shown_on
from scones.errors import DataNotFoundError, SconesError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Bicycle or motorcycle? The whole SageMaker workflow, on AWS and on a laptop. Start with `scones demo`.",
)
_INTERRUPTED = 130

Plan = Annotated[bool, typer.Option("--plan", help="Show what would happen and touch nothing.")]
Data = Annotated[
    str | None,
    typer.Argument(
        help="Folder of images, cifar-100-python.tar.gz, or the word sketches. Default: $SCONES_DATA, else a download."
    ),
]
Negatives = Annotated[
    str | None,
    typer.Option(
        help="Folder of pictures of other things, to learn what is neither: <kind>/* or {train,test}/<kind>/*. "
        "Default: $SCONES_NEGATIVES."
    ),
]


@app.command(epilog="Example: `scones demo --data photos/ --keep`")
def demo(
    data: Annotated[str | None, typer.Option(help="Images to use; see `scones stage --help`.")] = None,
    negatives: Negatives = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, to look around.")] = False,
    arrivals: Annotated[int, typer.Option(min=1, max=200, help="Test images to deliver.")] = 24,
    epochs: Annotated[int | None, typer.Option(min=1, max=200, help="Epochs to train, instead of the default.")] = None,
    as_json: Json = False,
) -> None:
    """Run everything on this laptop: stage, release, deliver, report, clean up."""
    from scones.demo import run_demo

    folder = run_demo(
        data=data, negatives=negatives, keep=keep, arrivals=arrivals, epochs=epochs, console=shown_on(as_json)
    )
    if as_json:
        print((folder / "summary.json").read_text(encoding="utf-8"))


@app.command(epilog="Example: `scones deploy --plan`")
def deploy(plan: Plan = False, as_json: Json = False) -> None:
    """Bring the two stacks and the container image to what `infra/` says."""
    from scones.settings import load_settings
    from scones.steps import deploy as deploy_step
    from scones.steps.account.container_image import build_image

    settings, client = load_settings(), clients()
    if plan:
        changes = deploy_step.plan(settings, cloudformation=client("cloudformation"))
        columns = ("stack", "action", "resource", "type", "replacement")
        print_rows([vars(change) for change in changes], columns, as_json, empty="nothing to change")
        return
    reporter = reporter_for(as_json)
    with reporter.step("deploy", "the two stacks") as progress:
        outputs = deploy_step.deploy(
            settings, cloudformation=client("cloudformation"), s3=client("s3"), progress=progress
        )
    with reporter.step("image", "the container image, built in the account") as progress:
        build_image(
            settings, outputs["ImageBuild"], codebuild=client("codebuild"), ecr=client("ecr"), progress=progress
        )
    print_rows([{"output": key, "value": value} for key, value in outputs.items()], ("output", "value"), as_json)


@app.command(epilog="Example: `scones stage ../images --allow-bad 3`")
def stage(
    source: Data = None,
    negatives: Negatives = None,
    labels: Annotated[bool, typer.Option("--labels", help="Learn from people's answers in review, too.")] = False,
    allow_bad: Annotated[int | None, typer.Option(min=0, help="Unreadable files to accept (default: 5 %).")] = None,
    as_json: Json = False,
) -> None:
    """Check, deduplicate, split and upload images; prints the digest that names the data set."""
    from scones.laptop import CACHE
    from scones.settings import load_settings
    from scones.steps.dataset.labels import with_labels
    from scones.steps.dataset.source import find_source, with_negatives
    from scones.steps.stage import stage as stage_step

    settings, client = load_settings(), clients()
    bucket = outputs_of(client, settings.storage_stack)["Bucket"]
    doing = "check, split and upload the images"
    with TemporaryDirectory() as folder, reporter_for(as_json).step("stage", doing) as progress:
        found = with_negatives(find_source(source, os.environ, CACHE, progress), negatives, os.environ)
        if labels:
            found = with_labels(found, bucket, Path(folder), s3=client("s3"), progress=progress)
        staged = stage_step(
            found, s3=client("s3"), bucket=bucket, seed=settings.seed, allow_bad=allow_bad, progress=progress
        )
    manifest = staged.manifest
    row = {"digest": manifest["digest"], "uploaded": staged.uploaded, "unchanged": staged.unchanged} | {
        f"{split} {name}": n for split, counts in manifest["counts"].items() for name, n in counts.items()
    }
    print_rows([row], tuple(row), as_json)


@app.command(epilog="Example: `scones release 3f2a... --backbone weights.npz`")
def release(
    digest: Annotated[str, typer.Argument(help="Digest of a staged data set, as `scones stage` prints it.")],
    backbone: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Weights to start from, of tools/pretrain.py; not our own."),
    ] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Start from no weights.")] = False,
    as_json: Json = False,
) -> None:
    """Train, evaluate, gate, register and deploy; follow it live."""
    if backbone and from_scratch:
        raise typer.BadParameter("--backbone starts from weights and --from-scratch from none; give one of them")
    from scones.settings import load_settings
    from scones.steps import release as release_step
    from scones.steps.run.gather import manifest as read_manifest

    settings, client = load_settings(), clients()
    if from_scratch:
        settings = settings.model_copy(update={"hyperparameters": {**settings.hyperparameters, "backbone": "none"}})
    outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
    manifest = read_manifest(outputs["Bucket"], digest, s3=client("s3"))
    if manifest is None:
        raise DataNotFoundError(
            f"no data set {digest} is staged; run `scones stage` and take the digest that it prints"
        )
    weights = release_step.upload_backbone(backbone, bucket=outputs["Bucket"], s3=client("s3")) if backbone else None
    request = release_step.release_input(settings, manifest, backbone=weights)
    with reporter_for(as_json).step("release", request["name"]) as progress:
        execution = release_step.release(
            outputs["ReleaseMachine"],
            request,
            stepfunctions=client("stepfunctions"),
            logs=client("logs"),
            progress=progress,
        )
    print_rows([{"release": request["name"], "execution": execution}], ("release", "execution"), as_json)


@app.command(epilog="Example: `scones evaluate --data photos/ --others street/`")
def evaluate(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder with a folder for each class.")],
    others: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder with a folder for each other thing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the newest release's model on any labelled images."""
    from scones.settings import load_settings
    from scones.steps.evaluate import evaluate as evaluate_step
    from scones.steps.evaluate import summary

    settings, client = load_settings(), clients()
    outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
    with reporter_for(as_json).step("evaluate", str(data)):
        measured = evaluate_step(
            data,
            others,
            machine=outputs["ReleaseMachine"],
            bucket=outputs["Bucket"],
            stepfunctions=client("stepfunctions"),
            s3=client("s3"),
        )
    print_rows([dict(measured)] if as_json else summary(measured), ("measure", "value", "low", "high", "n"), as_json)


@app.command(epilog="Example: `scones classify s3://camera-archive/2026/ --out answers.parquet`")
def classify(
    source: Annotated[str, typer.Argument(help="Folder of images, or s3://bucket/prefix.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv, .jsonl or .parquet.")],
    as_json: Json = False,
) -> None:
    """Classify thousands of images with the newest release's model; run it again to go on where it broke off."""
    from scones.settings import load_settings
    from scones.steps import classify as classify_step
    from scones.steps.run.gather import released

    settings, client = load_settings(), clients()
    outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
    release = released(outputs["ReleaseMachine"], stepfunctions=client("stepfunctions"))["name"]
    work = classify_step.Work(release, source, outputs["Bucket"], settings.classify_instance_type, settings.tags)
    with reporter_for(as_json).step("classify", source) as progress:
        rows = classify_step.classify(work, out, s3=client("s3"), sagemaker=client("sagemaker"), progress=progress)
    print_rows(
        [classify_step.summary(rows) | {"file": str(out)}], ("file", "images", "accept", "review", "error"), as_json
    )


@app.command(epilog="Example: `scones report --out runs/today`")
def report(
    out: Annotated[Path, typer.Option(help="Folder for report.html and summary.json.")] = Path("runs/latest"),
    as_json: Json = False,
) -> None:
    """Write the report of the newest release and all deliveries."""
    from scones.settings import load_settings
    from scones.steps import report as report_step

    settings, client = load_settings(), clients()
    outputs = outputs_of(client, settings.storage_stack, settings.workflow_stack)
    reporter = reporter_for(as_json)
    with reporter.step("report", str(out)):
        run = report_step.collect(
            settings,
            outputs,
            run_id=out.name,
            where=client("s3").meta.region_name,
            **{name: client(name) for name in report_step.SERVICES},
        )
        page = report_step.write(run | {"seconds": reporter.seconds}, out)
    print_rows([{"report": str(page)}], ("report",), as_json)


@app.command(epilog="Example: `scones cleanup --plan`")
def cleanup(plan: Plan = False, as_json: Json = False) -> None:
    """Delete all that carries the project's tag or name, and prove that nothing is left."""
    from scones.settings import load_settings
    from scones.steps.account.inventory import inventory
    from scones.steps.cleanup import cleanup as cleanup_step

    settings, client = load_settings(), clients()
    if plan:
        found = list(inventory(settings, client=client))
    else:
        with reporter_for(as_json).step("cleanup", f"everything of {settings.project}") as progress:
            found = cleanup_step(settings, client=client, progress=progress)
    print_rows([vars(resource) for resource in found], ("kind", "id"), as_json, empty="nothing there")


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


# One list of commands for whoever asks for help, whichever module they stand in.
app.add_typer(depot.app)


def _add_groups() -> None:
    for entry in entry_points(group="scones.commands"):
        app.add_typer(entry.load(), name=entry.name)


def main() -> None:
    """Run the command line and turn what went wrong into one line and an exit code."""
    _add_groups()
    try:
        app()
    except SconesError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(f"{type(error).__name__}: {error}", 1)
    except Exception as error:
        if type(error).__module__.startswith(("botocore", "boto3", "s3transfer")):
            _fail(f"AWS: {type(error).__name__}: {error}", 1)
        raise
    except SystemExit as ended:
        # Typer turns Ctrl-C into this code and says nothing.
        if ended.code == _INTERRUPTED:
            _fail("interrupted", _INTERRUPTED)
        raise


def _fail(message: str, code: int) -> None:
    Console(stderr=True, soft_wrap=True).print(f"[red]error:[/] {' '.join(message.split())}", highlight=False)
    sys.exit(code)
