"""A look at processes that may vanish meanwhile; psutil hands on some of the errors of files that go with them."""

from __future__ import annotations

import psutil

VANISHED = (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError)


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; whoever should collect a zombie may never do so."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except VANISHED:
        return True


def children(pid: int) -> list[psutil.Process]:
    """The living children of a process, and theirs."""
    while True:
        try:
            return [child for child in psutil.Process(pid).children(recursive=True) if not is_gone(child)]
        except FileNotFoundError:
            continue


def listening_ports(pid: int) -> list[int]:
    found = psutil.Process(pid).net_connections("tcp")
    return [connection.laddr.port for connection in found if connection.status == psutil.CONN_LISTEN]
