"""The commands that deploy the project, make and use its model, and remove it all again.

Steps are imported inside the commands, so that `scones --help` does not wait for numpy, boto3 and matplotlib.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from scones.cli.project import Project
from scones.cli.terminal import Json, print_rows, progress_console, reporter_for, warn
from scones.console import plain
from scones.errors import DataNotFoundError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

app = typer.Typer()

Plan = Annotated[bool, typer.Option("--plan", help="Show what the command would change, without changing anything.")]
Data = Annotated[
    str | None,
    typer.Argument(
        help="Folder of images, cifar-100-python.tar.gz, or `sketches` for generated drawings. "
        "Default: $SCONES_DATA, otherwise a download of CIFAR-100."
    ),
]
Negatives = Annotated[
    str | None,
    typer.Option(
        help="Folder of out-of-distribution images, as KIND/* or {train,test}/KIND/*: what is neither class. "
        "Default: $SCONES_NEGATIVES."
    ),
]


def _name_settings(as_json: bool) -> None:
    """Print where the settings come from: a command that changes something may run in the wrong folder."""
    from scones.settings import settings_origin

    progress_console(as_json).print(plain(f"settings: {settings_origin()}"), highlight=False)


@app.command(epilog="Example: `scones demo --data photos/ --keep`")
def demo(
    data: Annotated[str | None, typer.Option(help="Image source; see `scones stage --help`.")] = None,
    negatives: Negatives = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the local AWS and its resources after the demo.")] = False,
    arrivals: Annotated[int, typer.Option(min=1, max=200, help="Number of test images to deliver.")] = 24,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=200, help="Number of training epochs, instead of the default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run everything on this laptop: stage, release, deliver, report, clean up."""
    from scones.demo import DemoOptions, run_demo

    options = DemoOptions(data=data, negatives=negatives, keep=keep, arrivals=arrivals, epochs=epochs)
    folder = run_demo(options, progress_console(as_json))
    if as_json:
        print((folder / "summary.json").read_text(encoding="utf-8"))


@app.command(epilog="Example: `scones deploy --plan`")
def deploy(
    plan_only: Plan = False,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Deploy the default settings over those of a deployed project.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create or update the two stacks and the container image from `infra/`."""
    from scones.settings import has_settings
    from scones.steps.account.container_image import build_image
    from scones.steps.deploy import deploy, plan, require_no_stack

    project = Project.load()
    cloudformation = project.client("cloudformation")
    _name_settings(as_json)
    if plan_only:
        changes = [vars(change) for change in plan(project.settings, cloudformation=cloudformation)]
        columns = ("stack", "action", "resource", "type", "replacement")
        print_rows(changes, columns, as_json, if_empty="nothing to change")
        return
    if not (defaults or has_settings()):
        require_no_stack(project.settings, cloudformation=cloudformation)
    reporter = reporter_for(as_json)
    with reporter.step("deploy", "the two stacks") as progress:
        outputs = deploy(project.settings, cloudformation=cloudformation, s3=project.client("s3"), progress=progress)
    with reporter.step("image", "the container image, built in the account") as progress:
        build_image(project.settings, outputs["ImageBuild"], client=project.client, progress=progress)
    rows = [{"output": name, "value": value} for name, value in outputs.items()]
    print_rows(rows, ("output", "value"), as_json)


@app.command(epilog="Example: `scones stage ../images --allow-bad 3`")
def stage(
    source: Data = None,
    negatives: Negatives = None,
    labels: Annotated[bool, typer.Option("--labels", help="Add the images that reviewers have labelled.")] = False,
    allow_bad: Annotated[
        int | None, typer.Option(min=0, help="Maximum number of unreadable files. Default: 5% of all files.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate, deduplicate, split and upload images; print the digest of the data set."""
    from scones.laptop import CACHE
    from scones.steps.dataset.labels import with_labels
    from scones.steps.dataset.source import find_source, with_negatives
    from scones.steps.stage import stage

    project = Project.load()
    bucket = project.storage["Bucket"]
    s3 = project.client("s3")
    doing = "check, split and upload the images"
    with TemporaryDirectory() as folder, reporter_for(as_json).step("stage", doing) as progress:
        images = find_source(source, os.environ, CACHE, progress)
        images = with_negatives(images, negatives, os.environ)
        if labels:
            images = with_labels(images, bucket, Path(folder), s3=s3, progress=progress)
        staged = stage(images, s3=s3, bucket=bucket, seed=project.settings.seed, allow_bad=allow_bad, progress=progress)
    manifest = staged.manifest
    row: dict[str, object] = {
        "digest": manifest["digest"],
        "uploaded": staged.uploaded,
        "unchanged": staged.unchanged,
        "counts": manifest["counts"],
    }
    shown = {f"{split} {name}": n for split, counts in manifest["counts"].items() for name, n in counts.items()}
    print_rows([row | shown if not as_json else row], ("digest", "uploaded", "unchanged", *shown), as_json)


@app.command(epilog="Example: `scones release 3f2a --backbone weights.npz`")
def release(
    digest: Annotated[
        str | None,
        typer.Argument(help="Digest of a staged data set, or its beginning. Default: the data set staged last."),
    ] = None,
    backbone: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Initial weights (.npz from tools/pretrain.py) instead of the bundled ones.",
        ),
    ] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Train from random initialisation.")] = False,
    as_json: Json = False,
) -> None:
    """Train, evaluate, gate, register and deploy a model, showing live progress."""
    if backbone and from_scratch:
        raise typer.BadParameter("--backbone excludes --from-scratch; give one of them")
    from scones.steps.release import release, release_input, summary, upload_backbone
    from scones.steps.run.gather import evaluation as read_evaluation
    from scones.steps.run.gather import manifest as read_manifest

    project = Project.load()
    settings = project.settings
    if from_scratch:
        settings = settings.model_copy(update={"hyperparameters": {**settings.hyperparameters, "backbone": "none"}})
    outputs = project.outputs
    _name_settings(as_json)
    s3 = project.client("s3")
    digest = _staged_digest(digest, outputs["Bucket"], s3, progress_console(as_json))
    manifest = read_manifest(outputs["Bucket"], digest, s3=s3)
    if manifest is None:
        raise DataNotFoundError(f"data set {digest} does not exist; run `scones stage` and use the digest it prints")
    weights = upload_backbone(backbone, bucket=outputs["Bucket"], s3=s3) if backbone else None
    request = release_input(settings, manifest, backbone=weights)
    with reporter_for(as_json).step("release", request["name"]) as progress:
        execution = release(outputs["ReleaseMachine"], request, client=project.client, progress=progress)
    evaluation = read_evaluation(outputs["Bucket"], request["name"], s3=s3)
    row = summary(request, execution, evaluation, endpoint=settings.project)
    print_rows([row], ("release", "accuracy", "accuracy_low", "accuracy_high", "minimum_accuracy", "endpoint"), as_json)
    if not as_json:
        print("Next: `scones orders import FILE.csv`, then `scones deliver IMAGE`; `scones report` shows the details.")


