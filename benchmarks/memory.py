"""The memory of a program of several processes, ours or a peer's."""

from __future__ import annotations

from pathlib import Path

import psutil


def memory(program: psutil.Process) -> dict[str, float]:
    """Of all its processes in MB of 10^6 bytes; what several of them share counts once.

    `pss_megabytes` is the kernel's own figure. It counts by half what the program shares with one process beside it,
    and ours shares its libraries' files with the benchmark; so `megabytes` counts each file's pages in full, by the
    process that has the most of them, and takes only the anonymous memory from the kernel. Raises
    psutil.NoSuchProcess, ProcessLookupError or FileNotFoundError where one of them ends meanwhile.
    """
    files, anonymous, pss = dict[str, int](), 0, 0
    for process in [program, *program.children(recursive=True)]:
        for part in process.memory_maps():
            files[part.path] = max(files.get(part.path, 0), part.rss - part.anonymous)
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        anonymous += 1024 * int(rollup.partition("Pss_Anon:")[2].split()[0])
        pss += process.memory_full_info().pss
    return {"megabytes": (sum(files.values()) + anonymous) / 1e6, "pss_megabytes": pss / 1e6}
