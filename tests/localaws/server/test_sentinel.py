import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from localaws.server import sentinel

Process = subprocess.Popen[str]


@pytest.fixture
def watcher() -> Iterator[Process]:
    """A sentinel, started as the server starts it."""
    argv = [sys.executable, "-I", "-S", sentinel.__file__]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process


@pytest.fixture
def group() -> Iterator[Callable[[], Process]]:
    """Starts a process group: a shell with a child; what is left is killed in the end."""
    started: list[Process] = []

    def start() -> Process:
        argv = ["/bin/sh", "-c", "sleep 600 & echo $!; wait"]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            subprocess.run(["/bin/kill", "-9", "--", f"-{process.pid}"], check=True)
            process.wait()


def child_of(leader: Process) -> int:
    assert leader.stdout is not None
    return int(leader.stdout.readline())


def test_the_end_of_stdin_kills_a_registered_group_and_its_children(
    watcher: Process, group: Callable[[], Process], ended: Callable[[int], bool]
) -> None:
    leader = group()
    child = child_of(leader)
    watcher.communicate(f"+{leader.pid}\n")
    assert watcher.returncode == 0
    assert ended(leader.pid)
    assert ended(child)


def test_a_released_group_lives_on(watcher: Process, group: Callable[[], Process]) -> None:
    leader = group()
    child_of(leader)
    watcher.communicate(f"+{leader.pid}\n-{leader.pid}\n")
    assert watcher.returncode == 0
    assert leader.poll() is None


def test_a_group_that_has_ended_does_not_spare_the_others(
    watcher: Process, group: Callable[[], Process], ended: Callable[[int], bool]
) -> None:
    with subprocess.Popen(["true"], start_new_session=True) as gone:
        gone.wait()
    leader = group()
    child_of(leader)
    watcher.communicate(f"+{gone.pid}\n+{leader.pid}\n-{gone.pid + leader.pid}\n")
    assert watcher.returncode == 0
    assert ended(leader.pid)
