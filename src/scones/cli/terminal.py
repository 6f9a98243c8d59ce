"""What the commands have in common on the terminal: progress for a person, and results as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scones.console import labelled, plain

if TYPE_CHECKING:
    from scones.progress import Reporter

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON instead of a table.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed; runs with the same seed are identical.")]

# A log has no width of its own, and a name that is broken over two lines cannot be searched for.
_UNLIMITED = 100_000
console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _UNLIMITED)


def reporter_for(as_json: bool) -> Reporter:
    """Return the reporter of a command's steps, on the console that `progress_console` returns."""
    from scones.progress import Reporter

    return Reporter(progress_console(as_json))


def progress_console(as_json: bool) -> Console:
    """Return the console for progress: with `--json` the standard error, because the standard output is all JSON."""
    return Console(stderr=True, soft_wrap=True) if as_json else console


def warn(message: str) -> None:
    """Print a warning on the standard error."""
    Console(stderr=True, soft_wrap=True).print(labelled("warning:", "yellow", message), highlight=False)


def print_rows(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], as_json: bool, *, if_empty: str = ""
) -> None:
    """Print rows as a table of some columns, or whole as JSON. A table without rows is the text `if_empty`."""
    if as_json:
        print(json.dumps(rows, indent=2, default=str))
    elif not rows:
        console.print(plain(if_empty), highlight=False)
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row.get(column)) for column in columns))
        console.print(table)


def _cell(value: object) -> Text:
    if isinstance(value, float):
        return plain(f"{value:.4f}")
    return plain("" if value is None else value)
