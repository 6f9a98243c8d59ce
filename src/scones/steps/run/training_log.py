"""How far a training job is, by the lines that `train` prints: one for each epoch of each fit."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_TOTALS: Final = re.compile(r"folds=(?P<folds>\d{1,4}) epochs=(?P<epochs>\d{1,6})", re.ASCII)
_EPOCH: Final = re.compile(r"(?:fold=(?P<fold>\d{1,4})|final) epoch=(?P<epoch>\d{1,6}) (?P<metrics>.*)", re.ASCII)
_ACCURACY: Final = re.compile(r"validation_accuracy=([\d.]{1,20})", re.ASCII)


class TrainingLog:
    """The log of one training job; each call returns the lines that were written since the last one."""

    def __init__(self, job: str, logs: CloudWatchLogsClient) -> None:
        self._job = job
        self._logs = logs
        self._tokens: dict[str, str] = {}

    def __call__(self) -> list[str]:
        """Return the new lines, oldest first; empty before the log exists, or if it may not be read."""
        try:
            streams = self._logs.describe_log_streams(logGroupName=_GROUP, logStreamNamePrefix=f"{self._job}/")
            names = [stream["logStreamName"] for stream in streams["logStreams"]]
            return self._read(names[-1]) if names else []
        except (BotoCoreError, ClientError):
            # The account's first training job creates the group; and no log is worth ending the release's watch.
            return []

    def _read(self, stream: str) -> list[str]:
        token = self._tokens.get(stream)
        # Without startFromHead, the first page would be the last one of the log.
        read = partial(self._logs.get_log_events, logGroupName=_GROUP, logStreamName=stream, startFromHead=True)
        page = read(nextToken=token) if token else read()
        self._tokens[stream] = page["nextForwardToken"]
        return [event["message"] for event in page["events"]]


class TrainingProgress:
    """`done` of `total` epochs of all fits, and `detail` for a person; `total` is None until the log has said it.

    An epoch of the last fit counts for more than one, because it is fitted on all folds instead of all but one.
    """

    def __init__(self) -> None:
        self.done = 0.0
        self.total: float | None = None
        self.detail = ""
        self._folds = 0
        self._epochs = 0

    def add(self, line: str) -> None:
        """Count one line of the log."""
        line = line.strip()
        if totals := _TOTALS.fullmatch(line):
            self._folds = int(totals["folds"])
            self._epochs = int(totals["epochs"])
            self.total = self._epochs * (self._folds + self._weight(is_last_fit=True))
        elif epoch := _EPOCH.fullmatch(line):
            self.done += self._weight(is_last_fit=epoch["fold"] is None)
            self.detail = self._describe(epoch)
        # The mean over the folds repeats what their own lines said.
        elif line and not line.startswith("mean epoch="):
            self.detail = line

    def _weight(self, *, is_last_fit: bool) -> float:
        return self._folds / (self._folds - 1) if is_last_fit and self._folds > 1 else 1

    def _describe(self, epoch: re.Match[str]) -> str:
        fit = f"fold {epoch['fold']}{_of(self._folds)}" if epoch["fold"] else "last fit"
        parts = [fit, f"epoch {epoch['epoch']}{_of(self._epochs)}"]
        if accuracy := _ACCURACY.search(epoch["metrics"]):
            parts.append(f"validation accuracy {accuracy[1]}")
        return ", ".join(parts)


def _of(total: int) -> str:
    return f" of {total}" if total else ""
