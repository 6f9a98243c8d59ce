"""What every command has in common: AWS's clients, the stacks' outputs, and how it shows what it does and found."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from scones.errors import CredentialsError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of text.")]

# A log has no width of its own, and a name that is broken in two cannot be searched for.
console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 200)


@cache
def clients() -> Callable[[str], Any]:
    """Return a maker of boto3 clients, each made once. Raises CredentialsError where AWS knows nobody of us."""
    import boto3

    session = boto3.Session()
    if session.get_credentials() is None:
        raise CredentialsError(
            "no AWS credentials; run `aws configure`, or `eval $(scones local env)` for the laptop's AWS"
        )
    if session.region_name is None:
        raise CredentialsError("no AWS region; set AWS_DEFAULT_REGION or run `aws configure`")
    return cache(session.client)


def outputs_of(client: Callable[[str], Any], *stacks: str) -> dict[str, str]:
    """Return the outputs of stacks, in one. Raises StackError for one that does not exist."""
    from scones.steps.account.stacks import stack_outputs

    found: dict[str, str] = {}
    for stack in stacks:
        found |= stack_outputs(stack, cloudformation=client("cloudformation"))
    return found


def reporter_for(as_json: bool) -> Any:
    """Return what shows a command's steps."""
    from scones.progress import Reporter

    return Reporter(shown_on(as_json))


def shown_on(as_json: bool) -> Console:
    """Return where a person reads along: beside the JSON, which has the standard output to itself."""
    return Console(stderr=True, soft_wrap=True) if as_json else console


def print_rows(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool, empty: str = "") -> None:
    """Print a table of some columns, or all of it as JSON; of no rows, the word `empty`."""
    if as_json:
        print(json.dumps(rows, indent=2, default=str))
    elif not rows:
        console.print(empty)
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row.get(column)) for column in columns))
        console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)
