"""One look for everything that takes over a second: a live bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.progress_bar import ProgressBar
from rich.text import Text


class Progress:
    """What a running step may say: how far it is, and a line worth keeping. Says nothing by itself."""

    def update(self, done: int, total: int | None = None, detail: str = "") -> None:
        """Report that `done` of `total` are finished; `detail` is shown beside the bar."""

    def note(self, text: str) -> None:
        """Report a line that stays."""


class _KnownBar(BarColumn):
    """A bar, and nothing for a step whose end is not known."""

    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]
        return super().render(task) if task.total is not None else Text("")


class _ConsoleProgress(Progress):
    def __init__(self, name: str, console: Console, bar: Bars | None) -> None:
        self._name, self._console, self._bar = name, console, bar
        self._task = bar.add_task(name, total=None, detail="") if bar else None
        self._said = ""

    def update(self, done: int, total: int | None = None, detail: str = "") -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, detail=detail)
        elif detail and detail != self._said:
            self._said = detail
            self._console.print(f"  {self._name}: {detail}", highlight=False, markup=False)

    def note(self, text: str) -> None:
        self._console.print(f"  {text}", highlight=False, markup=False)


class Reporter:
    """Shows steps on a console and keeps their wall seconds in `seconds`, in the order in which they ran."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[Progress]:
        started = time.monotonic()
        if self._console.is_terminal:
            name_column, detail = TextColumn("[bold]{task.description:10}"), TextColumn("{task.fields[detail]}")
            columns = (SpinnerColumn(), name_column, TimeElapsedColumn(), _KnownBar(24), detail)
            with Bars(*columns, console=self._console, transient=True) as bar:
                yield _ConsoleProgress(name, self._console, bar)
        else:
            self._console.print(f"{name}: {doing}", highlight=False, markup=False)
            yield _ConsoleProgress(name, self._console, None)
        self.seconds[name] = round(time.monotonic() - started, 2)
        self._console.print(f"[green]✓[/] {name:10} {self.seconds[name]:6.1f} s  {doing}", highlight=False)
