"""Standard output of a container, line by line into CloudWatch Logs while it runs, and its metrics."""

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

# CloudWatch Logs refuses events over 256 KiB, of which it counts 26 bytes for itself.
_LONGEST_LINE = 262_144 - 26
_LAST_LINES = 20


class LogStream:
    """One stream of CloudWatch Logs; group and stream are made at the first line."""

    def __init__(self, group: str, stream: str) -> None:
        self.group, self.stream = group, stream
        self._made = False
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def arn(self) -> str:
        return f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{self.group}:log-stream:{self.stream}"

    @property
    def tail(self) -> str:
        """The last lines, for a reason of failure."""
        return "\n".join(self._last)

    def put(self, lines: list[str]) -> None:
        self._last.extend(lines)
        if not self._made:
            engine.call_logs("CreateLogGroup", logGroupName=self.group)
            engine.call_logs("CreateLogStream", logGroupName=self.group, logStreamName=self.stream)
            self._made = True
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line[:_LONGEST_LINE]} for line in lines]
        engine.call_logs("PutLogEvents", logGroupName=self.group, logStreamName=self.stream, logEvents=events)


class Metrics:
    """The last value of each metric that MetricDefinitions find in a log; the regex's first group is the value."""

    def __init__(self, definitions: Iterable[dict[str, str]]) -> None:
        self._patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self._values: dict[str, dict[str, str | float]] = {}

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            for name, pattern in self._patterns:
                found = pattern.search(line)
                if found and found.groups():
                    with suppress(TypeError, ValueError):
                        self._values[name] = {
                            "MetricName": name,
                            "Value": float(found.group(1)),
                            "Timestamp": time.time(),
                        }

    @property
    def final(self) -> list[dict[str, str | float]]:
        return list(self._values.values())


def follow(process: subprocess.Popen[bytes], on_lines: Callable[[list[str]], None]) -> None:
    """Give the lines of the process's output to `on_lines` as they come, until it closes its output."""
    assert process.stdout is not None  # noqa: S101 - callers start it with a pipe
    rest = b""
    while chunk := os.read(process.stdout.fileno(), 65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        # A program that never ends its line must not fill our memory.
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        if lines:
            on_lines([line.rstrip(b"\r").decode(errors="replace") for line in lines])
    if rest:
        on_lines([rest.decode(errors="replace")])
    process.stdout.close()
