import subprocess
import sys

PROGRAM = """
from pathlib import Path
from scones.model import heap

MEGABYTE = 1024 * 1024

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def use(size):
    # A small block behind each large one keeps the end of the heap in use.
    pairs = [(bytearray(size), bytearray(1000)) for _ in range(100)]
    return [small for _, small in pairs]

heap.return_large_blocks()
bytearray(30 * MEGABYTE)
before = resident()
kept = use(4 * MEGABYTE), use(100 * 1024)
heap.trim()
print((resident() - before) // MEGABYTE)
"""


def test_large_blocks_are_returned_when_they_are_freed_and_small_ones_when_the_heap_is_trimmed() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 2
