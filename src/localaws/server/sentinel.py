"""Kills the process groups of a server that has ended. Runs beside it as `python sentinel.py`; standard library only.

Reads `+PGID` and `-PGID` lines from stdin. The end of stdin means that the server has ended, by SIGKILL or otherwise;
the groups that are still registered are killed. PR_SET_PDEATHSIG would not reach the children's own children.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Read registrations until the end of stdin, then kill the groups that are left."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
