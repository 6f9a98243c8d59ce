import subprocess
import sys
from pathlib import Path

from localaws.server import sentinel


def test_only_groups_that_are_still_registered_are_killed() -> None:
    kept, killed = (subprocess.Popen(["/bin/sleep", "600"], start_new_session=True) for _ in range(2))
    lines = f"+{kept.pid}\n+{killed.pid}\n-{kept.pid}\n"
    try:
        program = [sys.executable, str(Path(sentinel.__file__))]
        subprocess.run(program, input=lines, text=True, check=True)
        assert killed.wait() == -9
        assert kept.poll() is None
    finally:
        kept.kill()
        kept.wait()
