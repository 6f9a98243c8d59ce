"""A container's output: its lines go to CloudWatch Logs while it runs, and its metrics are parsed from them."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from ministack.core.responses import get_account_id, get_region

from localaws.services.sagemaker import engine

# CloudWatch Logs rejects events over 256 KiB, which include 26 bytes of its own.
_MAX_LINE_LENGTH = 262_144 - 26
_TAIL_LINES = 20


class LogStream:
    """A stream of CloudWatch Logs; the group and the stream are created with the first line."""

    def __init__(self, group: str, stream: str) -> None:
        self.group = group
        self.stream = stream
        self._is_created = False
        self._last_lines: deque[str] = deque(maxlen=_TAIL_LINES)

    @property
    def arn(self) -> str:
        """The stream's ARN in the caller's account and region."""
        return f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{self.group}:log-stream:{self.stream}"

    @property
    def tail(self) -> str:
        """The last 20 lines, for a FailureReason."""
        return "\n".join(self._last_lines)

    def put(self, lines: list[str]) -> None:
        """Append lines to the stream, each cut to the length that CloudWatch Logs accepts."""
        self._last_lines.extend(lines)
        names = {"logGroupName": self.group, "logStreamName": self.stream}
        if not self._is_created:
            # A group that exists already is an error that changes nothing.
            engine.call_logs("CreateLogGroup", {"logGroupName": self.group})
            engine.call_logs("CreateLogStream", names)
            self._is_created = True
        # CloudWatch Logs counts milliseconds.
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line[:_MAX_LINE_LENGTH]} for line in lines]
        engine.call_logs("PutLogEvents", {**names, "logEvents": events})


class MetricParser:
    """The last value of each metric of MetricDefinitions; the first group of a Regex is the value."""

    def __init__(self, definitions: Iterable[dict[str, str]]) -> None:
        self._patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self._values: dict[str, dict[str, str | float]] = {}

    def parse(self, lines: Iterable[str]) -> None:
        """Read the values in `lines`; a value that is not a number is ignored."""
        for line in lines:
            for name, pattern in self._patterns:
                match = pattern.search(line)
                if match and match.groups():
                    # TypeError: an optional group that did not match is None.
                    with suppress(TypeError, ValueError):
                        value = float(match.group(1))
                        self._values[name] = {"MetricName": name, "Value": value, "Timestamp": time.time()}

    @property
    def final(self) -> list[dict[str, str | float]]:
        """The members of FinalMetricDataList."""
        return list(self._values.values())


def follow(process: subprocess.Popen[bytes], on_lines: Callable[[list[str]], None]) -> None:
    """Pass the lines of the process's output to `on_lines` as they arrive, until the output is closed."""
    assert process.stdout is not None  # noqa: S101 - callers start it with a pipe
    # os.read returns what is there; a buffered read would wait for a full buffer and delay the lines.
    rest = b""
    while chunk := os.read(process.stdout.fileno(), 65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        # A program that never ends its line must not fill the server's memory.
        if len(rest) > _MAX_LINE_LENGTH:
            lines, rest = [*lines, rest], b""
        if lines:
            on_lines([line.rstrip(b"\r").decode(errors="replace") for line in lines])
    if rest:
        on_lines([rest.decode(errors="replace")])
    process.stdout.close()
