"""The process inside a sandbox: AWS's runtime interface client, its Runtime API, its scratch folder and its output.

Runs in the server. Knows nothing of invocations, only of what the runtime says next.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

import psutil

from localaws.server import processes
from localaws.services.awslambda.code import function_environment, unpack
from localaws.services.awslambda.runtime_api import Outcome, RuntimeApi

_POLL_SECONDS = 0.05
_MEGABYTE = 1 << 20
# RLIMIT_DATA counts memory that is only reserved, such as the stacks of threads; Lambda counts what is used.
_OVERHEAD_MB = 128
_PRINTED_BYTES = 4 * _MEGABYTE


class RuntimeProcess:
    """Started by its constructor."""

    def __init__(self, config: dict[str, Any], code_zip: bytes, log_stream: str) -> None:
        code = unpack(code_zip)
        self._folder = Path(tempfile.mkdtemp(prefix=f"lambda-{config['FunctionName']}-"))
        self._read = 0
        self._peak_mb = 0
        self.api = RuntimeApi()
        with self._log.open("ab") as log:
            self._process = processes.spawn(
                # -S leaves out the server's own packages; the runtime's are on PYTHONPATH.
                [sys.executable, "-S", "-m", "awslambdaric", config["Handler"]],
                env=function_environment(config, code, self._folder, self.api.address, log_stream),
                cwd=code,
                stdout=log,
                limit_bytes=(int(config["MemorySize"]) + _OVERHEAD_MB) * _MEGABYTE,
            )

    @property
    def _log(self) -> Path:
        return self._folder.with_suffix(".log")

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float, *kinds: str) -> Outcome:
        """The next outcome of one of these kinds, or "exit" or "timeout"."""
        deadline = time.monotonic() + seconds
        while True:
            # Looked at before the queue, so that a last word is heard before the end is believed.
            ended = self.returncode is not None
            left = deadline - time.monotonic()
            try:
                outcome = self.api.outcomes.get(timeout=max(0.001, min(_POLL_SECONDS, left)))
            except Empty:
                if ended:
                    return Outcome("exit")
                if left <= 0:
                    return Outcome("timeout")
                continue
            if outcome.kind in kinds:
                return outcome

    def printed(self) -> str:
        """What the function has written to stdout and stderr since the last call; of very much, the end."""
        with self._log.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(self._read, size - _PRINTED_BYTES))
            self._read = size
            return log.read().decode(errors="replace")

    def peak_mb(self) -> int:
        """The most memory that the process has used so far, in megabytes."""
        with suppress(psutil.Error, OSError):
            self._peak_mb = max(self._peak_mb, psutil.Process(self._process.pid).memory_info().rss // _MEGABYTE)
        with suppress(OSError, TypeError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            self._peak_mb = max(self._peak_mb, int(peak[1]) // 1024 if peak else 0)
        return self._peak_mb

    def end(self) -> None:
        processes.stop(self._process, 0)
        self.api.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._log.unlink(missing_ok=True)
