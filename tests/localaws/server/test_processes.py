import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from localaws.server import processes

ENV = {"PATH": os.defpath}
PARENT = """
import subprocess, sys
from localaws.server import processes
child = processes.spawn(
    ["/bin/sh", "-c", "sleep 600 & echo $!; wait"], env={"PATH": "/usr/bin:/bin"}, cwd="/", stdout=subprocess.PIPE)
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
sys.stdin.read()
"""


def test_children_and_their_children_die_with_a_parent_that_is_killed(ended: Callable[[int], bool]) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child, grandchild = map(int, parent.stdout.readline().split())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert ended(child)
    assert ended(grandchild)


def test_a_child_gets_only_the_environment_it_is_given_and_its_stderr_joins_stdout(tmp_path: Path) -> None:
    child = processes.spawn(
        ["/bin/sh", "-c", "env >&2; pwd"], env={"ONLY": "this"}, cwd=tmp_path, stdout=subprocess.PIPE
    )
    out = child.communicate()[0].decode()
    processes.stop(child, 1)
    assert "ONLY=this" in out
    assert "HOME=" not in out
    assert str(tmp_path) in out


def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    child = processes.spawn(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"],
        env=ENV,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    processes.stop(child, 0.2)
    assert child.returncode == -signal.SIGKILL


def test_a_child_over_its_memory_limit_gets_a_memory_error(tmp_path: Path) -> None:
    child = processes.spawn(
        [sys.executable, "-c", "bytearray(200 << 20)"],
        env=ENV,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        limit_bytes=100 << 20,
    )
    out = child.communicate()[0]
    processes.stop(child, 1)
    assert b"MemoryError" in out
