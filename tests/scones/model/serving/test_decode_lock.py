import os
import signal
from collections.abc import Callable

from scones.model.serving.decode_lock import DecodeLock


def fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def test_one_process_waits_for_the_other() -> None:
    lock = DecodeLock()
    reader, writer = os.pipe()

    def work() -> None:
        with lock.held():
            os.write(writer, b"child")

    with lock.held():
        pid = fork(work)
        os.write(writer, b"parent ")
    os.waitpid(pid, 0)
    assert os.read(reader, 100) == b"parent child"


def test_a_worker_that_is_killed_holds_it_no_longer() -> None:
    lock = DecodeLock()
    reader, writer = os.pipe()

    def work() -> None:
        with lock.held():
            os.write(writer, b"held")
            signal.pause()

    pid = fork(work)
    assert os.read(reader, 4) == b"held"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with lock.held():
        pass
