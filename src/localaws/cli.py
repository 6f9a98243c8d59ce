"""The `localaws` command: start, stop and inspect AWS on a laptop. Other programs mount `app`.

Loads typer and the standard library only, so that `--help` is fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from localaws.errors import LocalAwsError, ServerError
from localaws.server import background
from localaws.server.environment import client_environment

State = Annotated[Path, typer.Option(help="Folder for everything that the server writes.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_STATE = Path(".scones/localaws")
P = ParamSpec("P")

app = typer.Typer(no_args_is_help=True, help="AWS on a laptop: start, stop and inspect it.")
program = typer.Typer(no_args_is_help=True, help="AWS on a laptop.", add_completion=False)
program.add_typer(app)


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


@app.command()
@_reported
def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 0,
    state: State = DEFAULT_STATE,
) -> None:
    """Start the server in the background and wait until it is ready.

    Example: eval "$(localaws up | grep ^export)"
    """
    running = background.find(state)
    if running is None:
        typer.echo(f"Starting; the log is {state / background.LOG} ...", err=True)
        running = background.start(state, port)
        typer.echo(f"localaws is up on {running.url} (pid {running.pid})")
    else:
        typer.echo(f"localaws is already up on {running.url} (pid {running.pid})")
    _export(running.url)


@app.command()
@_reported
def down(state: State = DEFAULT_STATE) -> None:
    """Stop the server and everything that runs in it; its state stays on disk.

    Example: localaws down
    """
    running = background.find(state)
    if running is None:
        typer.echo("localaws is not up")
        return
    typer.echo(f"Stopping pid {running.pid} ...", err=True)
    background.stop(running)
    typer.echo("localaws is down")


@app.command()
@_reported
def status(state: State = DEFAULT_STATE, as_json: Json = False) -> None:
    """Print whether the server is up and what it holds; exit with 0 if it is up, else with 1.

    Example: localaws status --json
    """
    running = background.find(state)
    description = {"up": False} if running is None else {"up": True, **background.describe(running)}
    if as_json:
        typer.echo(json.dumps(description))
    else:
        for name, value in description.items():
            typer.echo(f"{name:12} {value}")
    raise typer.Exit(0 if running else 1)


@app.command()
@_reported
def env(state: State = DEFAULT_STATE) -> None:
    """Print the environment variables with which AWS clients reach the server.

    Example: eval "$(localaws env)"
    """
    running = background.find(state)
    if running is None:
        raise ServerError(f"localaws is not up in {state}; start it with `up`.")
    _export(running.url)


def _export(url: str) -> None:
    for name, value in client_environment(url).items():
        typer.echo(f"export {name}={value}")


@program.command()
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

    Example: localaws serve --state state --port 4566
    """
    # Imported here: the other commands must stay fast, and a server brings hypercorn and ministack.
    from localaws.server.server import serve as run

    run(state.absolute(), host, port, image or [], until_eof)


def main() -> None:
    """Run the `localaws` command."""
    program()
