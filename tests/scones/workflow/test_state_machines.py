"""What the two ASL files promise: names that exist, retries only for what is worth it, no path without an outcome."""

import importlib
import json
import re
from pathlib import Path
from typing import Any, get_args

import cfnlint.decode.cfn_yaml
import pytest
from cfnlint.api import lint
from jsonata import Jsonata

from scones import errors
from scones.contract.delivery import Outcome
from scones.contract.layout import IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES, MACHINES
from scones.settings import Settings
from scones.steps.account.package import state_machine, template

# Errors that Step Functions, Lambda's integration and boto3 raise themselves.
AWS_ERRORS = re.compile(
    r"(States|Lambda|Runtime|Sandbox|DynamoDB|SageMaker|StepFunctions|ApplicationAutoScaling)\.\w+|ClientError"
)

# The name of a service in the errors of its integrations.
SERVICES = {
    "sagemaker": "SageMaker",
    "lambda": "Lambda",
    "dynamodb": "DynamoDB",
    "states": "StepFunctions",
    "applicationautoscaling": "ApplicationAutoScaling",
}
EVENTS_OF_AN_EXECUTION = 25_000


def machine(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(state_machine(name))
    return found


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    found: dict[str, Any] = cfnlint.decode.cfn_yaml.loads(template("workflow"))["Resources"]
    return found


def rules(name: str, field: str) -> list[tuple[str, dict[str, Any]]]:
    return [(state, rule) for state, found in machine(name)["States"].items() for rule in found.get(field, [])]


@pytest.mark.parametrize("name", MACHINES)
def test_no_name_stands_twice_where_readers_would_drop_the_first(name: str) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), [key for key, _ in pairs]
        return dict(pairs)

    json.loads(state_machine(name), object_pairs_hook=unique)


def test_a_registered_model_says_what_its_endpoint_takes_and_answers() -> None:
    registered = machine("release")["States"]["Register"]["Arguments"]["InferenceSpecification"]
    assert registered["SupportedContentTypes"] == [*IMAGE_TYPES, JSON_LINES]
    assert registered["SupportedResponseMIMETypes"] == [JSON, INFERENCE_JSON, JSON_LINES]


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("field", ["Retry", "Catch"])
def test_every_error_that_is_matched_is_an_exception_that_exists(name: str, field: str) -> None:
    for state, rule in rules(name, field):
        for error in rule["ErrorEquals"]:
            assert AWS_ERRORS.fullmatch(error) or hasattr(errors, error), f"{name}.{state}: {error}"


@pytest.mark.parametrize("name", MACHINES)
def test_every_retry_backs_off_with_jitter_and_none_repeats_what_cannot_succeed(name: str) -> None:
    for state, rule in rules(name, "Retry"):
        if rule["ErrorEquals"] == ["NoOrderAvailable"]:
            continue  # Who stands in line asks at a steady pace.
        assert (rule["BackoffRate"], rule["JitterStrategy"]) == (2, "FULL"), f"{name}.{state}"
        assert not {"States.ALL", "ImageRejectedError", "ImageNotFoundError"} & set(rule["ErrorEquals"])


@pytest.mark.parametrize("name", MACHINES)
def test_every_substitution_is_given_by_the_template(name: str, workflow: dict[str, Any]) -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", state_machine(name).decode()))
    assert wanted == set(workflow[f"{name.title()}Machine"]["Properties"]["DefinitionSubstitutions"])


def test_every_function_of_the_template_has_a_handler(workflow: dict[str, Any]) -> None:
    handlers = [r["Properties"]["Handler"] for r in workflow.values() if r["Type"] == "AWS::Lambda::Function"]
    assert len(handlers) == 7
    for handler in handlers:
        module, _, function = handler.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_delivery_ends_recorded() -> None:
    states = machine("delivery")["States"]
    assert [name for name, state in states.items() if state["Type"] in ("Succeed", "Fail")] == [
        "Delivered",
        "DeliveryFailed",
    ]
    reaching = {name for name, state in states.items() if state.get("Next") == "Record"}
    outcomes = {name: re.findall(r"'outcome': '(\w+)'", states[name]["Output"]) for name in reaching}
    assert sorted(outcome for (outcome,) in outcomes.values()) == sorted(get_args(Outcome))
    for name in ("Serialize", "Claim", "Classify", "Filter", "Review", "Dispatch"):
        caught = states[name]["Catch"]
        assert caught[-1]["ErrorEquals"] == ["States.ALL"]
        assert {rule["Next"] for rule in caught} <= reaching | {"Review", "Repeat"}