def _staged_digest(prefix: str | None, bucket: str, s3: S3Client, console: Console) -> str:
    """Return the digest that a prefix names, or the one staged last, and say which."""
    from scones.steps.dataset.staged import find_digest, newest_digest

    if prefix is not None:
        return find_digest(prefix, bucket, s3=s3)
    digest, staged_at = newest_digest(bucket, s3=s3)
    console.print(plain(f"data set {digest}, staged last, at {staged_at:%Y-%m-%d %H:%M} UTC"), highlight=False)
    return digest


def _warn_of_others(folder: Path | None) -> Path | None:
    if folder is not None:
        warn("--others is deprecated; use --negatives")
    return folder


@app.command(epilog="Example: `scones evaluate --data photos/ --negatives street/`")
def evaluate(
    data: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of labelled images, as CLASS/* or test/CLASS/*.")
    ],
    negatives: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of out-of-distribution images, as KIND/*."),
    ] = None,
    others: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, hidden=True, callback=_warn_of_others)
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate the newest release's model on labelled images."""
    from scones.steps.evaluate import evaluate, summary
    from scones.steps.run.gather import released

    project = Project.load()
    outputs = project.outputs
    release = released(outputs["ReleaseMachine"], stepfunctions=project.client("stepfunctions"))["name"]
    with reporter_for(as_json).step("evaluate", str(data)):
        evaluation = evaluate(data, negatives or others, release, bucket=outputs["Bucket"], s3=project.client("s3"))
    rows = [dict(evaluation)] if as_json else summary(evaluation)
    print_rows(rows, ("measure", "value", "low", "high", "n"), as_json)


@app.command(epilog="Example: `scones classify s3://camera-archive/2026/ --out answers.parquet`")
def classify(
    source: Annotated[str, typer.Argument(help="Folder of images, or s3://bucket/prefix.")],
    out: Annotated[Path, typer.Option(help="Output file: .csv, .jsonl or .parquet.")],
    as_json: Json = False,
) -> None:
    """Classify thousands of images with the newest release's model; rerun to resume."""
    from scones.steps.classify import Batch, BatchRequest, classify, summary
    from scones.steps.run.gather import released

    project = Project.load()
    outputs = project.outputs
    release = released(outputs["ReleaseMachine"], stepfunctions=project.client("stepfunctions"))["name"]
    settings = project.settings
    request = BatchRequest(release, source, outputs["Bucket"], settings.classify_instance_type, settings.tags)
    with reporter_for(as_json).step("classify", source) as progress:
        rows = classify(Batch(request, project.client("s3"), project.client("sagemaker"), progress), out)
    row = {"file": str(out), **summary(rows)}
    print_rows([row], ("file", "images", "accept", "review", "error"), as_json)


@app.command(epilog="Example: `scones report --out runs/today`")
def report(
    out: Annotated[Path, typer.Option(help="Folder for report.html and summary.json.")] = Path("runs/latest"),
    as_json: Json = False,
) -> None:
    """Write a report on the newest release and on what ran since it started."""
    from scones.steps.report import collect, write
    from scones.steps.storage.outputs import require_folder

    require_folder(out)
    project = Project.load()
    reporter = reporter_for(as_json)
    outputs = project.outputs
    with reporter.step("report", str(out)):
        run = collect(
            project.settings,
            outputs,
            run_id=out.name,
            where=project.client("s3").meta.region_name,
            client=project.client,
        )
        page = write(run | {"seconds": reporter.seconds}, out)
    if run["notice"]:
        warn(run["notice"])
    print_rows([{"report": str(page)}], ("report",), as_json)


@app.command(epilog="Example: `scones cleanup --plan`")
def cleanup(plan_only: Plan = False, as_json: Json = False) -> None:
    """Delete everything with the project's tag or name, then verify that nothing is left."""
    from scones.steps.account.inventory import inventory
    from scones.steps.cleanup import cleanup

    project = Project.load()
    settings = project.settings
    if plan_only:
        resources = list(inventory(settings, client=project.client))
    else:
        # After the first use of the credentials, so that a lack of them is all that is printed.
        client = project.client
        _name_settings(as_json)
        with reporter_for(as_json).step("cleanup", f"everything of {settings.project}") as progress:
            resources = cleanup(settings, client=client, progress=progress)
    print_rows([vars(resource) for resource in resources], ("kind", "id"), as_json, if_empty="nothing there")
