"""`localaws` and `scones local`: start, stop and look at the laptop's AWS. Loads typer and the stdlib only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from localaws.errors import LocalAwsError

app = typer.Typer(no_args_is_help=True, help="The laptop's AWS.")
program = typer.Typer(no_args_is_help=True, help="The laptop's AWS.", add_completion=False)
program.add_typer(app)


@program.command()
def serve(
    state: Annotated[Path, typer.Option(help="Folder for everything that the server writes.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    image: Annotated[list[str] | None, typer.Option(help="NAME=COMMAND: what runs a program of that image.")] = None,
    until_eof: Annotated[bool, typer.Option("--until-eof", help="Stop at the end of stdin.")] = False,
) -> None:
    """Serve in the foreground until SIGTERM.

    Example: localaws serve --state .scones/localaws --port 4566
    """
    from localaws.server import serve as run

    run(state.absolute(), host, port, image or [], until_eof)


def main() -> None:
    try:
        program(standalone_mode=True)
    except LocalAwsError as error:
        typer.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None
