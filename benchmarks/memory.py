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
    return {"megabytes": sum(files.values()) / 1e6 + pss(program, "Pss_Anon"), "pss_megabytes": pss(program)}


def pss(program: psutil.Process, kind: str = "Pss") -> float:
    """The sum of one line of /proc/PID/smaps_rollup, in MB of 10^6 bytes; raises as `memory` does."""
    rollups = [Path(f"/proc/{process.pid}/smaps_rollup").read_text() for process in family(program)]
    return sum(1024 * int(rollup.partition(f"{kind}:")[2].split()[0]) for rollup in rollups) / 1e6


def family(program: psutil.Process) -> list[psutil.Process]:
    return [program, *program.children(recursive=True)]
