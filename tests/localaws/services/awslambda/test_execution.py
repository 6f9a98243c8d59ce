import pytest

from localaws.services.awslambda.execution import log_lines, runs_in_sandbox
from localaws.services.awslambda.sandbox import InvocationResult


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Runtime": "python3.13"}, True),
        ({"Runtime": "nodejs22.x"}, False),
        ({"PackageType": "Image", "Runtime": "python3.13"}, False),
        ({}, False),
    ],
)
def test_only_python_functions_from_a_zip_run_in_a_sandbox(config: dict[str, str], expected: bool) -> None:
    assert runs_in_sandbox(config) is expected


def test_the_log_has_the_output_and_the_report_of_a_timeout() -> None:
    result = InvocationResult(b"", "Sandbox.Timedout", "one\n\ntwo\n", 3000.126, 99.5, 42)
    lines = log_lines(result, "id", {"MemorySize": 128})
    assert lines[:-1] == ["START RequestId: id Version: $LATEST", "one", "two", "END RequestId: id"]
    assert lines[-1].split("\t") == [
        "REPORT RequestId: id",
        "Duration: 3000.13 ms",
        "Billed Duration: 3100 ms",
        "Memory Size: 128 MB",
        "Max Memory Used: 42 MB",
        "Init Duration: 99.50 ms",
        "Status: timeout",
        "",
    ]
