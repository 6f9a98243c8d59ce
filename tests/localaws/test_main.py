import subprocess
import sys


def test_the_package_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "localaws", "--help"], capture_output=True, text=True, check=True)
    assert "serve" in done.stdout
