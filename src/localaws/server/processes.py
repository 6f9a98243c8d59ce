"""Child processes of the server: started in a group of their own, and never outliving it. Runs in the server.

Does not restart what dies and does not read what children print; that is the caller's.
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
    """Start `argv` in a session of its own; stderr joins stdout and stdin is empty.

    `limit_bytes` caps RLIMIT_DATA, which on Linux counts all private memory. Whatever becomes of this process, the
    child's whole group ends with it. Raises OSError where the program or the folder is not there.
    """
    command = list(argv)
    if limit_bytes is not None:
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
    """SIGTERM to the group, SIGKILL after `grace_seconds`, reap. To be called for a child that ended by itself too."""
    with _lock:
        if process.pid not in _live:
            return
    if process.poll() is None and grace_seconds > 0:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    # Its children may still be there when the leader is not.
    _signal_group(process, signal.SIGKILL)
    process.wait()
    with _lock:
        if _live.pop(process.pid, None):
            _tell_sentinel("-", process.pid)


def stop_all(grace_seconds: float) -> None:
    """Stop every live child at once, then the sentinel."""
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
    global _sentinel
    if _sentinel is None or _sentinel.poll() is not None:
        program = Path(__file__).with_name("sentinel.py")
        _sentinel = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program)], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        for live in _live:
            print(f"+{live}", file=_sentinel.stdin)
    print(f"{sign}{pid}", file=_sentinel.stdin, flush=True)
