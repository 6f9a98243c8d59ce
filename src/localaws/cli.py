"""The `localaws` command: start, stop and inspect AWS on a laptop. Other programs mount `app`.

Loads typer and the standard library only, so that `--help` is fast.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from typer.core import TyperCommand

from localaws.errors import LocalAwsError, ServerError
from localaws.server import background
from localaws.server.environment import client_environment, client_settings
from localaws.server.profile import write_profile

State = Annotated[Path, typer.Option(help="Folder for everything that the server writes.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DEFAULT_STATE = Path(".scones/localaws")
P = ParamSpec("P")

app = typer.Typer(no_args_is_help=True, help="AWS on a laptop: start, stop and inspect it.")
program = typer.Typer(no_args_is_help=True, help="AWS on a laptop.", add_completion=False)
program.add_typer(app)


class _Command(TyperCommand):
    """A command whose help says PROGRAM for the words that its user types, such as `localaws`, before its own name."""

    def format_help(self, context: Any, formatter: Any) -> None:
        self.help = (self.help or "").replace("PROGRAM", _program(context))
        super().format_help(context, formatter)


def _program(context: typer.Context) -> str:
    # Other programs mount `app` under names of their own.
    return context.parent.command_path if context.parent else "localaws"


def _reported(command: Callable[P, None]) -> Callable[P, None]:
    # A decorator rather than an `except` in `main`, because other programs mount `app` and never call our `main`.

    @wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except LocalAwsError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from None

    return run


@app.command(cls=_Command)
@_reported
def up(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            envvar="LOCALAWS_PORT",
            show_default=f"the last one of this folder, at first {background.DEFAULT_PORT}",
            help="Port to listen on; 0 picks a free one.",
        ),
    ] = None,
    state: State = DEFAULT_STATE,
    as_json: Json = False,
) -> None:
    """Start the server in the background and wait until it is ready.

    Example: eval "$(PROGRAM up | grep ^export)"
    """
    with background.changing(state):
        running = background.find(state)
        is_new = running is None
        if running is None:
            typer.echo(f"Starting; the log is {state / background.LOG} ...", err=True)
            running = background.start(state, background.choose_port(state) if port is None else port)
    if port not in (None, 0, running.port):
        stop = f"{_program(context)} down"
        raise ServerError(f"localaws is already up on port {running.port}; stop it with `{stop}` to change its port.")
    if as_json:
        described = {"up": True, "started": is_new, **asdict(running), "environment": client_environment(running.url)}
        return typer.echo(json.dumps(described))
    typer.echo(f"localaws is {'up' if is_new else 'already up'} on {running.url} (pid {running.pid})")
    _export(running.url)


@app.command(cls=_Command)
@_reported
def down(state: State = DEFAULT_STATE) -> None:
    """Stop the server and everything that runs in it; its state stays on disk.

    Example: PROGRAM down
    """
    running = background.find(state)
    if running is None:
        typer.echo("localaws is not up")
        return
    typer.echo(f"Stopping pid {running.pid} ...", err=True)
    with background.changing(state):
        background.stop(running)
    typer.echo("localaws is down")


@app.command(cls=_Command)
@_reported
def status(state: State = DEFAULT_STATE, as_json: Json = False) -> None:
    """Print whether the server is up and what it holds; exit with 0 if it is up, else with 1.

    Example: PROGRAM status --json
    """
    running = background.find(state)
    description = {"up": False} if running is None else {"up": True, **background.describe(running)}
    if as_json:
        typer.echo(json.dumps(description))
    else:
        for name, value in description.items():
            typer.echo(f"{name:15} {value}")
    raise typer.Exit(0 if running else 1)


@app.command(cls=_Command)
@_reported
def env(
    context: typer.Context,
    state: State = DEFAULT_STATE,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Write this profile into the AWS configuration files instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the environment variables with which AWS clients reach the server, or write them as an AWS profile.

    Example: eval "$(PROGRAM env)"

    Example: PROGRAM env --profile laptop && aws --profile laptop s3 ls
    """
    running = background.find(state)
    if running is None:
        raise ServerError(f"localaws is not up in {state}; start it with `{_program(context)} up`.")
    settings = client_settings(running.url)
    if profile is not None:
        files = write_profile(profile, settings, os.environ)
        typer.echo(f"The profile {profile} is in {' and '.join(map(str, files))}.", err=True)
    if as_json:
        typer.echo(json.dumps({**settings, "profile": profile, "environment": client_environment(running.url)}))
    elif profile is None:
        _export(running.url)
    else:
        typer.echo(f"export AWS_PROFILE={profile}")


def _export(url: str) -> None:
    for name, value in client_environment(url).items():
        typer.echo(f"export {name}={value}")


@program.command(cls=_Command)
@_reported
def serve(
    state: State,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; only loopback is closed to other machines.")
    ] = "127.0.0.1",
    image: Annotated[list[str] | None, typer.Option(help="NAME=COMMAND: how to run an image's programs.")] = None,
    until_eof: Annotated[bool, typer.Option("--until-eof", help="Stop at the end of stdin.")] = False,
) -> None:
    """Run the server in the foreground until SIGTERM.

    Example: PROGRAM serve --state state --port 4566
    """
    # Imported here: the other commands must stay fast, and a server brings hypercorn and ministack.
    from localaws.server.server import serve as run

    run(state.absolute(), host, port, image or [], until_eof)


def main() -> None:
    """Run the `localaws` command."""
    program()
