"""The course's state machines in examples/course/, run with our handlers, alone and after the students' own."""

from __future__ import annotations

import io
import itertools
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cfnlint.decode.cfn_yaml  # noqa: F401 - cfn-lint's API needs it loaded first
import pytest
from cfnlint.api import lint

from scones.steps.account.package import function_zip

COURSE = Path(__file__).parents[2] / "examples" / "course"
SHAPES = sorted(path.name.removesuffix(".asl.json") for path in COURSE.glob("*.asl.json"))
ROLE = "arn:aws:iam::000000000000:role/any"
STATES = ("Serialize", "Classify", "Filter")
OURS = tuple(f"scones.workflow.{state.lower()}.handler" for state in STATES)
THEIRS = ("theirs.serialize", "theirs.classify", "theirs.filter_low")

# Ours replace theirs from the last state backwards, because theirs may not understand our results.
MIXED = {
    "theirs": THEIRS,
    "our Filter": (*THEIRS[:2], OURS[2]),
    "our Classify and Filter": (THEIRS[0], *OURS[1:]),
    "our Classify and Filter after bytes": ("theirs.serialize_to_bytes", *OURS[1:]),
    "ours": OURS,
}

Run = Callable[..., dict[str, Any]]


def definition(shape: str, functions: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda name: functions[name[1]], (COURSE / f"{shape}.asl.json").read_text())


def theirs_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.write(COURSE / "theirs.py", "theirs.py")
    return file.getvalue()


@pytest.fixture(scope="module")
def functions(localaws: Any) -> dict[str, str]:
    """Return the ARN of each handler's function. The endpoint returns the bytes of the image as its response."""
    sagemaker = localaws.client("sagemaker")
    sagemaker.create_model(ModelName="course", PrimaryContainer={"Image": "toy"}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "v", "ModelName": "course", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="course", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="course", EndpointConfigName="course")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="course", WaiterConfig={"Delay": 1})
    zips = {"scones": function_zip(), "theirs": theirs_zip()}
    return {handler: _create(localaws, handler, zips) for handler in (*OURS, *THEIRS, "theirs.serialize_to_bytes")}


def _create(localaws: Any, handler: str, zips: dict[str, bytes]) -> str:
    created = localaws.client("lambda").create_function(
        FunctionName="course-" + handler.replace(".", "-"),
        Runtime="python3.13",
        Role=ROLE,
        Handler=handler,
        Code={"ZipFile": zips[handler.partition(".")[0]]},
        Timeout=30,
        Environment={"Variables": {"ENDPOINT_NAME": "course", "THRESHOLD": "0.93"}},
    )
    return str(created["FunctionArn"])


@pytest.fixture(scope="module")
def run(localaws: Any, functions: dict[str, str]) -> Iterator[Run]:
    """Return a function that runs an image through a state machine with a handler for each of its three states."""
    s3 = localaws.client("s3")
    states = localaws.client("stepfunctions")
    numbers = itertools.count()
    s3.create_bucket(Bucket="course")
    s3.put_bucket_versioning(Bucket="course", VersioningConfiguration={"Status": "Enabled"})

    def send(shape: str, handlers: tuple[str, ...], image: bytes) -> dict[str, Any]:
        number = next(numbers)
        data = {"image_data": "", "s3_bucket": "course", "s3_key": f"test/{number}.png", "inferences": []}
        s3.put_object(Bucket="course", Key=data["s3_key"], Body=image)
        chosen = {f"{state}Function": functions[handler] for state, handler in zip(STATES, handlers, strict=True)}
        machine = states.create_state_machine(name=f"c{number}", definition=definition(shape, chosen), roleArn=ROLE)
        started = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(data))
        # Ends at the latest with the functions' timeouts and the test's own.
        while (execution := states.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
            time.sleep(0.02)
        return {**execution, "s3_key": data["s3_key"]}

    yield send
    localaws.client("sagemaker").delete_endpoint(EndpointName="course")


def data_object(output: Any) -> dict[str, Any]:
    """Return the data object in the result of the last state."""
    while isinstance(output, str):
        output = json.loads(output)
    inner = output.get("Payload", output.get("body", output))
    return inner if inner is output else data_object(inner)


@pytest.mark.parametrize("handlers", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_confident_prediction_passes_every_state_machine(run: Run, shape: str, handlers: tuple[str, ...]) -> None:
    execution = run(shape, handlers, b"[0.97, 0.03]")
    assert execution["status"] == "SUCCEEDED", execution
    data = data_object(execution["output"])
    assert data["s3_key"] == execution["s3_key"]
    inferences = data["inferences"]
    assert (json.loads(inferences) if isinstance(inferences, str) else inferences) == [0.97, 0.03]


@pytest.mark.parametrize("handlers", list(MIXED.values())[1:], ids=list(MIXED)[1:])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_unsure_prediction_fails_by_its_error_name(run: Run, shape: str, handlers: tuple[str, ...]) -> None:
    execution = run(shape, handlers, b"[0.6, 0.4]")
    assert (execution["status"], execution["error"]) == ("FAILED", "ThresholdConfidenceNotMet")
    assert json.loads(execution["cause"])["errorMessage"].startswith("THRESHOLD_CONFIDENCE_NOT_MET")


def test_a_large_image_is_read_from_s3_by_classify(run: Run) -> None:
    image = b"[0.97, 0.03]" + b" " * 300_000
    for shape in SHAPES:
        data = data_object(run(shape, OURS, image)["output"])
        assert (data["image_data"], data["inferences"]) == ("", [0.97, 0.03])


def test_the_readme_links_every_state_machine() -> None:
    page = (COURSE / "README.md").read_text()
    assert [shape for shape in SHAPES if f"[{shape}.asl.json]({shape}.asl.json)" not in page] == []


@pytest.mark.parametrize("shape", SHAPES)
def test_cfn_lint_has_no_findings(shape: str) -> None:
    named = {f"{s}Function": f"arn:aws:lambda:us-east-1:111122223333:function:{s.lower()}" for s in STATES}
    properties = {"RoleArn": "arn:aws:iam::111122223333:role/r", "DefinitionString": definition(shape, named)}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    assert lint(json.dumps(template), regions=["us-east-1"]) == []
