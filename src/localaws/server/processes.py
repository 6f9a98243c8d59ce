"""Child processes of the server: each starts in a process group of its own and never outlives the server.

Runs in the server. Restarting a child that ended and reading its output are the caller's tasks.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

_lock = threading.Lock()
_live: dict[int, subprocess.Popen[bytes]] = {}
_sentinel: subprocess.Popen[str] | None = None


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | os.PathLike[str],
    stdout: int | IO[bytes],
    limit_bytes: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own and return the process; stderr joins stdout, and stdin is empty.

    `limit_bytes` is the limit of RLIMIT_DATA, which counts all private memory on Linux; other systems ignore it. The
    child's whole group is killed when this process ends, even by SIGKILL. Raises OSError if the program or the folder
    `cwd` does not exist.
    """
    command = list(argv)
    if limit_bytes is not None and sys.platform.startswith("linux"):
        # A shell sets the limit, because preexec_fn is not safe in a process with threads. ulimit counts in KiB.
        command = ["/bin/sh", "-c", 'ulimit -d "$1" && shift && exec "$@"', "sh", str(limit_bytes // 1024), *command]
    process = subprocess.Popen(
        command,
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with _lock:
        _live[process.pid] = process
        _tell_sentinel("+", process.pid)
    return process


def stop(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Send SIGTERM to the child's group, SIGKILL after `grace_seconds`, and reap the child.

    Call it for a child that has ended, too: its own children may still run, and its process id is released only here.
    """
    with _lock:
        # Once reaped, the process id may belong to another process, which must not be signalled.
        if process.pid not in _live:
            return
    if process.poll() is None and grace_seconds > 0:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    # The group may still have members after its leader has ended.
    _signal_group(process, signal.SIGKILL)
    process.wait()
    with _lock:
        if _live.pop(process.pid, None):
            _tell_sentinel("-", process.pid)


def stop_all(grace_seconds: float) -> None:
    """Stop all children at the same time, then the sentinel."""
    global _sentinel
    with _lock:
        processes = list(_live.values())
    if processes:
        with ThreadPoolExecutor(len(processes)) as pool:
            list(pool.map(lambda process: stop(process, grace_seconds), processes))
    with _lock:
        if _sentinel is not None and _sentinel.stdin is not None:
            _sentinel.stdin.close()
            _sentinel.wait()
        _sentinel = None


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _tell_sentinel(sign: str, pid: int) -> None:
    """Register (`+`) or release (`-`) a process group with the sentinel; `_lock` must be held."""
    global _sentinel
    if _sentinel is None or _sentinel.poll() is not None:
        program = Path(__file__).with_name("sentinel.py")
        # -I and -S skip site-packages: the sentinel starts faster and stays small.
        _sentinel = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program)], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        # A sentinel that was killed has taken its list with it.
        for live in _live:
            print(f"+{live}", file=_sentinel.stdin)
    print(f"{sign}{pid}", file=_sentinel.stdin, flush=True)
