"""One lock for all workers of the container: only one of them decodes an image that takes much memory."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


class DecodeLock:
    """A lock between processes, to be created before they are forked. Threads of one process do not exclude another."""

    def __init__(self) -> None:
        # A record lock belongs to a process, so the kernel releases it when a worker is killed; a token in a pipe or a
        # multiprocessing.Lock would be lost with its holder, and no large image answered any more.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, and hold it during the block."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
