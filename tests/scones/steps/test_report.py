import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scones.errors import NotReleasedError
from scones.settings import Settings
from scones.steps.report import collect, write

from ..report.conftest import whole_run
from .conftest import Forbidding


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
    with pytest.raises(NotReleasedError, match="no release has ended; run `scones release` first"):
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


def test_the_folder_runs_has_an_index_of_its_runs(tmp_path: Path) -> None:
    broken = tmp_path / "runs" / "0"
    broken.mkdir(parents=True)
    (broken / "summary.json").write_text("{")
    for name in ("1", "2"):
        write(whole_run(), tmp_path / "runs" / name)
    index = (tmp_path / "runs" / "index.html").read_text(encoding="utf-8")
    assert re.findall('href="(.*?)"', index) == ["2/report.html", "1/report.html"]


def test_a_folder_elsewhere_gets_no_index_beside_it(tmp_path: Path) -> None:
    write(whole_run(), tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.fixture
def released(localaws: Any, outputs: dict[str, str], eventually: Callable[..., Any]) -> dict[str, str]:
    """The outputs of a project with one release, of a data set without images."""
    manifest = {**whole_run()["manifest"], "digest": "4a5b", "images": [], "duplicates": [], "sketches": False}
    body = json.dumps(manifest)
    localaws.client("s3").put_object(Bucket=outputs["Bucket"], Key="data/4a5b/manifest.json", Body=body)
    states = localaws.client("stepfunctions")
    request = json.dumps({"name": "report-read", "digest": "4a5b"})
    execution = states.start_execution(stateMachineArn=outputs["ReleaseMachine"], input=request)["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    return outputs


def test_a_release_that_the_gate_stopped_has_a_report_with_its_reason(
    localaws: Any, released: dict[str, str], tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    states = localaws.client("stepfunctions")
    fail = {"Type": "Fail", "Error": "ModelBelowGateError", "Cause": "accuracy 0.7 is below 0.8"}
    machine = states.create_state_machine(
        name="report-gate",
        definition=json.dumps({"StartAt": "BelowGate", "States": {"BelowGate": fail}}),
        roleArn="arn:aws:iam::000000000000:role/any",
    )["stateMachineArn"]
    request = json.dumps({"name": "report-stopped", "digest": "4a5b", "minimum_accuracy": 0.8})
    execution = states.start_execution(stateMachineArn=machine, input=request)["executionArn"]
    eventually(lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED")
    outputs = released | {"ReleaseMachine": machine}
    run = collect(Settings(), outputs, run_id="r", where="laptop", client=localaws.client)
    # The executions of the fixture started before this release.
    assert run["delivery"]
    assert run["delivery"]["executions"] == []
    page = write(run, tmp_path).read_text(encoding="utf-8")
    assert "No: the release gate stopped the model." in page
    assert "Reason: accuracy 0.7 is below 0.8" in page
    assert "report-stopped" in page


@pytest.mark.parametrize(
    ("operation", "what"),
    [
        ("logs.filter_log_events", "log of depot-record"),
        ("stepfunctions.get_execution_history", "executions of report-nothing"),
        ("sagemaker.list_transform_jobs", "transform jobs"),
        ("s3.list_objects_v2", "decisions"),
    ],
)
def test_a_part_that_may_not_be_read_is_left_out_and_named_on_the_page(
    localaws: Any, released: dict[str, str], tmp_path: Path, operation: str, what: str
) -> None:
    client = Forbidding(localaws.client, (operation,))
    run = collect(Settings(project="depot"), released, run_id="r", where="laptop", client=client)
    page = write(run, tmp_path).read_text(encoding="utf-8")
    assert f"Left out: {what}. AWS does not allow you" in page
