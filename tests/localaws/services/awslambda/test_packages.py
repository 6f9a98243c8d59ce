import sys
from pathlib import Path

import pytest

from localaws.services.awslambda.packages import runs_own_runtime, runtime_command, runtime_packages


def test_a_function_finds_the_sdk_and_the_runtime_and_little_else() -> None:
    found = {path.name for path in runtime_packages().iterdir()}
    assert {"boto3", "botocore", "simplejson", "urllib3"} <= found
    assert ("awslambdaric" in found) is not runs_own_runtime()
    assert not {"ministack", "localaws", "numpy", "pytest"} & found


def test_the_variable_chooses_our_own_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALAWS_RUNTIME", "own")
    command = runtime_command("app.handler")
    assert (command[0], command[-1]) == (sys.executable, "app.handler")
    assert Path(command[-2]).name == "runtime.py"
