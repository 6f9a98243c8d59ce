"""How the container of a job is run and stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from localaws.server import processes
from localaws.services.sagemaker.jobs.runner import Job, failure_reason

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def _spawn(tmp_path: Path, program: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", program]
    return processes.spawn(argv, env={}, cwd=tmp_path, stdout=subprocess.PIPE)


def test_a_container_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    job = Job(grace_seconds=0.2)

    def stop_when_up(lines: list[str]) -> None:
        if "up" in lines:
            job.stop()

    result = job.run(_spawn(tmp_path, STUBBORN), stop_when_up, 60)
    assert result.exit_code == 128 + 9
    assert job.stopping.is_set()


def test_a_container_that_exceeds_its_runtime_is_ended(tmp_path: Path) -> None:
    result = Job(grace_seconds=0.1).run(_spawn(tmp_path, STUBBORN), lambda _: None, 0.3)
    assert result.has_timed_out


def test_a_job_that_was_stopped_before_its_container_began_ends_it(tmp_path: Path) -> None:
    job = Job(grace_seconds=60)
    job.stop()
    assert job.run(_spawn(tmp_path, "import time; time.sleep(600)"), lambda _: None, 60).exit_code == 128 + 15


@given(st.text(max_size=3000), st.integers(0, 255))
def test_a_reason_fits_and_ends_with_the_exit_code(text: str, code: int) -> None:
    reason = failure_reason(text, code)
    assert len(reason) <= 1024
    assert reason.startswith("AlgorithmError: ")
    assert reason.endswith(f", exit code: {code}")
