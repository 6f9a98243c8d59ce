"""Progress of everything that takes over a second: a live bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.progress_bar import ProgressBar
from rich.text import Text

from scones.console import labelled, plain


class Progress:
    """What a running step reports. This base class shows nothing, for callers that need no progress."""

    def update(self, done: float, total: float | None = None, detail: str = "") -> None:
        """Report that `done` of `total` are finished; `detail` is shown beside the bar.

        Without a total, how much there is to do is not known, or no longer.
        """

    def count(self, done: int, total: int, detail: str) -> None:
        """Report as `update` does; a terminal also shows both numbers, and a log still has one line for the detail."""
        self.update(done, total, detail)

    def note(self, text: str) -> None:
        """Report a line that stays on the screen."""


class _KnownBar(BarColumn):
    """A bar while the total is known, and nothing otherwise."""

    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]
        return super().render(task) if task.total is not None else Text("")


class _TimeLeft(ProgressColumn):
    """The time until the estimated end; nothing without an estimate, or once it has passed."""

    def render(self, task: Task) -> Text:
        ends_at = task.fields["ends_at"]
        seconds = ends_at - task.get_time() if ends_at else 0
        return Text(f"{duration(seconds)} left" if seconds >= 1 else "")


def duration(seconds: float) -> str:
    """Return a duration for a person: "45 s", "1 min 10 s", "2 h 5 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class _BarProgress(Progress):
    """Progress on a terminal."""

    def __init__(self, name: str, console: Console, bars: Bars) -> None:
        self._console = console
        self._bars = bars
        self._task = bars.add_task(name, total=None, detail="", ends_at=None)
        # When the total became known, and how much was done then.
        self._first = (0.0, 0.0)

    def update(self, done: float, total: float | None = None, detail: str = "") -> None:
        task = self._bars.tasks[0]
        now = self._bars.get_time()
        ends_at = task.fields["ends_at"]
        if total != task.total:
            # rich keeps a total that is not given again.
            task.total = total
            self._first = (now, done)
            ends_at = None
        elif total is not None and done > task.completed:
            ends_at = self._estimate_end(now, done, total)
        self._bars.update(self._task, completed=done, detail=plain(detail).plain, ends_at=ends_at)

    def count(self, done: int, total: int, detail: str) -> None:
        self.update(done, total, f"{done:,} of {total:,}  {detail}")

    def _estimate_end(self, now: float, done: float, total: float) -> float | None:
        """Return the time at which all is done at the mean speed since the total became known."""
        started, done_before = self._first
        if done <= done_before:
            return None
        return now + (total - done) * (now - started) / (done - done_before)

    def note(self, text: str) -> None:
        self._console.print(plain(f"  {text}"), highlight=False)


class _LineProgress(Progress):
    """Progress in a log: one line for each new detail."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._last_detail = ""

    def update(self, done: float, total: float | None = None, detail: str = "") -> None:
        # Steps that poll report the same detail many times.
        if detail and detail != self._last_detail:
            self._last_detail = detail
            self._console.print(plain(f"  {self._name}: {detail}"), highlight=False)

    def note(self, text: str) -> None:
        self._console.print(plain(f"  {text}"), highlight=False)


class Reporter:
    """Shows steps on a console; `seconds` maps each finished step to its wall time, in the order of the steps."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[Progress]:
        """Show the step `name`, which is `doing` something, while the block runs; a step that raises has no time."""
        started = self._clock()
        if self._console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description:10}", style="bold", markup=False),
                TimeElapsedColumn(),
                _KnownBar(16),
                _TimeLeft(),
                TextColumn("{task.fields[detail]}", markup=False),
            )
            with Bars(*columns, console=self._console, transient=True) as bars:
                yield _BarProgress(name, self._console, bars)
        else:
            self._console.print(plain(f"{name}: {doing}"), highlight=False)
            yield _LineProgress(name, self._console)
        self.seconds[name] = round(self._clock() - started, 2)
        done = f"{name:10} {self.seconds[name]:6.1f} s  {doing}"
        self._console.print(labelled("✓", "green", done), highlight=False)
