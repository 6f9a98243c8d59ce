from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from scones.progress import Progress, Reporter, duration


def log() -> Console:
    return Console(file=io.StringIO(), width=100)


def terminal() -> Console:
    # A live bar needs a terminal that can move its cursor, whatever TERM is where the tests run.
    return Console(file=io.StringIO(), width=120, force_terminal=True, no_color=True, _environ={"TERM": "xterm"})


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_has_a_line_for_each_new_detail() -> None:
    console = log()
    with Reporter(console, clock=itertools.count().__next__).step("stage", "upload the images") as progress:
        progress.update(1, 2, "1 of 2")
        progress.update(1, 2, "1 of 2")
        progress.update(2, 2)
        progress.note("[2] uploaded")
        progress.update(2, 2, "2 of 2")
    assert written(console).splitlines() == [
        "stage: upload the images",
        "  stage: 1 of 2",
        "  [2] uploaded",
        "  stage: 2 of 2",
        "✓ stage         1.0 s  upload the images",
    ]


def test_a_terminal_keeps_the_notes_and_the_time_of_a_step() -> None:
    console = terminal()
    with Reporter(console, clock=itertools.count().__next__).step("stage", "upload the images") as progress:
        progress.update(1, 2, "1 of 2")
        progress.note("uploaded")
    assert "  uploaded\n" in written(console).replace("\r", "")
    assert "1.0 s  upload the images" in written(console)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (45, "45 s"), (59.6, "1 min 0 s"), (70, "1 min 10 s"), (3599.7, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_terminal_shows_the_time_left_while_the_total_is_known(eventually: Callable[..., Any]) -> None:
    console = terminal()
    with Reporter(console).step("release", "train") as progress:
        done = itertools.count()
        eventually(lambda: progress.update(next(done) / 100, 10_000, "epoch") or " left " in written(console))
        progress.update(1, detail="Evaluate")
        eventually(lambda: "Evaluate" in written(console))
    last = written(console).partition("Evaluate")[0].rpartition("release")[2]
    assert " left" not in last
    assert "━" not in last


def test_a_terminal_counts_and_a_log_has_one_line_for_the_detail(eventually: Callable[..., Any]) -> None:
    shown = terminal()
    with Reporter(shown).step("stage", "upload the images") as progress:
        progress.count(12, 4000, "uploading")
        eventually(lambda: "12 of 4,000  uploading" in written(shown))
    console = log()
    with Reporter(console).step("stage", "upload the images") as progress:
        progress.count(12, 40, "uploading")
        progress.count(13, 40, "uploading")
    assert written(console).splitlines()[1:-1] == ["  stage: uploading"]


def test_the_seconds_are_in_the_order_of_the_steps() -> None:
    reporter = Reporter(log(), clock=iter([0.0, 1.5, 2.0, 2.126]).__next__)
    for name in ("stage", "release"):
        with reporter.step(name, "work"):
            pass
    assert list(reporter.seconds.items()) == [("stage", 1.5), ("release", 0.13)]


def test_a_step_that_raises_has_no_time() -> None:
    reporter = Reporter(log())
    with pytest.raises(ZeroDivisionError), reporter.step("stage", "work"):
        raise ZeroDivisionError
    assert reporter.seconds == {}


def test_the_base_class_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().update(1, 2, "detail")
    Progress().count(1, 2, "detail")
    Progress().note("text")
    assert capsys.readouterr() == ("", "")
