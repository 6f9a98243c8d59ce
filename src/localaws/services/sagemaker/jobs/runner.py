"""How any job runs: on a thread of its own, with a process while its container runs. Knows no kind of job."""

from __future__ import annotations

import contextvars
import logging
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from localaws.server import processes
from localaws.services.sagemaker.containers.logs import follow
from localaws.services.sagemaker.errors import ContainerError

_LOG = logging.getLogger("localaws")
# SageMaker's time between SIGTERM and SIGKILL.
_GRACE_SECONDS = 120.0
_LONGEST_REASON = 1024


class Ended(NamedTuple):
    """`exit_code` is 128 + n for a container that ended by signal n, as Docker counts."""

    exit_code: int
    timed_out: bool


class Job:
    """What is running for a job, and whether somebody wants it stopped."""

    def __init__(self, grace_seconds: float = _GRACE_SECONDS) -> None:
        self.stopping = threading.Event()
        self._grace_seconds = grace_seconds
        self._end: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Ask the job to stop; returns at once."""
        self.stopping.set()
        threading.Thread(target=self._end, daemon=True).start()

    def on_stop(self, end: Callable[[], None]) -> None:
        """From now on `end` is what ends the work; called on a thread, at once where somebody wants that already."""
        self._end = end
        if self.stopping.is_set():
            self.stop()

    def run(self, process: subprocess.Popen[bytes], on_lines: Callable[[list[str]], None], seconds: float) -> Ended:
        """Wait for the container, which gets SIGTERM after `seconds`, giving its output to `on_lines`."""
        self.on_stop(partial(processes.stop, process, self._grace_seconds))
        context = contextvars.copy_context()
        reader = threading.Thread(target=context.run, args=(follow, process, on_lines), daemon=True)
        reader.start()
        timed_out = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            processes.stop(process, self._grace_seconds)
        status = process.wait()
        processes.stop(process, 0)
        # A grandchild in a session of its own may still hold the pipe.
        reader.join(5)
        return Ended(128 - status if status < 0 else status, timed_out)


_running: dict[str, Job] = {}


def begin(arn: str, body: Callable[[Job], None], fail: Callable[[str], None]) -> None:
    """Run `body` on a thread in the caller's account and region; `fail` gets the reason where it raises."""
    job = _running[arn] = Job()
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_run, arn, job, body, fail), name=arn, daemon=True).start()


def stop(arn: str) -> None:
    job = _running.get(arn)
    if job:
        job.stop()


def failure_reason(text: str, exit_code: int) -> str:
    """SageMaker's sentence for an algorithm that failed, within the length that FailureReason may have."""
    end = f", exit code: {exit_code}"
    return f"AlgorithmError: {text.strip()}"[: _LONGEST_REASON - len(end)] + end


def _run(arn: str, job: Job, body: Callable[[Job], None], fail: Callable[[str], None]) -> None:
    try:
        body(job)
    except ContainerError as error:
        fail(str(error)[:_LONGEST_REASON])
    except Exception as error:
        _LOG.exception("%s failed in localaws itself", arn)
        fail(f"InternalServerError: {error!r}"[:_LONGEST_REASON])
    finally:
        _running.pop(arn, None)
