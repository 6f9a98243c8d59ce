"""The place of the drills: a laptop's AWS with a prepared model, the command line, and the injector of faults."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import boto3
from botocore.config import Config

from scones.clients import ClientFactory
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.dataset.sketches import draw, png
from scones.steps.dataset.source import find_source
from scones.steps.deploy import deploy
from scones.steps.release import release, release_input
from scones.steps.stage import stage

Result_ = TypeVar("Result_")
IMAGE = Path(__file__).parent / "image.py"
# A model that is trained in seconds; whether it is good does not matter here.
TINY = {"epochs": "3", "size": "16", "width": "8", "folds": "2", "backbone": "none"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
# Longer than any command should take, even one that retries.
COMMAND_SECONDS = 240
# Commands are forked from a server process, so that their modules are loaded only once.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["scones.cli", "boto3", "scones.settings", "scones.steps.report"])


@dataclass(frozen=True)
class Fault:
    """One failing call: the call number `skip` + 1 of an operation on one side, and `count` - 1 that follow it."""

    side: str
    service: str
    operation: str
    kind: str
    skip: int = 0
    count: int = 1


@dataclass(frozen=True)
class Result:
    """A command that has ended; `code` is None if it had to be killed."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float

    @property
    def has_traceback(self) -> bool:
        return "Traceback (most recent call last)" in self.stdout + self.stderr


@dataclass(frozen=True)
class Site:
    """A running localaws. `folder` is the commands' working folder."""

    url: str
    folder: Path
    client: ClientFactory

    def run(self, *argv: str, **environment: str) -> Result:
        """Run `scones argv...` as a user would, without a terminal."""
        outputs = [self.folder / "stdout", self.folder / "stderr"]
        variables = CREDENTIALS | {"AWS_ENDPOINT_URL": self.url} | environment
        started = time.monotonic()
        process = PROCESSES.Process(target=_command, args=(argv, variables, self.folder, outputs))
        process.start()
        process.join(COMMAND_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        code = process.exitcode if process.exitcode is not None and process.exitcode >= 0 else None
        stdout, stderr = (path.read_text(errors="replace") for path in outputs)
        return Result(code, stdout, stderr, time.monotonic() - started)

    def inject(self, fault: Fault) -> None:
        """Have a call fail."""
        self._faults("POST", asdict(fault))

    def record(self) -> None:
        """Begin to count calls."""
        self._faults("POST", {"record": True})

    def report(self) -> dict[str, Any]:
        """Return the calls and the faults since the last `clear`."""
        return cast(dict[str, Any], self._faults("GET"))

    def clear(self) -> None:
        """Forget all faults and counts."""
        self._faults("DELETE")

    def _faults(self, method: str, document: object = None) -> object:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/_localaws/faults", body, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return json.loads(response.read())


def _command(argv: tuple[str, ...], variables: dict[str, str], folder: Path, outputs: list[Path]) -> None:
    from scones.cli import main

    for descriptor, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.chdir(folder)
    os.environ.update(variables)
    sys.argv = ["scones", *argv]
    main()


def eventually(look: Callable[[], Result_], seconds: float = 60) -> Result_:
    """Return `look()` once it is true; its last value after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """Run localaws with an image that needs no training, until the end of the block."""
    model = folder / "image"
    with _localaws(folder / "training") as site:
        _train(site, model)
    with _localaws(folder / "site", "--image", f"scones={sys.executable} {IMAGE} {model}") as site:
        yield site


@contextmanager
def _localaws(folder: Path, *options: str) -> Iterator[Site]:
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "localaws", "serve", "--state", str(folder / "state"), "--port", "0"]
    with (
        (folder / "localaws.log").open("w") as log,
        subprocess.Popen(
            [*command, "--until-eof", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        try:
            url = next(line for line in server.stdout or () if "ready on " in line).rsplit(maxsplit=1)[-1]
            yield Site(url, folder, _clients(url))
        finally:
            # The server ends with its standard input.
            server.communicate()


def _clients(url: str) -> ClientFactory:
    session = boto3.Session("test", "test", region_name="us-east-1")
    config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard"})
    return cast(ClientFactory, cache(lambda service: session.client(service, endpoint_url=url, config=config)))


def _train(site: Site, target: Path) -> None:
    """Train the tiny model, and unpack it and its evaluation into `target`."""
    outputs = set_up(site, Settings(), "tiny", hyperparameters=TINY)
    s3 = site.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=outputs["Bucket"])
    for key in [stored["Key"] for page in pages for stored in page["Contents"]]:
        content = s3.get_object(Bucket=outputs["Bucket"], Key=key)["Body"].read()
        if key.endswith("model.tar.gz"):
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(target / "model", filter="data")
        elif key.endswith("evaluation.json"):
            target.mkdir(exist_ok=True)
            (target / "evaluation.json").write_bytes(content)
    shutil.rmtree(site.folder / "images")


def set_up(site: Site, settings: Settings, name: str, hyperparameters: dict[str, str] | None = None) -> dict[str, str]:
    """Deploy a project, stage drawn images and release a model; return the stacks' outputs and the `Digest`."""
    s3 = site.client("s3")
    outputs = deploy(settings, cloudformation=site.client("cloudformation"), s3=s3, progress=Progress())
    source = find_source(str(draw_images(site.folder / "images" / name, 40)), {}, site.folder, Progress())
    staged = stage(source, s3=s3, bucket=outputs["Bucket"])
    request = release_input(settings, staged.manifest)
    request["hyperparameters"] |= hyperparameters or {}
    request["minimum_accuracy"] = 0
    release(outputs["ReleaseMachine"], request, client=site.client, progress=Progress())
    return outputs | {"Digest": staged.manifest["digest"]}


def draw_images(folder: Path, count: int, seed: int = 0) -> Path:
    """Draw `count` images of each class into a folder, and return the folder."""
    for label in ("bicycle", "motorcycle"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (folder / label / f"{number}.png").write_bytes(png(draw(label, seed * 1000 + number, 32)))
    return folder
