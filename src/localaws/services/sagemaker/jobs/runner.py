"""The threads and processes of jobs, independent of the type of job."""

from __future__ import annotations

import contextvars
import logging
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from localaws.server import processes
from localaws.services.sagemaker.containers import s3
from localaws.services.sagemaker.containers.logs import follow
from localaws.services.sagemaker.errors import ContainerError

_LOG = logging.getLogger("localaws")
# SageMaker's time between SIGTERM and SIGKILL.
_GRACE_SECONDS = 120.0
# The wait for the rest of the output after a container exited.
_OUTPUT_SECONDS = 5.0
_MAX_REASON_CHARS = 1024


class ContainerResult(NamedTuple):
    """How a container ended. `exit_code` is 128 + n after signal n, as with Docker."""

    exit_code: int
    has_timed_out: bool


class Job:
    """A running job, which any thread may stop; `stopping` is set from then on."""

    def __init__(self, grace_seconds: float = _GRACE_SECONDS) -> None:
        self.stopping = threading.Event()
        self._grace_seconds = grace_seconds
        self._end: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Request that the job stops; returns at once."""
        self.stopping.set()
        threading.Thread(target=self._end, daemon=True).start()

    def on_stop(self, end: Callable[[], None]) -> None:
        """Set the function that ends the current work; it is called on a thread, at once if the job is stopping."""
        self._end = end
        # `stop` may have come first, when there was nothing to end.
        if self.stopping.is_set():
            self.stop()

    def run(
        self, process: subprocess.Popen[bytes], on_lines: Callable[[list[str]], None], timeout: float
    ) -> ContainerResult:
        """Wait for a container, which receives SIGTERM after `timeout` seconds; its output goes to `on_lines`."""
        self.on_stop(partial(processes.stop, process, self._grace_seconds))
        context = contextvars.copy_context()
        reader = threading.Thread(target=context.run, args=(follow, process, on_lines), daemon=True)
        reader.start()
        has_timed_out = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            has_timed_out = True
            processes.stop(process, self._grace_seconds)
        status = process.wait()
        # Ends what the program left running in its process group.
        processes.stop(process, 0)
        # A grandchild in a session of its own may still hold the pipe.
        reader.join(_OUTPUT_SECONDS)
        return ContainerResult(128 - status if status < 0 else status, has_timed_out)


_running: dict[str, Job] = {}


def start(arn: str, work: Callable[[Job], None], fail: Callable[[str], None]) -> None:
    """Run `work` on a thread in the caller's account and region; `fail` receives the reason if it raises."""
    job = Job()
    _running[arn] = job
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_run, arn, job, work, fail), name=arn, daemon=True).start()


def stop(arn: str) -> None:
    """Request that a job stops, if it is running; returns at once."""
    job = _running.get(arn)
    if job:
        job.stop()


def failure_reason(text: str, exit_code: int) -> str:
    """Return SageMaker's FailureReason for a program that failed, cut to 1024 characters."""
    suffix = f", exit code: {exit_code}"
    return f"AlgorithmError: {text.strip()}"[: _MAX_REASON_CHARS - len(suffix)] + suffix


def _run(arn: str, job: Job, work: Callable[[Job], None], fail: Callable[[str], None]) -> None:
    s3.mark_job()
    try:
        work(job)
    except ContainerError as error:
        fail(str(error)[:_MAX_REASON_CHARS])
    except Exception as error:
        _LOG.exception("%s failed in localaws itself", arn)
        fail(f"InternalServerError: {error!r}"[:_MAX_REASON_CHARS])
    finally:
        _running.pop(arn, None)
