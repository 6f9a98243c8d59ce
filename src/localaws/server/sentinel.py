"""Ends the process groups of a server that died. Runs beside it as `python sentinel.py`; stdlib only.

Reads `+PGID` and `-PGID` lines from stdin. EOF means that the server is gone, however it went (kill -9 included):
whatever is still registered is killed, children's children too, which PR_SET_PDEATHSIG would not reach.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
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
