from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.steps.run.training_log import TrainingLog, TrainingProgress

GROUP = "/aws/sagemaker/TrainingJobs"
NUMBERS = itertools.count()


def after(*lines: str) -> TrainingProgress:
    progress = TrainingProgress()
    for line in lines:
        progress.add(line)
    return progress


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "fold=2 epoch=3 train_loss=0.4 validation_accuracy=0.8012\n",
            "fold 2 of 4, epoch 3 of 22, validation accuracy 0.8012",
        ),
        ("final epoch=3 train_loss=0.4123 train_accuracy=0.8100", "last fit, epoch 3 of 22"),
        ("reading images\n", "reading images"),
        ("mean epoch=22 train_loss=0.4", ""),
        ("\n", ""),
    ],
)
def test_a_line_shows_the_fold_and_the_epoch_of_how_many(line: str, shown: str) -> None:
    assert after("folds=4 epochs=22", line).detail == shown


def test_a_log_without_totals_shows_the_fold_and_the_epoch() -> None:
    progress = after("fold=2 epoch=3 train_loss=0.4")
    assert (progress.detail, progress.total) == ("fold 2, epoch 3", None)


@given(folds=st.integers(2, 10), epochs=st.integers(1, 30))
def test_all_epochs_of_all_fits_are_the_whole(folds: int, epochs: int) -> None:
    progress = after(f"folds={folds} epochs={epochs}")
    for fit in [*(f"fold={fold + 1}" for fold in range(folds)), "final"]:
        assert progress.total is not None
        assert progress.done < progress.total
        for epoch in range(epochs):
            progress.add(f"{fit} epoch={epoch + 1} train_loss=0.4")
    assert progress.done == pytest.approx(progress.total)


@given(lines=st.lists(st.text(max_size=30) | st.from_regex(r"folds=\d{1,9} epochs=\d{1,9}", fullmatch=True)))
def test_any_log_has_a_progress(lines: list[str]) -> None:
    assert after(*lines).done >= 0


@pytest.fixture
def job(localaws: Any) -> Iterator[str]:
    """A job whose log has a stream without lines."""
    logs = localaws.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=GROUP)
    name = f"log-{next(NUMBERS)}"
    logs.create_log_stream(logGroupName=GROUP, logStreamName=f"{name}/algo-1")
    yield name
    logs.delete_log_stream(logGroupName=GROUP, logStreamName=f"{name}/algo-1")


def test_each_line_of_a_log_is_read_once(localaws: Any, job: str) -> None:
    logs = localaws.client("logs")
    read = TrainingLog(job, logs)

    def write(*lines: str) -> None:
        events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
        logs.put_log_events(logGroupName=GROUP, logStreamName=f"{job}/algo-1", logEvents=events)

    assert read() == []
    write("one", "two")
    assert (read(), read()) == (["one", "two"], [])
    write("three")
    assert (read(), read()) == (["three"], [])


def test_a_job_without_a_log_has_no_lines(localaws: Any) -> None:
    assert TrainingLog("no-such-job", localaws.client("logs"))() == []
