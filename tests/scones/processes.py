"""Queries of processes that may end meanwhile, for which psutil raises some errors of /proc unchanged."""

from __future__ import annotations

import psutil

VANISHED = (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError)


def is_gone(process: psutil.Process) -> bool:
    """Return whether a process has ended. A zombie has, too: its parent may never wait for it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except VANISHED:
        return True


def children(pid: int) -> list[psutil.Process]:
    """Return the living descendants of a process."""
    while True:
        try:
            return [child for child in psutil.Process(pid).children(recursive=True) if not is_gone(child)]
        except FileNotFoundError:
            continue


def listening_ports(pid: int) -> list[int]:
    """Return the TCP ports on which a process listens."""
    connections = psutil.Process(pid).net_connections("tcp")
    return [connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN]
