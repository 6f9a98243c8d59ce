import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scones.errors import NotReleasedError
from scones.settings import Settings
from scones.steps.report import collect, write

from ..report.conftest import whole_run


@pytest.fixture
def outputs(localaws: Any) -> dict[str, str]:
    """The outputs of a project without any execution."""
    states = localaws.client("stepfunctions")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(
        name="report-nothing", definition=definition, roleArn="arn:aws:iam::000000000000:role/any"
    )["stateMachineArn"]
    localaws.client("s3").create_bucket(Bucket="report-nothing")
    return {"Bucket": "report-nothing", "ReleaseMachine": machine, "DeployMachine": machine, "DeliveryMachine": machine}


def test_a_report_before_any_release_says_what_to_do(localaws: Any, outputs: dict[str, str]) -> None:
    with pytest.raises(NotReleasedError, match="run `scones release` first"):
        collect(Settings(), outputs, run_id="r", where="laptop", client=localaws.client)


def test_a_report_without_its_data_set_names_the_digest(
    localaws: Any, outputs: dict[str, str], eventually: Callable[..., Any]
) -> None:
    states = localaws.client("stepfunctions")
    request = json.dumps({"name": "report-release", "digest": "3f2a"})
    execution = states.start_execution(stateMachineArn=outputs["ReleaseMachine"], input=request)["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    with pytest.raises(NotReleasedError, match="data set 3f2a of release report-release is gone"):
        collect(Settings(), outputs, run_id="r", where="laptop", client=localaws.client)


def test_a_report_is_a_page_and_a_summary_that_names_what_is_left(tmp_path: Path) -> None:
    page = write(whole_run(), tmp_path / "runs" / "1", left=["bucket b"])
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    summary = json.loads((page.parent / "summary.json").read_text(encoding="utf-8"))
    assert summary["cleanup"] == {"left": ["bucket b"]}
