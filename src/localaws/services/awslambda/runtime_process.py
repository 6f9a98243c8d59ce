"""The process inside a sandbox: a runtime, AWS's or our own, with its Runtime API, scratch folder and output.

Runs in the server. Independent of invocations: it only returns what the runtime reports next.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

import psutil

from localaws.server import processes
from localaws.services.awslambda.code import function_environment, unpack
from localaws.services.awslambda.packages import runtime_command
from localaws.services.awslambda.runtime_api import RuntimeApi, RuntimeReport

_POLL_SECONDS = 0.05
_MEGABYTE = 1 << 20
# RLIMIT_DATA counts memory that is only reserved, such as the stacks of threads; Lambda counts what is used.
_OVERHEAD_MB = 128
# Of the output of one invocation, so that a function which prints without end does not fill the server's memory.
_MAX_PRINTED_BYTES = 4 * _MEGABYTE


class RuntimeProcess:
    """A process that is started by the constructor and ended by `end`.

    `config` is ministack's configuration of the function, `code_zip` its deployment package, `log_stream` the name that
    the function sees as its log stream.
    """

    def __init__(self, config: dict[str, Any], code_zip: bytes, log_stream: str) -> None:
        code = unpack(code_zip)
        self._folder = Path(tempfile.mkdtemp(prefix=f"lambda-{config['FunctionName']}-"))
        self._read = 0
        self._peak_mb = 0
        self.api = RuntimeApi()
        with self._log.open("ab") as log:
            self._process = processes.spawn(
                runtime_command(config["Handler"]),
                env=function_environment(config, code, self._folder, self.api.address, log_stream),
                cwd=code,
                stdout=log,
                limit_bytes=(int(config["MemorySize"]) + _OVERHEAD_MB) * _MEGABYTE,
            )

    @property
    def _log(self) -> Path:
        # Beside the folder rather than in it: the folder is the function's /tmp, where it may delete everything.
        return self._folder.with_suffix(".log")

    @property
    def returncode(self) -> int | None:
        """The exit status of the process, negative for a signal, or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float, *kinds: str) -> RuntimeReport:
        """Return the next report of one of these kinds, or "exit" if the process ends, or "timeout" after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            # Before the queue is read: a process may report and end at once, and its report comes first.
            has_ended = self.returncode is not None
            left = deadline - time.monotonic()
            try:
                report = self.api.reports.get(timeout=max(0.001, min(_POLL_SECONDS, left)))
            except Empty:
                if has_ended:
                    return RuntimeReport("exit")
                if left <= 0:
                    return RuntimeReport("timeout")
                continue
            if report.kind in kinds:
                return report

    def printed(self) -> str:
        """Return what was written to stdout and stderr since the last call, or its last 4 MB."""
        with self._log.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(self._read, size - _MAX_PRINTED_BYTES))
            self._read = size
            return log.read().decode(errors="replace")

    def peak_mb(self) -> int:
        """Return the most memory that the process has used so far, in megabytes."""
        # The current size, for systems without /proc; then the peak as Linux keeps it.
        with suppress(psutil.Error, OSError):
            self._peak_mb = max(self._peak_mb, psutil.Process(self._process.pid).memory_info().rss // _MEGABYTE)
        with suppress(OSError, TypeError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            self._peak_mb = max(self._peak_mb, int(peak[1]) // 1024 if peak else 0)
        return self._peak_mb

    def end(self) -> None:
        """Kill the process, stop its Runtime API and delete its files."""
        processes.stop(self._process, 0)
        self.api.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._log.unlink(missing_ok=True)
