"""The memory of a program of several processes, ours or a peer's."""

from __future__ import annotations

from pathlib import Path

import psutil


def memory(program: psutil.Process) -> dict[str, float]:
    """Of all its processes in MB of 10^6 bytes; what several of them share counts once.

    `pss_megabytes` is the kernel's own figure. It counts by half what the program shares with one process beside it,
    and ours shares its libraries' files with the benchmark; so `megabytes` counts each file's pages in full, by the
    process that has the most of them, and takes only the anonymous memory from the kernel. Takes 0.2 s of CPU where
    torch is loaded. Raises psutil.Error or OSError where a process ends meanwhile.
    """
    files = dict[str, int]()
    for process in family(program):
        for part in process.memory_maps():
            files[part.path] = max(files.get(part.path, 0), part.rss - part.anonymous)
    rollups = read_rollups(program)
    return {"megabytes": sum(files.values()) / 1e6 + total(rollups, "Pss_Anon"), "pss_megabytes": total(rollups, "Pss")}


def pss(program: psutil.Process) -> float:
    """`memory`'s pss_megabytes alone, in 0.03 s of CPU; raises as it does."""
    return total(read_rollups(program), "Pss")


def read_rollups(program: psutil.Process) -> list[str]:
    return [Path(f"/proc/{process.pid}/smaps_rollup").read_text() for process in family(program)]


def total(rollups: list[str], name: str) -> float:
    """The sum of one of their lines, in MB of 10^6 bytes."""
    return sum(1024 * int(rollup.partition(f"{name}:")[2].split()[0]) for rollup in rollups) / 1e6


def family(program: psutil.Process) -> list[psutil.Process]:
    return [program, *program.children(recursive=True)]