def test_a_delivery_waits_for_a_person_and_in_line_within_its_own_time() -> None:
    delivery = machine("delivery")
    (line,) = [rule for _, rule in rules("delivery", "Retry") if rule["ErrorEquals"] == ["NoOrderAvailable"]]
    most = Settings.model_fields["review_minutes"].metadata[1].le * 60
    assert most + line["IntervalSeconds"] * line["MaxAttempts"] < delivery["TimeoutSeconds"]


def test_the_token_is_given_to_the_review_function_alone() -> None:
    states = machine("delivery")["States"]
    assert [name for name, state in states.items() if "Task.Token" in json.dumps(state)] == ["Review"]
    assert "token" not in states["Review"]["Output"]


def test_a_release_trains_evaluates_gates_registers_and_deploys_in_this_order() -> None:
    states = machine("release")["States"]
    order = ["Train"]
    while "Next" in states[order[-1]]:
        order.append(states[order[-1]]["Next"])
    assert order == ["Train", "Evaluate", "Gate", "Register", "Deploy", "Released"]


@pytest.mark.parametrize("name", MACHINES)
def test_every_task_retries_the_transient_errors_of_its_service(name: str) -> None:
    for state, found in machine(name)["States"].items():
        if found["Type"] != "Task":
            continue
        service = SERVICES[re.sub(r"^aws-sdk:(\w+):.*|^(\w+):.*", r"\1\2", found["Resource"].split(":::")[1])]
        matched = {error for rule in found["Retry"] for error in rule["ErrorEquals"]}
        assert any(error.startswith(f"{service}.") for error in matched), f"{name}.{state}"


def test_tasks_of_one_integration_retry_aws_errors_alike() -> None:
    retries: dict[str, set[str]] = {}
    for name in MACHINES:
        for found in machine(name)["States"].values():
            if found["Type"] == "Task":
                kind = re.sub(r"(.+:).*", r"\1", found["Resource"].split(":::")[1])
                retries.setdefault(kind, set()).add(json.dumps(aws_retries(found)))
    assert {kind: len(lists) for kind, lists in retries.items()} == dict.fromkeys(retries, 1)


def aws_retries(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a task's retriers of AWS's own errors, without the error classes of our handlers."""
    rules = [
        {**rule, "ErrorEquals": [error for error in rule["ErrorEquals"] if AWS_ERRORS.fullmatch(error)]}
        for rule in task["Retry"]
    ]
    return [rule for rule in rules if rule["ErrorEquals"]]


def test_an_endpoint_that_takes_two_hours_stays_under_the_limit_of_an_executions_history() -> None:
    wait = machine("deploy")["States"]["WaitForEndpoint"]
    (seconds,) = machine("deploy")["States"]["CreateEndpointConfig"]["Assign"].values()
    waited, rounds = 0, 0
    while waited < 2 * 3600:
        waited += seconds
        rounds += 1
        expression = wait["Assign"]["wait_seconds"].strip("{}% ").replace("$wait_seconds", str(seconds))
        seconds = Jsonata(expression).evaluate(None)
    # A round enters and leaves three states and its task is scheduled, started and ended.
    assert rounds * 9 < EVENTS_OF_AN_EXECUTION / 10


@pytest.mark.parametrize("name", MACHINES)
def test_cfn_lint_finds_nothing_in_the_state_machine(name: str, tmp_path: Path) -> None:
    # cfn-lint does not know that TimeoutSeconds may be an expression.
    definition = state_machine(name).decode().replace('"{% ${ReviewSeconds} %}"', "900")
    definition = re.sub(r"\$\{\w+\}", "1024", definition)
    properties = {"RoleArn": "arn:aws:iam::111122223333:role/r", "DefinitionString": definition}
    found = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    assert lint(json.dumps(found), regions=["us-east-1"]) == []
