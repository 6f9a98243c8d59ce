"""The memory of a program with several processes, ours or a peer's."""

from __future__ import annotations

from pathlib import Path

import psutil


def memory(program: psutil.Process) -> dict[str, float]:
    """Return the memory of all processes in MB (10^6 bytes), with shared pages counted once.

    `pss_megabytes` is the kernel's own figure. It counts by half what the program shares with one process beside it,
    and ours shares its libraries' files with the benchmark; so `megabytes` counts each file's pages in full, by the
    process that has the most of them, and takes only the anonymous memory from the kernel. Takes 0.2 s of CPU where
    torch is loaded. Raises psutil.Error or OSError if a process ends during the reading.
    """
    files = dict[str, int]()
    for process in family(program):
        for part in process.memory_maps():
            files[part.path] = max(files.get(part.path, 0), part.rss - part.anonymous)
    rollups = read_rollups(program)
    return {"megabytes": sum(files.values()) / 1e6 + total(rollups, "Pss_Anon"), "pss_megabytes": total(rollups, "Pss")}


def pss(program: psutil.Process) -> float:
    """Return only `memory`'s pss_megabytes, in 0.03 s of CPU; raises as `memory` does."""
    return total(read_rollups(program), "Pss")


def read_rollups(program: psutil.Process) -> list[str]:
    """Return the kernel's memory summary of each process."""
    return [Path(f"/proc/{process.pid}/smaps_rollup").read_text() for process in family(program)]


def total(rollups: list[str], name: str) -> float:
    """Return the sum of a field of the summaries in MB (10^6 bytes)."""
    return sum(1024 * int(rollup.partition(f"{name}:")[2].split()[0]) for rollup in rollups) / 1e6


def family(program: psutil.Process) -> list[psutil.Process]:
    """Return the process and all its descendants."""
    return [program, *program.children(recursive=True)]
