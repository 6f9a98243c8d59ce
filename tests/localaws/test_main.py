import subprocess
import sys

import pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "localaws", *arguments], capture_output=True, text=True, check=False)


def test_the_help_lists_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    words = done.stdout.split()
    for command in ("up", "down", "status", "env", "serve"):
        assert command in words


@pytest.mark.parametrize("arguments", [[], ["restart"], ["status", "--verbose"]], ids=" ".join)
def test_wrong_usage_exits_with_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage: " in done.stdout + done.stderr


def test_an_error_is_one_line_without_a_traceback() -> None:
    done = run("serve", "--state", "unused", "--image", "no-command")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: --image 'no-command'")
    assert done.stderr.count("\n") == 1
